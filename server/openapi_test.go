package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"charthand/queue"
	"charthand/server"
	"charthand/server/access"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"
)

// The operations of the document, as "METHOD /path".
const (
	opExtract  = "POST /fhir/DocumentReference/$extract"
	opMetadata = "GET /fhir/metadata"
	opDefine   = "GET /fhir/OperationDefinition/{id}"
	opPut      = "PUT /hooks/{name}/{type}/{id}"
	opPost     = "POST /hooks/{name}"
	opKeys     = "GET /.well-known/jwks.json"
	opHealth   = "GET /healthz"
	opReady    = "GET /readyz"
	opMetrics  = "GET /metrics"

	opAnnotate = "POST /api/annotate"
	opServices = "GET /cds-services"
	opCards    = "POST /cds-services/{id}"
	opFeedback = "POST /cds-services/{id}/feedback"
)

// unprovoked are documented statuses ("METHOD /path status") that no request of the table gets, each with the reason. There is none.
var unprovoked = map[string]string{}

// full is a server with all routes. What a new route needs to be there is set here, and its rows are in requests.
func full(config *server.Config) {
	config.MaxBody = 2000
	config.Annotator = annotator{}
	config.App = server.App{ClientID: "app", FHIRServers: []string{"https://fhir.example"}, Scope: "launch", TokenIssuer: "https://auth.example"}
	config.CDS = &server.CDS{Finder: cardFinder()}
	config.Hooks = &server.Hooks{Jobs: &jobs{state: map[string]string{}}}
	config.Keys = []byte(`{"keys":[]}`)
	config.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, "charthand_info 1\n")
	})
}

// asked is a request, and what it should get.
type asked struct {
	operation string
	path      string            // with its query; the operation's own if empty
	values    map[string]string // of the names in the operation's path
	body      string
	headers   []string
	with      func(*server.Config) // beside full
	status    int
	// undocumented says that the request is none that the document allows.
	undocumented bool
	// broken ends the body before its end.
	broken bool
}

func TestOpenAPI(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromFile("../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for contentType, decoder := range map[string]openapi3filter.BodyDecoder{
		"application/fhir+json": openapi3filter.JSONBodyDecoder,
		"text/html":             openapi3filter.PlainBodyDecoder, "text/javascript": openapi3filter.PlainBodyDecoder,
		"text/css": openapi3filter.PlainBodyDecoder, "image/svg+xml": openapi3filter.PlainBodyDecoder,
	} {
		openapi3filter.RegisterBodyDecoder(contentType, decoder)
		t.Cleanup(func() { openapi3filter.UnregisterBodyDecoder(contentType) })
	}
	documented := map[string]bool{} // operations with their statuses
	var operations []string
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			operations = append(operations, method+" "+path)
			for status := range operation.Responses.Map() {
				documented[method+" "+path+" "+status] = true
			}
		}
	}
	s, _ := newServer(t, full)
	var served []string
	for _, route := range s.Routes() {
		served = append(served, route.Method+" "+regexp.MustCompile(`[:*](\w+)`).ReplaceAllString(route.Path, "{$1}"))
	}
	slices.Sort(operations)
	slices.Sort(served)
	if diff := cmp.Diff(served, operations); diff != "" {
		t.Errorf("what is served and what is documented (-served +documented):\n%s", diff)
	}
	for _, request := range slices.Concat(requests(), webRequests(t), annotateRequests(), cdsRequests(t)) {
		t.Run(fmt.Sprint(request.operation, " ", request.status), func(t *testing.T) {
			if request.provoke(t, document) {
				delete(documented, fmt.Sprint(request.operation, " ", request.status))
			}
		})
	}
	for status := range unprovoked {
		if !documented[status] {
			t.Errorf("%s is provoked, or not documented", status)
		}
		delete(documented, status)
	}
	for _, status := range slices.Sorted(maps.Keys(documented)) {
		t.Errorf("no request provokes %s", status)
	}
}

// provoke sends a request and compares both it and its answer with the document; it reports whether the status came.
func (a asked) provoke(t *testing.T, document *openapi3.T) bool {
	t.Helper()
	s, _ := newServer(t, func(config *server.Config) {
		full(config)
		if a.with != nil {
			a.with(config)
		}
	})
	web := httptest.NewServer(s)
	defer web.Close()
	method, path, _ := strings.Cut(a.operation, " ")
	item := document.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		t.Fatal("not documented")
	}
	address := path
	if a.path != "" {
		address = a.path
	}
	build := func() *http.Request {
		request, err := http.NewRequestWithContext(t.Context(), method, web.URL+address, strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if a.body != "" {
			request.Header.Set("Content-Type", "application/fhir+json")
		}
		for i := 0; i+1 < len(a.headers); i += 2 {
			request.Header.Set(a.headers[i], a.headers[i+1])
		}
		return request
	}
	input := &openapi3filter.RequestValidationInput{
		Request: build(), PathParams: a.values,
		Route:   &routers.Route{Spec: document, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), input); (err != nil) != a.undocumented {
		t.Errorf("the request: %v", err)
	}
	response, err := a.send(t, web, build())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	answered := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: response.StatusCode, Header: response.Header, Options: input.Options}
	if err := openapi3filter.ValidateResponse(t.Context(), answered.SetBodyBytes(body)); err != nil {
		t.Errorf("the answer: %v", err)
	}
	if response.StatusCode != a.status {
		t.Errorf("status %d: %s", response.StatusCode, body)
	}
	return response.StatusCode == a.status
}

func (a asked) send(t *testing.T, web *httptest.Server, request *http.Request) (*http.Response, error) {
	t.Helper()
	if !a.broken {
		return web.Client().Do(request)
	}
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", web.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { connection.Close() })
	fmt.Fprintf(connection, "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{", request.Method, request.URL.Path)
	if half, is := connection.(*net.TCPConn); is {
		_ = half.CloseWrite()
	}
	return http.ReadResponse(bufio.NewReader(connection), request)
}

