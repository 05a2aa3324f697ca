package server_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"charthand/fhir"
	"charthand/server"
)

func presented(contentType, data string) string {
	return fmt.Sprintf(`{"resourceType":"DiagnosticReport","id":"r1","status":"final","code":{"text":"CT"},"subject":{"reference":"Patient/1"},"presentedForm":[{"contentType":%q,"data":%q}]}`,
		contentType, base64.StdEncoding.EncodeToString([]byte(data)))
}

// A DiagnosticReport works like a DocumentReference, alone and beside one; what is refused is 422 with why, and nothing of the note.
func TestReportsAndFormats(t *testing.T) {
	s, logged := newServer(t, nil)
	for name, test := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"a report":                   {presented("text/html", "<p>Has "+phrase+".<p>Rest."), 200, "DiagnosticReport/r1"},
		"a report, alone, of values": {`{"resourceType":"DiagnosticReport","status":"final","code":{"text":"Sodium"}}`, 422, "no attachment"},
		"a cancelled report":         {strings.Replace(presented("text/plain", phrase), "final", "cancelled", 1), 422, "cancelled"},
		"a picture":                  {presented("image/png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"+phrase), 422, "an image is not read"},
		"a damaged document":         {presented("application/rtf", `{\rtf1 `+phrase+strings.Repeat("{", 2000)), 422, "damaged"},
		"both in a Bundle": {
			`{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + note("", phrase) + `},{"resource":` + presented("text/html", "<p>"+phrase) + `}]}`, 200, `"name":"outcome"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := post(s, address, test.body)
			if r.Code != test.status || !strings.Contains(r.Body.String(), test.says) {
				t.Errorf("status %d: %s", r.Code, r.Body)
			}
			if r.Code != http.StatusOK && strings.Contains(r.Body.String(), phrase) {
				t.Errorf("the refusal holds the note: %s", r.Body)
			}
		})
	}
	if strings.Contains(logged.String(), phrase) {
		t.Error("the log holds the note")
	}
}

// fetching is an Extractor whose fetches wait.
type fetching struct {
	server.Extractor
	begun, release chan struct{}
}

func (f fetching) Fetch(ctx context.Context, d *fhir.Document) *fhir.Document {
	if len(d.Attachments) > 0 && d.Attachments[0].URL != "" {
		f.begun <- struct{}{}
		<-f.release
		fetched := *d
		fetched.Attachments = []fhir.Attachment{d.Attachments[0]}
		fetched.Attachments[0].Data = []byte(phrase)
		return &fetched
	}
	return f.Extractor.Fetch(ctx, d)
}

// Who waits for an attachment from elsewhere keeps nobody from being extracted.
func TestFetchingHoldsNoPlace(t *testing.T) {
	slow := fetching{begun: make(chan struct{}), release: make(chan struct{})}
	s, _ := newServer(t, func(c *server.Config) {
		slow.Extractor = c.Extractor
		c.Extractor, c.MaxExtractions = slow, 1
	})
	elsewhere := strings.Replace(note("", phrase), `"data":"`+base64.StdEncoding.EncodeToString([]byte(phrase))+`"`, `"url":"Binary/1"`, 1)
	answered := make(chan *httptest.ResponseRecorder)
	go func() { answered <- post(s, address, elsewhere) }()
	<-slow.begun
	if r := post(s, address, note("", phrase)); r.Code != http.StatusOK {
		t.Errorf("status %d while another waits: %s", r.Code, r.Body)
	}
	close(slow.release)
	if r := <-answered; r.Code != http.StatusOK {
		t.Errorf("status %d after the wait: %s", r.Code, r.Body)
	}
}
