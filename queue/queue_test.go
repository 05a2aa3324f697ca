package queue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"charthand/queue"

	"github.com/google/go-cmp/cmp"
)

// Variables that make this program one that a test kills, or that has no room on its disk.
const (
	folderVariable = "QUEUE_TEST_FOLDER"
	limitVariable  = "QUEUE_TEST_LIMIT"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(folderVariable); folder != "" {
		if err := victim(folder); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// What a test says to a victim beside the names of jobs: that nothing may be written any more, that there is room again, and whether jobs are taken.
const (
	full     = "full"
	room     = "room"
	writable = "writable"
)

// victim adds the jobs that its input names, and says of each that it is stored, or why not.
func victim(folder string) error {
	ctx := context.Background()
	q, err := queue.Open(ctx, queue.Config{Dir: folder})
	if err != nil {
		return err
	}
	var free syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		return err
	}
	if os.Getenv(limitVariable) != "" {
		// From now on no file may grow beyond what the store has set aside so far.
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 16, Max: free.Max}); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		name := lines.Text()
		limit := map[string]*syscall.Rlimit{full: {Max: free.Max}, room: &free}[name]
		if limit != nil {
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, limit); err != nil {
				return err
			}
			fmt.Println(name)
			continue
		}
		adding, cancel := context.WithTimeout(ctx, 5*time.Second)
		if name == writable {
			fmt.Println(name, q.Writable(adding) == nil)
		} else if err := q.Add(adding, queue.Job{Document: name, Version: "1"}); err != nil {
			fmt.Println("refused", name)
		} else {
			fmt.Println("stored", name)
		}
		cancel()
	}
	return nil
}

