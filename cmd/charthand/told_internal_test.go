package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"charthand/fixtures"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// told is everything that charthand has said of itself during all tests of this package: messages, logs, metrics and traces. TestMain looks in the end
// that nothing of a note is in it.
var told record

// record keeps what is written to it; it is safe for concurrent use.
type record struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

// Write implements io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.text.String()
}

// planted is a word that stands in notes and in no other place.
const planted = "quokkaphrase"

// run4 is how many words of a note one after the other are the note's: fewer may stand together anywhere.
const run4 = 4

// runs gives every run of four words of a text.
func runs(text string) map[string]bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' })
	all := map[string]bool{}
	for i := 0; i+run4 <= len(words); i++ {
		all[strings.Join(words[i:i+run4], " ")] = true
	}
	return all
}

// ofNotes gives what of the fixture notes is in what was told.
func ofNotes(text string) (found []string) {
	if strings.Contains(strings.ToLower(text), planted) {
		found = append(found, planted)
	}
	said := runs(strings.NewReplacer(`\n`, " ", `\t`, " ", `\r`, " ").Replace(text)) // as JSON has them
	notes, _ := filepath.Glob(filepath.Join("..", "..", "fixtures", "notes", "*.txt"))
	attachments, _ := filepath.Glob(filepath.Join("..", "..", "fixtures", "attachments", "*.expect.txt"))
	for _, path := range append(notes, attachments...) {
		note, err := os.ReadFile(path)
		if err != nil {
			return append(found, err.Error())
		}
		for words := range runs(string(note)) {
			if said[words] {
				found = append(found, filepath.Base(path)+": "+words)
			}
		}
	}
	if len(notes) == 0 || len(attachments) == 0 {
		found = append(found, "there are no notes to look for")
	}
	return found
}

// scraped adds a server's metrics to what was told.
func scraped(url string) {
	answer, err := http.Get(url + "/metrics") // a server of the tests
	if err != nil {
		return // it asks for a key, or has ended
	}
	defer answer.Body.Close()
	_, _ = io.Copy(&told, answer.Body)
}

// collected takes spans, keeps them in what was told, and gives their names.
type collected struct {
	mutex sync.Mutex
	names map[string]int
	// traces are the trace ids.
	traces map[string]bool
}

func (c *collected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var spans collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &spans); err != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	fmt.Fprintln(&told, protojson.Format(&spans))
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, resource := range spans.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				c.names[span.Name]++
				c.traces[fmt.Sprintf("%x", span.TraceId)] = true
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// withAttachment is a document with an attachment.
func withAttachment(contentType, data, more string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference","id":"d1","status":"current","subject":{"reference":"Patient/1","display":%q},%s"content":[{"attachment":{"contentType":%q,"data":%q,"title":%q}}]}`,
		planted, more, contentType, base64.StdEncoding.EncodeToString([]byte(data)), planted)
}

