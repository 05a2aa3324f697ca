package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"charthand/server"
	"charthand/server/access"
)

// besieged is a server on a port of its own; at the end of the test it has to be as it was: it answers, it stops in order, no goroutine is left.
func besieged(t *testing.T, change func(*server.Config), prepare func(*server.Server)) (host string) {
	t.Helper()
	before := runtime.NumGoroutine()
	s, logged := newServer(t, change)
	if prepare != nil {
		prepare(s)
	}
	host, stop, stopped := listen(t, s)
	t.Cleanup(func() {
		proper(t, host)
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		eventually(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
		if text := logged.String(); strings.Contains(text, phrase) || strings.Contains(text, "internal") {
			t.Errorf("the log: %s", text)
		}
	})
	return host
}

// once is a client whose connections serve one request each: none is idle when the server hangs up.
var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// proper sends a proper note, which has to be answered.
func proper(t *testing.T, host string) {
	t.Helper()
	response, err := once.Post("http://"+host+address, "application/fhir+json", strings.NewReader(note("", phrase)))
	if err != nil {
		t.Errorf("a proper request: %v", err)
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("a proper request: %s, %v", response.Status, err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("waited in vain until %s", what)
			return
		}
	}
}

func dial(t *testing.T, host string) net.Conn {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	return connection
}

// exchange sends bytes, ends the sending, and gives the statuses of all answers that come before the server hangs up.
func exchange(t *testing.T, host, raw string) string {
	t.Helper()
	connection := dial(t, host)
	go func() {
		_, _ = io.WriteString(connection, raw)
		if half, is := connection.(*net.TCPConn); is {
			_ = half.CloseWrite()
		}
	}()
	var statuses []string
	reader := bufio.NewReader(connection)
	for {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return strings.Join(statuses, " ")
		}
		statuses = append(statuses, fmt.Sprint(response.StatusCode))
		if at := response.Header.Get("Location"); at != "" {
			if u, err := url.Parse(at); err != nil || u.Host != "" {
				t.Errorf("sent elsewhere: %q", at)
			}
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

// TestMalformed: what is no proper HTTP gets the answer that it deserves, and no more answers than requests.
func TestMalformed(t *testing.T) {
	key := strings.Repeat("k", 40)
	host := besieged(t, func(c *server.Config) {
		c.Guard = either{access.New(access.Config{Keys: map[[sha256.Size]byte]string{sha256.Sum256([]byte(key)): "ward"}}), access.New(access.Config{})}
		c.Metrics = http.NotFoundHandler()
	}, nil)
	body := note("", phrase)
	post := func(headers, body string) string {
		return "POST " + address + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body
	}
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n" }
	for name, test := range map[string]struct{ raw, want string }{
		"proper":                                {post(length, body), "200"},
		"proper, chunked":                       {post("Transfer-Encoding: chunked\r\n", chunked), "200"},
		"HTTP/1.0":                              {"POST " + address + " HTTP/1.0\r\n" + length + "\r\n" + body, "200"},
		"HTTP/1.0 and a body without length":    {"POST " + address + " HTTP/1.0\r\n\r\n" + body, "400"},
		"HTTP/9.9":                              {"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n", "505"},
		"no host":                               {"GET /healthz HTTP/1.1\r\n\r\n", "400"},
		"two hosts":                             {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: y\r\n\r\n", "400"},
		"garbage":                               {"\x00\x01\x02\x03\r\n\r\n", "400"},
		"a TLS hello":                           {"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", "400"},
		"HTTP/2 without TLS":                    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "404"},
		"pipelined, then garbage":               {get("/healthz") + get("/healthz") + "garbage\r\n\r\n", "200 200 400"},
		"more body than declared":               {post(length, body+"GARBAGE\r\n\r\n"), "200 400"},
		"less body than declared":               {post("Content-Length: 5000\r\n", body), "400"},
		"a negative length":                     {post("Content-Length: -1\r\n", body), "400"},
		"a length with a sign":                  {post("Content-Length: +5\r\n", "hello"), "400"},
		"a length beyond 64 bits":               {post("Content-Length: 99999999999999999999\r\n", body), "400"},
		"a length beyond what is taken":         {post("Content-Length: 9223372036854775807\r\n", body), "413"},
		"two lengths":                           {post("Content-Length: 5\r\nContent-Length: 6\r\n", body), "400"},
		"two lengths in one":                    {post("Content-Length: 5, 6\r\n", body), "400"},
		"a blank before the colon":              {post("Transfer-Encoding : chunked\r\n", chunked), "400"},
		"an unknown transfer coding":            {post("Transfer-Encoding: xchunked\r\n", chunked), "501"},
		"two transfer codings":                  {post("Transfer-Encoding: gzip, chunked\r\n", chunked), "501"},
		"chunked twice":                         {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunked), "501"},
		"a chunk of no size":                    {post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"), "400"},
		"a chunk of more than it has":           {post("Transfer-Encoding: chunked\r\n", "ffffffffffffffffff\r\nabc"), "400"},
		"a header folded":                       {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n", "200"},
		"a header without a name":               {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n", "400"},
		"a header with NUL":                     {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: \x00\r\n\r\n", "400"},
		"one huge header":                       {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", "431"},
		"a huge address":                        {get("/healthz?" + strings.Repeat("a", 1<<20)), "431"},
		"absolute":                              {get("http://elsewhere.example/healthz"), "200"},
		"absolute, of another scheme":           {get("file:///etc/passwd"), "404"},
		"only an authority":                     {"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"},
		"an asterisk":                           {"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"},
		"no path":                               {"GET HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
		"upwards":                               {get("/../../etc/passwd"), "404"},
		"upwards, encoded":                      {get("/fhir/%2e%2e/metrics"), "404"},
		"NUL in the path":                       {get("/healthz%00"), "404"},
		"a path that is not encoded":            {get("/%zz"), "400"},
		"a host in the path":                    {get("//elsewhere.example/healthz/"), "404"},
		"a slash at the end, and a prefix":      {"GET /healthz/ HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Prefix: //elsewhere.example\r\n\r\n", "404"},
		"another method by header":              {"GET " + address + " HTTP/1.1\r\nHost: localhost\r\nX-HTTP-Method-Override: POST\r\n\r\n", "405"},
		"another address by header":             {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.1\r\nX-Original-URL: /metrics\r\n\r\n", "200"},
		"two tokens":                            {"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer " + key + "\r\n\r\n", "401"},
		"two tokens in one":                     {"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a, Bearer " + key + "\r\n\r\n", "401"},
		"compressed":                            {post(fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", len(zipped(body))), zipped(body)), "415"},
		"compressed, and not declared":          {post(fmt.Sprintf("Content-Length: %d\r\n", len(zipped(body))), zipped(body)), "400"},
		"a length and chunks: the chunks count": {post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked), "200"},
		"chunks, and a request behind them":     {post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked+get("/metrics")), "200 401"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := exchange(t, host, test.raw); got != test.want {
				t.Errorf("answered %q, want %q", got, test.want)
			}
		})
	}
}

// either lets in by keys where something is asked of a caller, and this machine to the operation, whose body is what is tested.
type either struct{ keys, machine server.Guard }

func (e either) Caller(ctx context.Context, r *http.Request) (access.Caller, error) {
	if r.URL.Path == address {
		return e.machine.Caller(ctx, r)
	}
	return e.keys.Caller(ctx, r)
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// TestOddBodies: bodies that are meant to upset a decoder are refused, without a fault, within memory's bounds.
func TestOddBodies(t *testing.T) {
	host := besieged(t, nil, nil)
	deep := func(open, closing string, n int) string { return strings.Repeat(open, n) + strings.Repeat(closing, n) }
	single := note("", phrase)
	nested := strings.Replace(single, `"status"`, `"extension":`+deep(`[{"url":"u","extension":`, "}]", 100_000)+`,"status"`, 1)
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"a million brackets":               {deep("[", "]", 1_000_000), 400},
		"a million objects":                {deep(`{"a":`, "}", 1_000_000), 400},
		"a million brackets, none closed":  {strings.Repeat("[", 1_000_000), 400},
		"extensions in extensions":         {nested, 400},
		"a Bundle in a Bundle in a Bundle": {deep(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":`, "}]}", 20_000), 400},
		"a hundred thousand entries":       {`{"resourceType":"Bundle","type":"collection","entry":[` + strings.Repeat("{},", 99_999) + `{}]}`, 422},
		"a number without end":             {`{"resourceType":"DocumentReference","status":` + strings.Repeat("9", 1<<20) + `}`, 400},
		"NUL in the JSON":                  {strings.Replace(single, "current", "cur\x00rent", 1), 400},
		"NUL in the note":                  {note("", "a\x00"+phrase), 200},
		"NUL in an id":                     {note(`"id":"a\u0000b",`, phrase), 400},
		"invalid UTF-8 in the JSON":        {strings.Replace(single, "Patient/1", "Patient/\xff\xfe", 1), 400},
		"half a surrogate":                 {note(`"description":"\ud800",`, phrase), 200},
		"a mark before all":                {"\ufeff" + single, 200},
		"a key twice: the last counts":     {strings.Replace(single, `"status"`, `"status":"entered-in-error","status"`, 1), 200},
		"two values":                       {single + single, 400},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			response, err := once.Post("http://"+host+address, "application/fhir+json", strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			answer, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
			if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 512<<20 {
				t.Errorf("%d MB were allocated for %d bytes", (after.TotalAlloc-before.TotalAlloc)>>20, len(test.body))
			}
			if response.StatusCode != test.status {
				t.Errorf("status %d: %.300s", response.StatusCode, answer)
			}
		})
	}
}

// TestImpatience: who sends headers or a body by the drop, or nothing at all, is hung up on, and keeps nobody waiting meanwhile.
func TestImpatience(t *testing.T) {
	const wait = 200 * time.Millisecond
	host := besieged(t, func(c *server.Config) { c.MaxExtractions = 32 }, func(s *server.Server) { s.SetTimeouts(wait, 2*wait, wait) })
	for name, test := range map[string]struct {
		begin, drop, want string
		connections       int
	}{
		"headers by the drop":  {"POST " + address + " HTTP/1.1\r\nHost: localhost\r\n", "X-A: b\r\n", "", 50},
		"one header by drops":  {"GET /healthz HTTP/1.1\r\nX-A: ", "b", "", 50},
		"a body by the drop":   {"POST " + address + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{", " ", "HTTP/1.1 400", 50},
		"chunks by the drop":   {"POST " + address + " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", "HTTP/1.1 400", 50},
		"nothing at all":       {"", "", "", 300},
		"nothing after a word": {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "", "HTTP/1.1 200", 300},
	} {
		t.Run(name, func(t *testing.T) {
			var group sync.WaitGroup
			for range test.connections {
				connection := dial(t, host)
				group.Go(func() {
					defer connection.Close()
					_, _ = io.WriteString(connection, test.begin)
					ended := make(chan string)
					go func() {
						answer, _ := io.ReadAll(connection)
						ended <- string(answer)
					}()
					for {
						select {
						case answer := <-ended:
							if !strings.HasPrefix(answer, test.want) || test.want == "" && answer != "" {
								t.Errorf("answered %q", answer)
							}
							return
						case <-time.After(wait / 10):
							_, _ = io.WriteString(connection, test.drop)
						}
					}
				})
			}
			proper(t, host)
			group.Wait()
		})
	}
}

// TestEndlessBodies: bodies without end are cut off, all at once too, and little of them is kept.
func TestEndlessBodies(t *testing.T) {
	const connections, limit = 40, 1 << 20
	host := besieged(t, func(c *server.Config) { c.MaxBody, c.MaxExtractions = limit, 32 }, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var group sync.WaitGroup
	for range connections {
		connection := dial(t, host)
		group.Go(func() {
			defer connection.Close()
			fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", address)
			chunk := fmt.Sprintf("%x\r\n%s\r\n", 32<<10, strings.Repeat(" ", 32<<10))
			sent := 0
			for ; sent < 256<<20; sent += len(chunk) {
				if _, err := io.WriteString(connection, chunk); err != nil {
					break
				}
			}
			if sent > 64<<20 {
				t.Errorf("%d MB were taken", sent>>20)
			}
		})
	}
	proper(t, host)
	group.Wait()
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > connections*16*limit {
		t.Errorf("%d MB were allocated", (after.TotalAlloc-before.TotalAlloc)>>20)
	}
}

// patient is a writer that notes whether it was told how long an answer may take.
type patient struct {
	*httptest.ResponseRecorder
	until time.Time
}

// SetWriteDeadline is what http.ResponseController looks for.
func (p *patient) SetWriteDeadline(until time.Time) error {
	p.until = until
	return nil
}

// TestNobodyReads: an answer, a refusal too, has its time, so that who does not read it holds no place for good.
func TestNobodyReads(t *testing.T) {
	s, _ := newServer(t, nil)
	for body, status := range map[string]int{note("", phrase): 200, "{": 400, `{"resourceType":"Patient"}`: 422} {
		w := &patient{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest(http.MethodPost, address, strings.NewReader(body))
		s.ServeHTTP(w, r)
		if w.Code != status || w.until.IsZero() {
			t.Errorf("%d, until %s", w.Code, w.until)
		}
	}
}
