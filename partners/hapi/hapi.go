// Package hapi starts a real FHIR server for tests: HAPI's, see README.md beside this file.
package hapi

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Variable says that tests may start the server: make test-integration sets it. With "verbose" the server's log is shown.
const Variable = "CHARTHAND_INTEGRATION"

// startTime is how long a start may take; the first one builds the server.
const startTime = 10 * time.Minute

// Server is a server that runs.
type Server struct {
	// Base is its FHIR address.
	Base    string
	command *exec.Cmd
	in      io.WriteCloser
}

// Start starts the server on a port, 0 for any, with its database in a folder, and stops it at the end of the test. A test is skipped where the
// server is not wanted.
func Start(t testing.TB, folder, port string, options ...string) *Server {
	t.Helper()
	if os.Getenv(Variable) == "" {
		t.Skip("it needs a HAPI FHIR server: make test-integration starts it")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	_, here, _, _ := runtime.Caller(0)
	arguments := append([]string{filepath.Join(filepath.Dir(here), "run.sh"), filepath.Join(cache, "charthand"), folder, port, "--until-eof"}, options...)
	s := &Server{command: exec.Command("bash", arguments...)} //nolint:gosec,noctx // of the tests, which stop it
	if os.Getenv(Variable) == "verbose" {
		s.command.Stderr = os.Stderr
	}
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.in, err = s.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	late := time.AfterFunc(startTime, s.Kill)
	defer late.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if base, ready := strings.CutPrefix(lines.Text(), "ready "); ready {
			s.Base = base
			go func() { _, _ = io.Copy(io.Discard, out) }() // it ends with the server
			return s
		}
	}
	t.Fatal("the HAPI server did not start")
	return nil
}

// Port is the port that it listens on.
func (s *Server) Port() string {
	return strings.TrimSuffix(s.Base[strings.LastIndex(s.Base, ":")+1:], "/fhir")
}

// Stop stops the server in order.
func (s *Server) Stop() {
	_ = s.in.Close()
	_ = s.command.Wait() // how it ended does not matter
}

// Kill ends the server at once.
func (s *Server) Kill() {
	_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL)
	_ = s.command.Wait()
}
