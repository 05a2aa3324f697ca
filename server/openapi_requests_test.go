package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"charthand/cds"
	"charthand/fhir"
	"charthand/mapping"
	"charthand/nlp"
	"charthand/nlp/measure"
	"charthand/nlp/section"
	"charthand/nlp/sig"
	"charthand/nlp/when"
	text "charthand/note"
	"charthand/server"
	"charthand/server/web"
)

// cardFinder makes cards.
var cardFinder = sync.OnceValue(func() *cds.Finder {
	rules, err := mapping.DefaultRules()
	if err != nil {
		panic(err)
	}
	finder, err := cds.NewFinder(cds.Config{Rules: rules, Base: "https://charthand.example"})
	if err != nil {
		panic(err)
	}
	return finder
})

// annotator finds one of everything in any text.
type annotator struct{ fails error }

func (a annotator) Annotate(ctx context.Context, _ *fhir.Document) (*nlp.Document, error) {
	return a.AnnotateText(ctx, "Dx: "+phrase)
}

func (a annotator) AnnotateText(_ context.Context, body string) (*nlp.Document, error) {
	span := nlp.Span{Start: 0, End: min(4, len(body))}
	pressure := measure.NewQuantity("120", "mm[Hg]")
	concept := measure.CodeableConcept{Coding: []measure.Coding{{System: "http://loinc.org", Code: "8480-6", Display: "Systolic"}}, Text: "BP"}
	limits := measure.Range{Low: pressure, High: pressure}
	dosage := sig.Dosage{
		Sequence: 1, Text: "one", Timing: &sig.Timing{Repeat: sig.Repeat{Frequency: 2, Period: "1", PeriodUnit: "d", When: []string{"MORN"}}}, AsNeededBoolean: true, Route: &concept,
		DoseAndRate: []sig.DoseAndRate{{DoseQuantity: pressure}}, MaxDosePerPeriod: &measure.Ratio{Numerator: pressure, Denominator: pressure}, Strength: pressure,
	}
	return &nlp.Document{
		Text:     text.NewText(body),
		Sections: []section.Section{{Span: span, Heading: span, Code: "29548-5"}},
		Entities: []nlp.Entity{{
			Span: span, Label: "Disease_disorder", Score: 0.5, Assertion: nlp.Present, Cues: []nlp.Cue{{Span: span, Rule: "denies"}}, Normal: phrase,
			Value: &measure.Value{Quantity: pressure, Component: []measure.Component{{Code: concept, Quantity: pressure}}, Interpretation: []measure.CodeableConcept{concept}, ReferenceRange: []measure.Range{limits}},
			Sig:   &sig.Sig{Dosage: []sig.Dosage{dosage}}, When: &when.Expression{Period: &when.Period{Start: "2024"}, AgeRange: &limits, After: pressure, Event: when.Surgery},
			Codings: []nlp.Coding{{System: "http://hl7.org/fhir/sid/icd-10-cm", Code: "M10.9", Display: "Gout", Score: 0.9, Chosen: true}},
		}},
		Relations: []nlp.Relation{{Kind: nlp.Identical}},
		Groups:    [][]int{{0}},
		Coverage:  nlp.Coverage{Characters: 4, Read: 4},
	}, a.fails
}

// webRequests ask for the page, and for one file of each kind.
func webRequests(t *testing.T) (list []asked) {
	t.Helper()
	assets, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newServer(t, full)
	add := func(operation, path string, values map[string]string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		known := []string{"If-None-Match", w.Header().Get("ETag"), "Accept-Encoding", "identity"}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			list = append(list,
				asked{operation: method + " " + operation, path: path, values: values, status: 200},
				asked{operation: method + " " + operation, path: path, values: values, headers: known, status: 304})
		}
	}
	add("/", "/", nil)
	add("/app", "/app?code=x&state=y", nil)
	add("/app/launch", "/app/launch?iss=https%3A%2F%2Ffhir.example&launch=x", nil)
	list = append(list, asked{operation: "GET /app/config.json", status: 200})
	const file = "/web/{version}/{name}"
	for _, name := range []string{"page.js", "style.css", "icon.svg"} {
		add(file, "/web/"+assets.Version+"/"+name, map[string]string{"version": assets.Version, "name": name})
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		list = append(list, asked{operation: method + " " + file, path: "/web/old/page.js", values: map[string]string{"version": "old", "name": "page.js"}, status: 404})
	}
	return list
}

