package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"charthand/fixtures"
)

// What BenchmarkServe asks of bin/charthand.
const (
	builtProgram = "../../bin/charthand"
	loadClients  = 16
	loadNotes    = 200
	loadRounds   = 3
	maxRSS       = 350 << 10 // KiB
	maxStart     = time.Second
	leastOfBatch = 0.95
)

// BenchmarkServe runs bin/charthand as a server under 16 clients that each send one note after the other, and the same notes in
// one batch with `charthand extract`: notes/s of both, their ratio, the server's largest memory and the time from its start to its
// readiness.
func BenchmarkServe(b *testing.B) {
	if _, err := os.Stat(builtProgram); err != nil {
		b.Skip("make build first")
	}
	documents := fixtures.DictatedDocuments(b, loadNotes)
	if len(documents) == 0 {
		b.Skip("mtsamples is not there")
	}
	for b.Loop() {
		var served, batch time.Duration
		var memory int
		var start time.Duration
		for range loadRounds {
			s := startServer(b)
			start = max(start, s.took)
			served += s.load(b, documents)
			memory = max(memory, s.stop(b))
			batch += extractAll(b, documents) - extractAll(b, documents[:1])
		}
		notes := float64(loadRounds * len(documents))
		ratio := batch.Seconds() / served.Seconds()
		b.ReportMetric(notes/served.Seconds(), "served-notes/s")
		b.ReportMetric(notes/batch.Seconds(), "batch-notes/s")
		b.ReportMetric(ratio, "served/batch")
		b.ReportMetric(float64(memory)/1024, "MiB")
		b.ReportMetric(float64(start.Milliseconds()), "ms-to-ready")
		if ratio < leastOfBatch || memory > maxRSS || start > maxStart {
			b.Logf("asked for: %.2f of the batch, %d MiB, %s to ready", leastOfBatch, maxRSS>>10, maxStart)
		}
	}
}

// extractAll times `charthand extract` over documents.
func extractAll(b *testing.B, documents [][]byte) time.Duration {
	command := exec.Command(builtProgram, "extract", "-")
	command.Stdin = bytes.NewReader(bytes.Join(documents, []byte("\n")))
	began := time.Now()
	if err := command.Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// runningServer is bin/charthand as it serves.
type runningServer struct {
	command *exec.Cmd
	url     string
	took    time.Duration // from its start to its readiness
	logged  sync.WaitGroup
}

func startServer(b *testing.B) *runningServer {
	s := &runningServer{command: exec.Command(builtProgram, "serve", "--listen", "127.0.0.1:0")}
	messages, err := s.command.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := s.command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.command.Process.Kill() }) // where it has not ended
	lines := bufio.NewReader(messages)
	line, err := lines.ReadString('\n')
	found := regexp.MustCompile(`http://\S+?:\d+`).FindString(line)
	if err != nil || found == "" {
		b.Fatalf("the server said %q: %v", line, err)
	}
	s.url = found
	response, err := http.Get(s.url + "/readyz")
	if err != nil {
		b.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != http.StatusOK {
		b.Fatal("not ready: ", response.Status)
	}
	s.took = time.Since(began)
	s.logged.Go(func() { _, _ = io.Copy(io.Discard, lines) }) // its log, until it ends
	return s
}

// load sends every document once, each of the clients one after the other.
func (s *runningServer) load(b *testing.B, documents [][]byte) time.Duration {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadClients}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for range loadClients {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(documents) {
					return
				}
				response, err := client.Post(s.url+"/fhir/DocumentReference/$extract", "application/fhir+json", bytes.NewReader(documents[i]))
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, response.Body)
				if response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
					b.Errorf("note %d: %s, %v", i, response.Status, err)
					return
				}
			}
		})
	}
	group.Wait()
	return time.Since(began)
}

// stop ends the server in order and gives the most memory that it held, in KiB.
func (s *runningServer) stop(b *testing.B) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	memory, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	s.logged.Wait()
	if err := s.command.Wait(); err != nil {
		b.Fatal(err)
	}
	return memory
}