// TestNothingOfANoteIsTold: whatever is wrong with a note or around it, neither logs, metrics, traces nor errors have a word of it.
func TestNothingOfANoteIsTold(t *testing.T) {
	spans := &collected{names: map[string]int{}, traces: map[string]bool{}}
	collecting := httptest.NewServer(spans)
	defer collecting.Close()
	sentence := "Admitted with pneumonia. " + planted + " was seen. Given ceftriaxone."
	bodies := map[string]string{
		"well":                     withAttachment("text/plain", sentence, ""),
		"the page":                 withAttachment("text/html", "<p>"+sentence+"<script>"+planted, ""),
		"RTF that breaks off":      withAttachment("application/rtf", `{\rtf1 `+sentence+`{\`+planted, ""),
		"C-CDA that breaks off":    withAttachment("application/xml", `<ClinicalDocument xmlns="urn:hl7-org:v3"><`+planted+`>`+sentence, ""),
		"PDF that is none":         withAttachment("application/pdf", "%PDF-1.7 "+sentence, ""),
		"a picture":                withAttachment("image/png", sentence, ""),
		"a charset that is none":   withAttachment("text/plain; charset=unknown", sentence, ""),
		"UTF-16 that is none":      withAttachment("text/plain; charset=utf-16", sentence+"x", ""),
		"a hash of something else": strings.Replace(withAttachment("text/plain", sentence, ""), `"data"`, `"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAA=","data"`, 1),
		"data that is no base64":   strings.Replace(withAttachment("text/plain", sentence, ""), `"data":"`, `"data":"`+planted+`!`, 1),
		"a url":                    `{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"url":"https://elsewhere.example/` + planted + `"}}]}`,
		"no subject":               strings.Replace(withAttachment("text/plain", sentence, ""), `"subject"`, `"author"`, 1),
		"another language":         withAttachment("text/plain", strings.Repeat("Der Patient wurde mit einer "+planted+" aufgenommen und bekam danach sofort viele Medikamente. ", 9), ""),
		"JSON that breaks off":     withAttachment("text/plain", sentence, "")[:120] + `"text":"` + planted,
		"a value of a wrong type":  withAttachment("text/plain", sentence, `"date":"`+planted+`",`),
		"a status that is none":    strings.Replace(withAttachment("text/plain", sentence, ""), `"current"`, `"`+planted+`"`, 1),
		"another resource":         `{"resourceType":"Condition","code":{"text":"` + planted + `"}}`,
		"no resource":              planted,
		"a narrative":              withAttachment("text/plain", sentence, `"text":{"status":"generated","div":"<div>`+planted+`</div>"},`),
	}
	settings := save(t, "site.yaml", "traces: {endpoint: '"+collecting.URL+"'}\n")
	t.Run("served", func(t *testing.T) { // the last spans come when the server ends
		url := served(t, "--config", settings, "--fhir-base", "http://127.0.0.1:1/fhir", "--data", t.TempDir())
		for name, body := range bodies {
			for _, target := range []string{"/fhir/DocumentReference/$extract", "/fhir/DocumentReference/$extract?_outcome=true&note=" + planted, "/hooks/main", "/" + planted} {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+target, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				for header, value := range map[string]string{
					"Content-Type": "application/fhir+json", "X-Request-Id": "a note: " + planted, "User-Agent": planted, "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "x=" + planted,
				} {
					request.Header.Set(header, value)
				}
				answer, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				said, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				if refused := answer.StatusCode >= http.StatusBadRequest; refused && len(ofNotes(string(said))) > 0 {
					t.Errorf("%s to %s: %d with words of the note: %s", name, target, answer.StatusCode, said)
				} else if refused && name == "well" && strings.Contains(target, "extract") {
					t.Errorf("%s to %s: %d: %s", name, target, answer.StatusCode, said)
				}
			}
		}
	})
	extracting := []string{"extract", "--outcome", filepath.Join(t.TempDir(), "outcome")}
	for _, body := range bodies {
		extracting = append(extracting, save(t, "note.json", body))
	}
	if _, messages, code := program(t, "", extracting...); len(ofNotes(messages)) > 0 || code != exitFailed {
		t.Errorf("extract: %d %s", code, messages)
	}
	for _, name := range []string{"a charset that is none", "JSON that breaks off", "C-CDA that breaks off"} {
		if _, messages, code := program(t, bodies[name], "annotate", "--document", "-"); len(ofNotes(messages)) > 0 || code == exitUsage {
			t.Errorf("annotate with %s: %d %s", name, code, messages)
		}
	}
	encoded, err := json.Marshal(map[string]any{"id": "a", "text": sentence, "entities": []map[string]any{{"label": "Sign_symptom", "start": 5, "end": 9999}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"annotate", "--given", "-"}, {"annotate", "--ndjson", "-"}, {"ner", "--ndjson", "-"}} {
		if _, messages, _ := program(t, string(encoded)+"\n"+string(encoded)[:40]+"\n", args...); len(ofNotes(messages)) > 0 {
			t.Errorf("%v: %s", args, messages)
		}
	}
	for _, want := range []string{"/fhir/DocumentReference/$extract", "/hooks/:name", "extract", "read attachment", "*nlp.Recognizer", "make resources", "none"} {
		if spans.names[want] == 0 {
			t.Errorf("no span %q in %v", want, spans.names)
		}
	}
	if !spans.traces["0af7651916cd43dd8448eb211c80319c"] {
		t.Errorf("the caller's trace is not gone on with: %v", spans.traces)
	}
	for _, want := range []string{`"msg":"audit"`, "charthand_entities_total", "charthand.characters"} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("no %s in what was told: it is not looked at whole", want)
		}
	}
}

// What is looked for is found.
func TestOfNotes(t *testing.T) {
	note := fixtures.Note(t, fixtures.Names(t)[0])
	for _, leak := range []string{`{"msg":"` + note + `"}`, "…" + planted + "…", "panic: " + strings.Join(strings.Fields(note)[10:20], "\\n")} {
		if len(ofNotes(leak)) == 0 {
			t.Errorf("not found in %q", leak)
		}
	}
}
