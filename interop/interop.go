// Package interop tries what charthand does beside a FHIR server on one that others run: it writes a patient and a note that are marked as test
// data, and what the note says, compares what it reads with what it wrote, and removes all of it. The docs have the list of steps (docs/interop.md).
package interop

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/fhir/client"
)

// Extractor is what a run needs of the line from document to Bundle.
type Extractor interface {
	Extract(ctx context.Context, document *fhir.Document) (*extract.Result, error)
}

// Config is what a run needs. Server, Extractor, Base and Run are required.
type Config struct {
	Server    Server
	Extractor Extractor
	// Base is the server's address. Where it is this machine's, notifications are waited for.
	Base string
	// Run marks all that is written (NewRun). The Extractor's Device should be of the run alone, as it is removed at the end.
	Run string
	// Version is charthand's own.
	Version string
	// Topic is the canonical of a topic to subscribe to; by default the first one that the server names.
	Topic string
	// Settle is how long the server may take until a search shows what was written, 10 s by default; Notify how long a notification may take, 20 s by
	// default.
	Settle, Notify time.Duration
	// Each is called with every step when it is over; it may be nil.
	Each func(Step)
}

// NewRun gives a name for a run, that no other has.
func NewRun() string { return strings.ToLower(rand.Text()[:16]) }

// IsLocal reports whether an address is this machine's.
func IsLocal(base string) bool {
	at, err := url.Parse(base)
	return err == nil && client.IsLoopback(at.Hostname())
}

// run is the work on one server.
type run struct {
	config Config
	server *recorder
	report *Report
	claims *claims
	// What the steps leave for those after them; empty where they did not come so far.
	patient, document *written
	bundle            *fhir.Bundle
	names             map[string]string // "Type/id" by fullUrl
	inTransaction     bool
	isFound           map[string]bool // what a search by identifier has found
	listener          *listener
	subscribed        map[string]string // "Subscription/id" by type, of those whose notifications are waited for
}

// written is a resource that was written.
type written struct {
	name    string // "Type/id"
	sent    tree
	version string
}

// finding is what came of a step.
type finding struct {
	status  Status
	found   string
	details []string
}

func ok(format string, values ...any) finding {
	return finding{status: OK, found: fmt.Sprintf(format, values...)}
}
func failed(format string, values ...any) finding {
	return finding{status: Failed, found: fmt.Sprintf(format, values...)}
}
func unsupported(format string, values ...any) finding {
	return finding{status: Unsupported, found: fmt.Sprintf(format, values...)}
}
func skipped(format string, values ...any) finding {
	return finding{status: Skipped, found: fmt.Sprintf(format, values...)}
}

// reason says why a request failed; what the server says of it goes into the report beside it.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// step is one thing to try.
type step struct {
	name, expected string
	try            func(context.Context) finding
}

// Plan gives what a run will write of the note, by type, without asking the server for anything.
func Plan(ctx context.Context, extractor Extractor) (map[string]int, error) {
	bundle, err := extractFrom(ctx, extractor, withID(document("plan", "Patient/plan", time.Now()), "plan"))
	if err != nil {
		return nil, err
	}
	types := map[string]int{}
	for _, entry := range bundle.Entry {
		types[typeOf(entry.Request.URL)]++
	}
	return types, nil
}

func withID(t tree, id string) tree {
	t["id"] = id
	return t
}

// extractFrom gives what a document says.
func extractFrom(ctx context.Context, extractor Extractor, resource any) (*fhir.Bundle, error) {
	raw, err := fhir.Encode(resource)
	if err != nil {
		return nil, err
	}
	documents, err := fhir.ReadDocuments(raw)
	if err != nil {
		return nil, err
	}
	result, err := extractor.Extract(ctx, documents[0])
	if err != nil {
		return nil, err
	}
	if result.Bundle == nil || len(result.Bundle.Entry) == 0 {
		return nil, errors.New("nothing was found in the note")
	}
	return result.Bundle, nil
}

