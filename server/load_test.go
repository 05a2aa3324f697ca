package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"charthand/server"
)

// listen runs the server on a port of its own until stop is called; what Run returns comes on the channel.
func listen(t *testing.T, s *server.Server) (host string, stop func(), stopped chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	stopped = make(chan error, 1)
	go func() { stopped <- s.Run(ctx, listener) }()
	return listener.Addr().String(), stop, stopped
}

// A body over the limit is refused before it is read whole, with and without a declared length.
func TestTooLargeIsNotRead(t *testing.T) {
	s, _ := newServer(t, func(c *server.Config) { c.MaxBody = 1000 })
	for _, declared := range []int64{50 << 20, -1} {
		body := &countingReader{left: 50 << 20}
		request := httptest.NewRequest(http.MethodPost, address, body)
		request.ContentLength = declared
		r := httptest.NewRecorder()
		s.ServeHTTP(r, request)
		if r.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("length %d: status %d", declared, r.Code)
		}
		if body.read > 100<<10 {
			t.Errorf("length %d: %d bytes were read", declared, body.read)
		}
	}
}

type countingReader struct{ left, read int }

func (c *countingReader) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), c.left)
	for i := range n {
		p[i] = ' '
	}
	c.left -= n
	c.read += n
	return n, nil
}

// When as many requests as allowed are under way, one more is refused at once.
func TestOverload(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{}, 2)
	s, _ := newServer(t, func(c *server.Config) {
		c.MaxExtractions = 2
		c.Extractor = hooked{c.Extractor, func(context.Context) error { entered <- struct{}{}; <-release; return nil }}
	})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if r := post(s, address, note("", phrase)); r.Code != http.StatusOK {
				t.Errorf("an accepted request got %d", r.Code)
			}
		})
	}
	<-entered
	<-entered
	r := post(s, address, note("", phrase))
	if r.Code != http.StatusTooManyRequests || r.Header().Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q", r.Code, r.Header().Get("Retry-After"))
	}
	close(release)
	group.Wait()
}

// A shutdown finishes what was accepted, and says meanwhile that nothing new is welcome.
func TestGracefulShutdown(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	s, _ := newServer(t, func(c *server.Config) {
		c.Extractor = hooked{c.Extractor, func(ctx context.Context) error { close(entered); <-release; return ctx.Err() }}
	})
	host, stop, stopped := listen(t, s)
	answered := make(chan int, 1)
	go func() {
		response, err := http.Post("http://"+host+address, "application/fhir+json", strings.NewReader(note("", phrase)))
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	<-entered
	stop()
	for deadline := time.Now().Add(10 * time.Second); ; {
		r := httptest.NewRecorder()
		s.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if r.Code == http.StatusServiceUnavailable {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("still ready while shutting down")
		}
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped before the accepted request was done: %v", err)
	default:
	}
	close(release)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the accepted request got %d", status)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// Senders that do not send and readers that do not read leave the extractions to others.
func TestSlowClients(t *testing.T) {
	s, _ := newServer(t, func(c *server.Config) { c.MaxExtractions = 4 })
	host, stop, stopped := listen(t, s)
	var slow []net.Conn
	for range 4 {
		connection, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		slow = append(slow, connection)
		fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", address)
	}
	response, err := http.Post("http://"+host+address, "application/fhir+json", strings.NewReader(note("", phrase)))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("beside slow clients: %s", response.Status)
	}
	for _, connection := range slow {
		connection.Close()
	}
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
