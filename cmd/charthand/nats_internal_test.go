package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"charthand/partners/hapi"
	"charthand/queue"
)

// sink is a FHIR server that has notes and forgets what is written: what is measured is charthand.
type sink struct {
	*httptest.Server
	mutex   sync.Mutex
	written map[string]int // transactions by document
}

func newSink(t *testing.T, text string) *sink {
	t.Helper()
	s := &sink{written: map[string]int{}}
	data := base64.StdEncoding.EncodeToString([]byte(text))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		name := strings.TrimPrefix(r.URL.Path, "/fhir/")
		switch {
		case name == "metadata":
			fmt.Fprint(w, `{"resourceType":"CapabilityStatement","rest":[{"mode":"server","interaction":[{"code":"transaction"}]}]}`)
		case r.Method == http.MethodPost:
			var bundle struct {
				Entry []struct {
					Resource json.RawMessage
					Request  struct{ URL string }
				}
			}
			if json.NewDecoder(r.Body).Decode(&bundle) != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			var entries []string
			for i, entry := range bundle.Entry {
				entries = append(entries, fmt.Sprintf(`{"response":{"status":"201 Created","location":"%s/%d/_history/1"}}`, entry.Request.URL, i))
				if _, rest, found := strings.Cut(string(entry.Resource), `"what":{"reference":"`); found {
					document, _, _ := strings.Cut(rest, `"`)
					s.mutex.Lock()
					s.written[document]++
					s.mutex.Unlock()
				}
			}
			fmt.Fprint(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[`+strings.Join(entries, ",")+`]}`)
		case strings.Contains(name, "/"):
			fmt.Fprintf(w, `{"resourceType":"DocumentReference","id":%q,"meta":{"versionId":"1"},"status":"current","subject":{"reference":"Patient/1"},"content":[{"attachment":{"contentType":"text/plain","data":%q}}]}`,
				strings.TrimPrefix(name, "DocumentReference/"), data)
		default:
			fmt.Fprint(w, `{"resourceType":"Bundle","type":"searchset"}`)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) done() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.written)
}

// cluster is a NATS server of its own.
type cluster struct {
	t     *testing.T
	url   string
	queue *queue.Queue
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	if os.Getenv(hapi.Variable) == "" {
		t.Skip("it builds a NATS server: make test-integration does")
	}
	program := filepath.Join(t.TempDir(), "nats-server")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	listener.Close()
	command := exec.Command(program, "--jetstream", "--store_dir", t.TempDir(), "--addr", "127.0.0.1", "--port", port)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	c := &cluster{t: t, url: "nats://127.0.0.1:" + port}
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if c.queue, err = queue.Open(t.Context(), queue.Config{URL: c.url}); err == nil {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatal(err)
		}
	}
	t.Cleanup(c.queue.Close)
	return c
}

// worker starts charthand on one processor.
func (c *cluster) worker(s *sink, processor int) *exec.Cmd {
	c.t.Helper()
	site := save(c.t, "site.yaml", "sync: { workers: 1, every: 1h, criteria: ['DocumentReference?type=none'] }\n")
	arguments := []string{filepath.Join("..", "..", "bin", "charthand"), "serve", "--listen", "127.0.0.1:0", "--fhir-base", s.URL + "/fhir", "--nats-url", c.url, "--config", site}
	if _, err := exec.LookPath("taskset"); err == nil {
		arguments = append([]string{"taskset", "-c", strconv.Itoa(processor % runtime.NumCPU())}, arguments...)
	}
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Env = append(os.Environ(), "GOMAXPROCS=1")
	if err := command.Start(); err != nil {
		c.t.Fatalf("%v: make build makes it", err)
	}
	c.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

// fill puts documents into the queue.
func (c *cluster) fill(prefix string, n int) {
	c.t.Helper()
	for i := range n {
		if err := c.queue.Add(c.t.Context(), queue.Job{Document: fmt.Sprintf("DocumentReference/%s-%d", prefix, i), Version: "1"}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// until waits until so many documents are done.
func (c *cluster) until(s *sink, n int) {
	c.t.Helper()
	for begun := time.Now(); s.done() < n; time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 5*time.Minute {
			c.t.Fatalf("%d of %d documents are done", s.done(), n)
		}
	}
}

const measuredNote = "The patient was seen in clinic and was well. Has pneumonia. Takes lisinopril 10 mg daily. No chest pain. "

// One of two workers is killed in the middle: the other does its jobs, each once.
func TestWorkerKilledOnNATS(t *testing.T) {
	c := newCluster(t)
	s := newSink(t, strings.Repeat(measuredNote, 10))
	const notes = 60
	c.fill("k", notes)
	first := c.worker(s, 0)
	c.worker(s, 1)
	c.until(s, notes/3)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.until(s, notes)
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		waiting, dead, err := c.queue.Depth(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if waiting == 0 && dead == 0 {
			break
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("%d jobs wait, %d came to nothing", waiting, dead)
		}
	}
	twice := 0
	for _, n := range s.written {
		if n > 1 {
			twice++
		}
	}
	if twice > 1 { // the one that the killed worker had in hand
		t.Errorf("%d documents were written twice", twice)
	}
}

// processorTime gives the processor time of a process, in seconds.
func processorTime(t *testing.T, pid int) float64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip("the system does not say how much processor time is used")
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return float64(user+system) / 100
}

// Two workers of a processor each do half as much again as one at the least, with a tenth more processor time a note at the most. It is a
// figure of a quiet machine: make soak prints it.
func TestTwoWorkersOnNATS(t *testing.T) {
	if os.Getenv("CHARTHAND_SOAK") == "" {
		t.Skip("a figure, not a check: make soak measures it")
	}
	c := newCluster(t)
	const notes = 150
	measure := func(run string, workers int) (perSecond, timePerNote float64) {
		s := newSink(t, strings.Repeat(measuredNote, 20))
		c.fill(run, notes)
		var commands []*exec.Cmd
		for i := range workers {
			commands = append(commands, c.worker(s, i))
		}
		total := func() (sum float64) {
			for _, command := range commands {
				sum += processorTime(t, command.Process.Pid)
			}
			return sum
		}
		c.until(s, notes/5)
		begun, at, used := time.Now(), s.done(), total()
		c.until(s, notes*9/10)
		n := float64(s.done() - at)
		perSecond, timePerNote = n/time.Since(begun).Seconds(), (total()-used)/n
		c.until(s, notes)
		for _, command := range commands {
			_ = command.Process.Kill()
			_ = command.Wait()
		}
		return perSecond, timePerNote
	}
	var gain, cost []float64
	for try := range 5 { // the medians count: machines have moods
		one, oneTime := measure(fmt.Sprint("one", try), 1)
		two, twoTime := measure(fmt.Sprint("two", try), 2)
		t.Logf("one worker %.1f notes/s, two %.1f: %.2f times as many; processor time a note %.2f times as much", one, two, two/one, twoTime/oneTime)
		gain, cost = append(gain, two/one), append(cost, twoTime/oneTime)
	}
	slices.Sort(gain)
	slices.Sort(cost)
	t.Logf("medians: %.2f times as many notes, %.2f times the processor time a note", gain[2], cost[2])
	if gain[2] < 1.5 || cost[2] > 1.1 {
		t.Error("expected 1.5 times as many notes at the least, and 1.1 times the processor time a note at the most")
	}
}