// annotateRequests ask what was found.
func annotateRequests() []asked {
	const plain = `{"text":"Dx: zebra stripes","id":"a"}`
	single := note(`"id":"a",`, phrase)
	guarded := func(c *server.Config) { c.Guard = guard{"narrow": {Name: "client narrow"}} }
	return []asked{
		{operation: opAnnotate, body: plain, headers: []string{"Content-Type", "application/json"}, status: 200},
		{operation: opAnnotate, body: single, status: 200},
		{operation: opAnnotate, body: `{"words":"x"}`, status: 400, undocumented: true},
		{operation: opAnnotate, broken: true, status: 400, undocumented: true},
		{operation: opAnnotate, body: plain, with: guarded, status: 401},
		{operation: opAnnotate, body: plain, headers: []string{"Authorization", "Bearer narrow"}, with: guarded, status: 403},
		{operation: opAnnotate, body: plain, headers: []string{"Accept", "text/html"}, status: 406},
		{operation: opAnnotate, body: `{"text":"` + strings.Repeat("x", 3000) + `"}`, status: 413},
		{operation: opAnnotate, body: plain, headers: []string{"Content-Type", "text/plain"}, status: 415, undocumented: true},
		{operation: opAnnotate, body: `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + single + `},{"resource":` + single + `}]}`, status: 422},
		{operation: opAnnotate, body: plain, with: throttled, status: 429},
		{operation: opAnnotate, body: plain, with: func(c *server.Config) { c.Annotator = annotator{errors.New("x")} }, status: 500},
		{operation: opAnnotate, body: plain, headers: []string{"Authorization", "Bearer down"}, with: guarded, status: 503},
	}
}

// cdsRequests call the CDS service, and tell what became of its cards.
func cdsRequests(t *testing.T) []asked {
	t.Helper()
	const feedback = `{"feedback":[{"card":"51ca9e14-37fe-50d4-b983-302205373d9c","outcome":"accepted","outcomeTimestamp":"2026-11-30T12:00:00Z"}]}`
	const nothing = `,"prefetch":{"conditions":null,"medicationStatements":null,"medicationRequests":null,"allergies":null}`
	found := hook(strings.Replace(nothing, "null", `{"resourceType":"Bundle","entry":[{"resource":`+string(writtenFact(t))+`}]}`, 1))
	roomy := func(c *server.Config) { c.MaxBody = 1 << 20 }
	clients := func(c *server.Config) { c.CDS.Guard = guard{} }
	panics := func(c *server.Config) {
		c.CDS.Server = func(string, string) (cds.Server, string) { panic("at once") }
		c.CDS.Feedback = func(cds.Outcome) { panic("at once") }
	}
	own, other := map[string]string{"id": cds.ID}, map[string]string{"id": "other"}
	list := []asked{
		{operation: opServices, status: 200},
		{operation: opCards, values: own, body: found, with: roomy, status: 200},
		{operation: opCards, values: own, body: hook(""), status: 412},
		{operation: opCards, values: own, body: strings.Replace(hook(""), "patient-view", "order-sign", 1), status: 400, undocumented: true},
		{operation: opFeedback, values: own, body: `{"feedback":[]}`, status: 400, undocumented: true},
	}
	for operation, body := range map[string]string{opCards: hook(nothing), opFeedback: feedback} {
		list = append(list,
			asked{operation: operation, values: own, body: body, status: 200},
			asked{operation: operation, values: own, broken: true, status: 400, undocumented: true},
			asked{operation: operation, values: own, body: body, with: clients, status: 401},
			asked{operation: operation, values: own, body: body, with: clients, headers: []string{"Authorization", "Bearer wrong"}, status: 401},
			asked{operation: operation, values: other, body: body, status: 404},
			asked{operation: operation, values: own, body: body + strings.Repeat(" ", 3000), status: 413},
			asked{operation: operation, values: own, body: body, headers: []string{"Content-Type", "text/plain"}, status: 415, undocumented: true},
			asked{operation: operation, values: own, body: body, with: throttled, status: 429},
			asked{operation: operation, values: own, body: strings.Replace(body, `"prefetch"`, `"fhirServer":"https://fhir.example/r4","was"`, 1), with: panics, status: 500},
			asked{operation: operation, values: own, body: body, with: clients, headers: []string{"Authorization", "Bearer down"}, status: 503},
		)
	}
	for i := range list {
		_, path, _ := strings.Cut(list[i].operation, " ")
		list[i].path = strings.Replace(path, "{id}", list[i].values["id"], 1)
		list[i].headers = append([]string{"Content-Type", "application/json"}, list[i].headers...) // the row's own counts
	}
	return list
}
