package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// running is bin/charthand as it serves.
type running struct {
	command *exec.Cmd
	url     string
	logged  chan struct{} // closed when its log has ended
}

func start(ctx context.Context, binary string) (*running, error) {
	s := &running{command: exec.CommandContext(ctx, binary, "serve", "--listen", "127.0.0.1:0"), logged: make(chan struct{})}
	messages, err := s.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(messages)
	line, err := lines.ReadString('\n')
	s.url = regexp.MustCompile(`http://\S+?:\d+`).FindString(line)
	go func() {
		defer close(s.logged)
		_, _ = io.Copy(io.Discard, lines)
	}()
	if err != nil || s.url == "" {
		s.kill()
		return nil, fmt.Errorf("the server said %q", line)
	}
	return s, nil
}

// rss gives the memory that the server holds, in bytes; it is an error where the server is gone.
func (s *running) rss() (int64, error) { return s.status("VmRSS:") }

// peak gives the most that it has held.
func (s *running) peak() (int64, error) { return s.status("VmHWM:") }

func (s *running) status(field string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("the server is gone: %w", err)
	}
	_, rest, found := strings.Cut(string(status), field)
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		return 0, fmt.Errorf("the server has ended: it has no %s", field)
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10, err
}

// clockTick is the unit of processor time in /proc (proc(5)): Linux has had no other since 2.6.
const clockTick = 10 * time.Millisecond

// used gives the processor time that the server has used.
func (s *running) used() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("the server is gone: %w", err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // behind the name
	var user, system time.Duration
	if fields := strings.Fields(rest); len(fields) > 12 {
		_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	}
	return (user + system) * clockTick, err
}

// stop ends the server in order; the error says that it did not end well.
func (s *running) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-s.logged
	return s.command.Wait()
}

// kill ends a server that has not ended.
func (s *running) kill() {
	if s.command.ProcessState == nil {
		_ = s.command.Process.Kill()
		<-s.logged
		_ = s.command.Wait()
	}
}