// throttled lets nobody ask once more.
func throttled(c *server.Config) {
	c.Limiter = access.NewLimiter(0.5, 1, nil)
	c.Limiter.Allow("127.0.0.1")
}

// requests provoke every documented status, with those of openapi_requests_test.go. A route that is new needs a row for each of its own.
func requests() []asked {
	single := note(`"id":"a",`, "Patient with "+phrase+".")
	guarded := func(c *server.Config) { c.Guard = guard{"narrow": {Name: "client narrow"}} }
	fails := func(err error) func(*server.Config) {
		return func(c *server.Config) { c.Hooks.Jobs = &jobs{state: map[string]string{}, fails: err} }
	}
	panics := func(c *server.Config) { c.Hooks.Jobs = panickingJobs{} }
	secret := func(c *server.Config) { c.Hooks.Secret = "s3cret" }
	large := `{"resourceType":"Bundle","id":"` + strings.Repeat("x", 3000) + `"}`
	hook := map[string]string{"name": "main"}
	resource := map[string]string{"name": "main", "type": "DocumentReference", "id": "1"}
	const resourcePath, hookPath, definitionPath = "/hooks/main/DocumentReference/1", "/hooks/main", "/fhir/OperationDefinition/DocumentReference-extract"
	list := []asked{
		{operation: opExtract, body: single, status: 200},
		{operation: opExtract, path: address + "?_outcome=true", body: single, status: 200},
		{operation: opExtract, body: single, headers: []string{"Prefer", "return=OperationOutcome"}, status: 200},
		{operation: opExtract, body: single, headers: []string{"X-API-Key", "k", "X-Request-Id", "mine-1", "Content-Type", "application/json"}, status: 200},
		{operation: opExtract, body: `{"resourceType":`, status: 400, undocumented: true},
		{operation: opExtract, body: `{"resourceType":"Patient"}`, status: 422, undocumented: true},
		{operation: opExtract, broken: true, status: 400, undocumented: true},
		{operation: opExtract, body: single, with: guarded, status: 401},
		{operation: opExtract, body: single, headers: []string{"Authorization", "Bearer wrong"}, with: guarded, status: 401},
		{operation: opExtract, body: single, headers: []string{"Authorization", "Bearer narrow"}, with: guarded, status: 403},
		{operation: opExtract, body: single, headers: []string{"Accept", "text/html"}, status: 406},
		{operation: opExtract, body: large, status: 413},
		{operation: opExtract, body: single, headers: []string{"Content-Type", "text/plain"}, status: 415, undocumented: true},
		{operation: opExtract, body: `{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"data":"YQ=="}}]}`, status: 422},
		{operation: opExtract, body: single, with: throttled, status: 429},
		{operation: opExtract, body: single, with: func(c *server.Config) {
			c.Extractor = hooked{c.Extractor, func(context.Context) error { return errors.New("x") }}
		}, status: 500},
		{operation: opExtract, body: single, headers: []string{"Authorization", "Bearer down"}, with: guarded, status: 503},
		{operation: opMetadata, status: 200},
		{operation: opDefine, path: definitionPath, values: map[string]string{"id": "DocumentReference-extract"}, status: 200},
		{operation: opDefine, path: "/fhir/OperationDefinition/other", values: map[string]string{"id": "other"}, status: 404},
		{operation: opKeys, status: 200},
		{operation: opHealth, status: 200},
		{operation: opReady, status: 200},
		{operation: opReady, with: func(c *server.Config) { c.Ready = func(context.Context) error { return queue.ErrFull } }, status: 503},
		{operation: opMetrics, status: 200},
		{operation: opMetrics, with: guarded, status: 401},
		{operation: opMetrics, with: throttled, status: 429},
		{operation: opMetrics, headers: []string{"Authorization", "Bearer down"}, with: guarded, status: 503},
		{operation: opPost, path: hookPath, values: hook, body: `{"ok":true}`, status: 400},
		{operation: opPut, path: resourcePath, values: resource, broken: true, status: 400},
		{operation: opPost, path: "/hooks/a.b", values: map[string]string{"name": "a.b"}, status: 404, undocumented: true},
		{operation: opPut, path: "/hooks/a.b/Patient/1", values: map[string]string{"name": "a.b", "type": "Patient", "id": "1"}, status: 404, undocumented: true},
	}
	for operation, at := range map[string]struct {
		path   string
		values map[string]string
	}{opPut: {resourcePath, resource}, opPost: {hookPath, hook}} {
		list = append(list,
			asked{operation: operation, path: at.path, values: at.values, body: single, status: 200},
			asked{operation: operation, path: at.path, values: at.values, status: 200},
			asked{operation: operation, path: at.path, values: at.values, body: single, with: secret, headers: []string{"X-Charthand-Secret", "s3cret"}, status: 200},
			asked{operation: operation, path: at.path, values: at.values, body: single, with: secret, status: 401},
			asked{operation: operation, path: at.path, values: at.values, body: large, status: 413},
			asked{operation: operation, path: at.path, values: at.values, body: single, with: panics, status: 500},
			asked{operation: operation, path: at.path, values: at.values, body: single, with: fails(queue.ErrFull), status: 503},
		)
	}
	return list
}

// panickingJobs is a queue with a fault.
type panickingJobs struct{}

func (panickingJobs) Add(context.Context, queue.Job) error          { panic("at once") }
func (panickingJobs) State(context.Context, string) (string, error) { return "", nil }
func (panickingJobs) Keep(context.Context, string, string) error    { return nil }
