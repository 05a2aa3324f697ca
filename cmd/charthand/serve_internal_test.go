package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"charthand/fixtures"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// address waits for the line in which a server says where it serves, and gives its URL.
type address struct {
	found chan string
	once  sync.Once
}

// Write implements io.Writer.
func (a *address) Write(p []byte) (int, error) {
	if url := regexp.MustCompile(`https?://\S+?:\d+`).Find(p); url != nil {
		a.once.Do(func() { a.found <- string(url) })
	}
	return len(p), nil
}

// served starts a server on a free port with some more flags, gives its URL, and ends it with the test.
func served(t *testing.T, flags ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	at := &address{found: make(chan string, 1)}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...), streams{nil, io.Discard, io.MultiWriter(at, &told)})
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitDone {
			t.Errorf("the server ended with %d", code)
		}
	})
	select {
	case url := <-at.found:
		t.Cleanup(func() { scraped(url) })
		return url
	case code := <-ended:
		ended <- code
		t.Fatal("the server does not start")
	}
	return ""
}

// Sixteen clients at once get what each note gives alone, while others give up in the middle of theirs.
func TestServeUnderLoad(t *testing.T) {
	url := served(t)
	names := fixtures.Names(t)
	documents := map[string][]byte{}
	for _, name := range names {
		documents[name] = fixtures.Document(t, name)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	post := func(ctx context.Context, name string) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/fhir/DocumentReference/$extract", bytes.NewReader(documents[name]))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/fhir+json")
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, errors.New(response.Status)
		}
		return io.ReadAll(response.Body)
	}
	alone := map[string]map[string]bool{}
	for _, name := range names {
		bundle, err := post(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		alone[name] = facts(t, bundle)
	}
	type answer struct {
		name   string
		bundle []byte
	}
	answers := make(chan answer, 16*len(names))
	var group sync.WaitGroup
	for client := range 16 {
		group.Go(func() {
			for i := range names {
				name := names[(client+i)%len(names)]
				if client%4 == 3 {
					hasty, giveUp := context.WithTimeout(t.Context(), time.Duration(rand.IntN(20))*time.Millisecond)
					_, err := post(hasty, name)
					if giveUp(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("client %d, who gives up, with %s: %v", client, name, err)
					}
					continue
				}
				bundle, err := post(t.Context(), name)
				if err != nil {
					t.Errorf("client %d with %s: %v", client, name, err)
				} else {
					answers <- answer{name, bundle}
				}
			}
		})
	}
	group.Wait()
	close(answers)
	for a := range answers {
		if !maps.Equal(facts(t, a.bundle), alone[a.name]) {
			t.Errorf("beside others %s gives other facts than alone", a.name)
		}
	}
}

// The server's annotate object is the command's, of a text and of a document.
func TestServeAnnotates(t *testing.T) {
	url := served(t)
	const name = "consult-neurology-umlaut"
	line, err := json.Marshal(map[string]string{"id": name, "text": fixtures.Note(t, name)})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		flag  string
		input []byte
	}{{"--ndjson", line}, {"--document", fixtures.Document(t, name)}} {
		var printed bytes.Buffer
		if code := run(t.Context(), []string{"annotate", test.flag, "-"}, streams{bytes.NewReader(test.input), &printed, io.Discard}); code != exitDone {
			t.Fatalf("%s: exit %d", test.flag, code)
		}
		response, err := http.Post(url+"/api/annotate", "application/json", bytes.NewReader(test.input))
		if err != nil {
			t.Fatal(err)
		}
		answered, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %v", test.flag, response.StatusCode, err)
		}
		var want, got any
		if err := errors.Join(json.Unmarshal(printed.Bytes(), &want), json.Unmarshal(answered, &got)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-5)); diff != "" {
			t.Errorf("%s: %s", test.flag, diff)
		}
	}
}