func open(t *testing.T, config queue.Config) *queue.Queue {
	t.Helper()
	if config.Dir == "" && config.URL == "" {
		config.Dir = t.TempDir()
	}
	q, err := queue.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func add(t *testing.T, q *queue.Queue, names ...string) {
	t.Helper()
	for _, name := range names {
		document, version, _ := strings.Cut(name, "|")
		if err := q.Add(t.Context(), queue.Job{Document: document, Version: version, Source: "test"}); err != nil {
			t.Fatal(err)
		}
	}
}

// passing is a failure that may pass.
type passing struct{}

func (passing) Error() string   { return "down" }
func (passing) Temporary() bool { return true }

// work runs a queue until as many jobs were handled as are expected, and gives their names in order.
func work(t *testing.T, q *queue.Queue, expected int, handle queue.Handler) []string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	var mutex sync.Mutex
	var names []string
	err := q.Run(ctx, 1, func(ctx context.Context, job queue.Job) error {
		var err error
		if handle != nil {
			err = handle(ctx, job)
		}
		mutex.Lock()
		defer mutex.Unlock()
		if names = append(names, strings.TrimSuffix(job.Document+"|"+job.Version, "|")); len(names) == expected {
			// The answer of this one has to arrive first.
			time.AfterFunc(500*time.Millisecond, stop)
		}
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the queue ended with %v after %q", err, names)
	}
	return names
}

func depth(t *testing.T, q *queue.Queue) [2]uint64 {
	t.Helper()
	waiting, dead, err := q.Depth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return [2]uint64{waiting, dead}
}

// Jobs are done in their order, each version once; what may pass waits, what may not becomes a dead letter, and others go on.
func TestJobs(t *testing.T) {
	q := open(t, queue.Config{})
	defer q.Close()
	add(t, q, "DocumentReference/1|1", "DocumentReference/2|1", "DocumentReference/1|1", "DocumentReference/1|2", "DocumentReference/3")
	tries := 0
	got := work(t, q, 5, func(_ context.Context, job queue.Job) error {
		switch {
		case job.Document == "DocumentReference/2":
			return errors.New("the patient is missing")
		case job.Version == "2" && tries == 0:
			tries++
			return passing{}
		}
		return nil
	})
	want := []string{"DocumentReference/1|1", "DocumentReference/2|1", "DocumentReference/1|2", "DocumentReference/3", "DocumentReference/1|2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := depth(t, q); got != [2]uint64{0, 1} {
		t.Errorf("%d jobs wait, and there are %d dead letters", got[0], got[1])
	}
	var letters []queue.Item
	if err := q.DeadLetters(t.Context(), func(item queue.Item) error { letters = append(letters, item); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(letters) != 1 || letters[0].Document != "DocumentReference/2" || letters[0].Reason != "the patient is missing" || letters[0].Source != "test" {
		t.Fatalf("the dead letters are %+v", letters)
	}
	// Put back, it is done.
	if err := q.Retry(t.Context(), letters[0].Number); err != nil {
		t.Fatal(err)
	}
	if got := work(t, q, 1, nil); len(got) != 1 || got[0] != "DocumentReference/2" {
		t.Errorf("put back: %q", got)
	}
	if got := depth(t, q); got != [2]uint64{0, 0} {
		t.Errorf("%d jobs wait, and there are %d dead letters", got[0], got[1])
	}
	if err := q.Retry(t.Context(), 99); err == nil || !strings.Contains(err.Error(), "no dead letter 99") {
		t.Errorf("a letter that is not there: %v", err)
	}
}

// Jobs, dead letters and what was kept outlive the program.
func TestRestart(t *testing.T) {
	folder := t.TempDir()
	q := open(t, queue.Config{Dir: folder})
	add(t, q, "DocumentReference/1|1", "DocumentReference/2|1")
	if err := q.Keep(t.Context(), "watermark.hook-1", "2026-01-01T00:00:00Z"); err != nil {
		t.Fatal(err)
	}
	q.Close()
	info, err := os.Stat(folder)
	if err != nil {
		t.Fatal(err)
	}
	made, err := os.Stat(filepath.Join(folder, "queue.json"))
	if err != nil || made.Mode().Perm() != 0o600 {
		t.Errorf("the file with the password is %v, %v; the folder %v", made, err, info.Mode())
	}
	q = open(t, queue.Config{Dir: folder})
	defer q.Close()
	add(t, q, "DocumentReference/1|1") // known from before
	if kept, err := q.State(t.Context(), "watermark.hook-1"); err != nil || kept != "2026-01-01T00:00:00Z" {
		t.Errorf("kept %q, %v", kept, err)
	}
	if kept, err := q.State(t.Context(), "nothing"); err != nil || kept != "" {
		t.Errorf("kept %q, %v", kept, err)
	}
	var waiting []string
	if err := q.Waiting(t.Context(), func(item queue.Item) error { waiting = append(waiting, item.Document); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"DocumentReference/1", "DocumentReference/2"}, waiting); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A second program connects to the one that owns the folder.
func TestTwoPrograms(t *testing.T) {
	folder := t.TempDir()
	owner := open(t, queue.Config{Dir: folder})
	defer owner.Close()
	other := open(t, queue.Config{Dir: folder})
	defer other.Close()
	add(t, other, "DocumentReference/1|1")
	if got := work(t, owner, 1, nil); len(got) != 1 {
		t.Errorf("done: %q", got)
	}
}

// A program that runs for long owns the folder: it waits until another one that owns it for a while ends.
func TestOwner(t *testing.T) {
	folder := t.TempDir()
	first := open(t, queue.Config{Dir: folder})
	add(t, first, "DocumentReference/1|1")
	opened := make(chan *queue.Queue)
	go func() {
		q, err := queue.Open(t.Context(), queue.Config{Dir: folder, Own: true})
		if err != nil {
			t.Error(err)
		}
		opened <- q
	}()
	select {
	case <-opened:
		t.Fatal("the folder has an owner")
	case <-time.After(300 * time.Millisecond):
	}
	first.Close()
	owner := <-opened
	if owner == nil {
		t.FailNow()
	}
	defer owner.Close()
	if got := work(t, owner, 1, nil); len(got) != 1 {
		t.Errorf("done: %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := queue.Open(ctx, queue.Config{Dir: folder, Own: true}); err == nil {
		t.Error("a second owner")
	}
}

// More jobs than may wait are refused, and nothing of what waits is lost.
func TestFull(t *testing.T) {
	q := open(t, queue.Config{MaxJobs: 2})
	defer q.Close()
	add(t, q, "DocumentReference/1|1", "DocumentReference/2|1")
	if err := q.Add(t.Context(), queue.Job{Document: "DocumentReference/3", Version: "1"}); !errors.Is(err, queue.ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	if err := q.Writable(t.Context()); !errors.Is(err, queue.ErrFull) {
		t.Errorf("a full queue: %v", err)
	}
	if got := work(t, q, 2, nil); len(got) != 2 {
		t.Errorf("done: %q", got)
	}
	add(t, q, "DocumentReference/3|1")
}

// A job whose handler says nothing for long is another's; one that says that it is working is not.
func TestHandlersAreWaitedFor(t *testing.T) {
	q := open(t, queue.Config{Patience: time.Second})
	defer q.Close()
	add(t, q, "DocumentReference/1|1")
	got := work(t, q, 1, func(ctx context.Context, _ queue.Job) error {
		select {
		case <-time.After(3 * time.Second):
		case <-ctx.Done():
		}
		return nil
	})
	if len(got) != 1 || depth(t, q) != [2]uint64{0, 0} {
		t.Errorf("done: %q", got)
	}
}

// start starts this program as a victim.
func start(t *testing.T, folder string, more ...string) (*exec.Cmd, func(string) string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program)
	command.Env = append(append(os.Environ(), folderVariable+"="+folder), more...)
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	lines := bufio.NewScanner(out)
	ask := func(line string) string {
		if line != "" {
			if _, err := fmt.Fprintln(in, line); err != nil {
				return ""
			}
		}
		if !lines.Scan() {
			return ""
		}
		return lines.Text()
	}
	if got := ask(""); got != "ready" {
		t.Fatalf("the program says %q", got)
	}
	return command, ask
}

// What was said to be stored is there after the program was killed at any moment.
func TestKilled(t *testing.T) {
	folder := t.TempDir()
	stored := map[string]bool{}
	number := 0
	for range 3 {
		command, ask := start(t, folder)
		killed := time.AfterFunc(200*time.Millisecond, func() { _ = command.Process.Kill() })
		for {
			number++
			name := fmt.Sprintf("DocumentReference/%d", number)
			answer := ask(name)
			if answer == "" {
				break
			}
			if answer == "stored "+name {
				stored[name] = true
			}
		}
		killed.Stop()
		_ = command.Wait()
	}
	q := open(t, queue.Config{Dir: folder})
	defer q.Close()
	found := map[string]int{}
	if err := q.Waiting(t.Context(), func(item queue.Item) error { found[item.Document]++; return nil }); err != nil {
		t.Fatal(err)
	}
	for name := range stored {
		if found[name] != 1 {
			t.Errorf("%s was stored, and is there %d times", name, found[name])
		}
	}
	t.Logf("%d jobs were stored", len(stored))
	if len(stored) < 10 {
		t.Errorf("only %d jobs were stored", len(stored))
	}
}

// Where the disk is full a job is refused, not lost, and the queue says so; when there is room again it takes jobs again by itself, and what was said to be
// stored is there.
func TestDiskFull(t *testing.T) {
	folder := t.TempDir()
	command, ask := start(t, folder, limitVariable+"=1")
	var stored []string
	refused := false
	for i := range 2000 {
		name := fmt.Sprintf("DocumentReference/%d-%s", i, strings.Repeat("x", 400))
		switch answer := ask(name); answer {
		case "stored " + name:
			if refused {
				t.Fatal("a job was stored after one was refused")
			}
			stored = append(stored, name)
		case "refused " + name:
			refused = true
		default:
			t.Fatalf("the program says %.80q", answer)
		}
		if refused {
			break
		}
	}
	if !refused || len(stored) == 0 {
		t.Fatalf("%d jobs were stored, refused: %v", len(stored), refused)
	}
	ask(full)
	if answer := ask(writable); answer != "writable false" {
		t.Errorf("while the disk is full the program says %q", answer)
	}
	ask(room)
	for begun := time.Now(); ask(writable) != "writable true"; time.Sleep(100 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("with room again it does not take jobs")
		}
	}
	const late = "DocumentReference/late"
	if answer := ask(late); answer != "stored "+late {
		t.Errorf("with room again the program says %q", answer)
	}
	stored = append(stored, late)
	_ = command.Process.Kill()
	_ = command.Wait()
	q := open(t, queue.Config{Dir: folder})
	defer q.Close()
	found := map[string]bool{}
	if err := q.Waiting(t.Context(), func(item queue.Item) error { found[item.Document] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, name := range stored {
		if !found[name] {
			t.Errorf("%.30s was stored, and is not there", name)
		}
	}
	add(t, q, "DocumentReference/after|1")
}