// Run tries all steps, and removes what they wrote, also where the context ends meanwhile.
func Run(ctx context.Context, config Config) *Report {
	if config.Settle == 0 {
		config.Settle = settleTime
	}
	if config.Notify == 0 {
		config.Notify = notifyTime
	}
	r := &run{
		config: config, server: newRecorder(config.Server), claims: &claims{}, isFound: map[string]bool{}, subscribed: map[string]string{},
		report: &Report{Charthand: config.Version, Run: config.Run, Base: config.Base, Begun: time.Now().UTC().Truncate(time.Second), Left: []string{}},
	}
	begun := time.Now()
	for _, s := range r.steps() {
		s.try = unlessInterrupted(s.try)
		r.step(ctx, s)
	}
	isBrokenOff := ctx.Err() != nil
	for _, s := range r.lastSteps() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
		r.step(ending, s)
		cancel()
	}
	r.listener.close()
	r.report.Verdict = Passed
	for _, s := range r.report.Steps {
		if s.Status == Failed || isBrokenOff {
			r.report.Verdict = NotPassed
		}
	}
	r.report.Milliseconds = time.Since(begun).Milliseconds()
	return r.report
}

// unlessInterrupted skips a step when the context has ended, and does not blame the server for what that has broken off.
func unlessInterrupted(try func(context.Context) finding) func(context.Context) finding {
	return func(ctx context.Context) finding {
		f := skipped("interrupted")
		if ctx.Err() != nil {
			return f
		}
		if tried := try(ctx); ctx.Err() == nil || tried.status == OK {
			f = tried
		}
		return f
	}
}

// step tries one step, and reports it.
func (r *run) step(ctx context.Context, s step) {
	begun := time.Now()
	f := s.try(ctx)
	done := Step{s.name, f.status, s.expected, f.found, f.details, r.server.answers(), time.Since(begun).Milliseconds()}
	r.report.Steps = append(r.report.Steps, done)
	if r.config.Each != nil {
		r.config.Each(done)
	}
}

func (r *run) steps() []step {
	return []step{
		{"capabilities", "a CapabilityStatement of FHIR R4 (4.0) with JSON", r.capabilities},
		{"search parameters", "all that charthand searches by is claimed", r.searchParameters},
		{"patient", "the test Patient is created and read back as it was sent", r.writePatient},
		{"document", "the test DocumentReference is created and read back as it was sent", r.writeDocument},
		{"extract", "facts are found in the note as the server gives it", r.extract},
		{"transaction", "the Bundle of facts is written in one transaction", r.transaction},
		{"single writes", "where there are no transactions: each resource is written by itself", r.singleWrites},
		{"read back", "each resource is there as it was sent", r.readBack},
		{"idempotence", "the Bundle written again makes nothing new", r.again},
		{"search", "what was written is found, and nothing else", r.search},
		{"conditional update", "PUT Patient?identifier=… changes the test Patient, and makes none", r.conditionalUpdate},
		{"subscription", "an R4 Subscription (rest-hook) is accepted", r.subscribeR4},
		{"topic subscription", "a topic-based Subscription (R5 Backport) is accepted", r.subscribeTopic},
		{"update", "the test DocumentReference is updated with If-Match, and has a new version", r.update},
		{"stale update", "an update with an old If-Match is refused (409 or 412)", r.staleUpdate},
		{"history", "the first version is still there as it was sent, and the history has both", r.history},
		{"notification", "the update is told of by the R4 Subscription", r.notificationR4},
		{"topic notification", "the update is told of by the topic-based Subscription", r.notificationTopic},
	}
}

func (r *run) lastSteps() []step {
	return []step{
		{"remove", "all that was written is deleted", r.remove},
		{"gone", "nothing of it can be read or found any more", r.gone},
	}
}

func (r *run) capabilities(ctx context.Context) finding {
	raw, err := r.server.Read(ctx, "metadata")
	if err != nil {
		return failed("%s", reason(err))
	}
	claimed, err := readClaims(raw)
	if err != nil {
		return failed("%s", reason(err))
	}
	r.report.Software, r.report.FHIRVersion = claimed.software(), claimed.FHIRVersion
	if !strings.HasPrefix(claimed.FHIRVersion, "4.0.") || !claimed.isJSON() {
		return failed("FHIR %s in %s", claimed.FHIRVersion, strings.Join(claimed.Format, ", "))
	}
	r.claims = claimed
	return ok("%s", strings.TrimPrefix(claimed.software()+"; "+claimed.String(), "; "))
}

func (r *run) searchParameters(ctx context.Context) finding {
	if r.claims.ResourceType == "" {
		return skipped("there is no CapabilityStatement")
	}
	types, err := Plan(ctx, r.config.Extractor)
	if err != nil {
		return failed("the note cannot be read: %s", reason(err))
	}
	var names []string
	for name := range types {
		names = append(names, name)
	}
	missing := r.claims.missingSearches(names)
	if len(missing) == 0 {
		return ok("all are claimed")
	}
	f := unsupported("%d are not claimed", len(missing))
	f.details = missing
	return f
}

var _ Server = (*client.Client)(nil)
