package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/mapping"

	"github.com/gin-gonic/gin"
)

// fhirJSON is the media type of FHIR resources in JSON (FHIR R4, section 3.1.0.1.11).
const fhirJSON = "application/fhir+json"

// extract is POST /fhir/DocumentReference/$extract. A place among the requests is held from here to the answer, one among
// the extractions only while a processor works: neither a slow sender nor a slow reader keeps others waiting.
func (s *Server) extract(c *gin.Context) {
	if !enter(s.requests) {
		s.busy(c)
		return
	}
	defer leave(s.requests)
	body, whole := s.json(c)
	if !whole {
		return
	}
	answer, err := s.work(c, body)
	switch {
	case errors.Is(err, errBusy):
		s.busy(c)
		return
	case err != nil:
		s.refuse(c, err)
		return
	}
	// Not every writer knows deadlines; those of a real connection do.
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(answerTimeout))
	c.Data(http.StatusOK, fhirJSON, answer)
}

// json reads the body of a request in JSON that may be answered in JSON; where it is none, too large or not whole, it has answered so.
func (s *Server) json(c *gin.Context) (body []byte, whole bool) {
	switch {
	case !acceptsJSON(c.GetHeader("Content-Type"), true):
		s.fail(c, http.StatusUnsupportedMediaType, fhir.CodeNotSupported, "the body has to be "+fhirJSON)
		return nil, false
	case !acceptsJSON(c.GetHeader("Accept"), false):
		s.fail(c, http.StatusNotAcceptable, fhir.CodeNotSupported, "the answer can only be "+fhirJSON)
		return nil, false
	case c.Request.ContentLength > s.config.MaxBody:
		s.tooLarge(c)
		return nil, false
	}
	return s.body(c)
}

// body reads the body of a request; where it is too large or not whole, it has answered so.
func (s *Server) body(c *gin.Context) (body []byte, whole bool) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, s.config.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.tooLarge(c)
	case err != nil:
		s.fail(c, http.StatusBadRequest, fhir.CodeStructure, "the body did not arrive whole")
	}
	return body, err == nil
}

// enter takes a place if one is free at once.
func enter(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

func leave(places chan struct{}) { <-places }

// errBusy says that no place among the extractions is free.
var errBusy = errors.New("no place is free")

// read finds the documents of a body, in a place among the extractions.
func (s *Server) read(body []byte) ([]*fhir.Document, error) {
	if !enter(s.extractions) {
		return nil, errBusy
	}
	defer leave(s.extractions)
	return fhir.ReadDocuments(body)
}

// fetchTime is how long the fetches of one request may take together.
const fetchTime = time.Minute

// work turns a body into an answer. It holds a place among the extractions while a processor works, not while attachments are fetched.
func (s *Server) work(c *gin.Context, body []byte) ([]byte, error) {
	documents, err := s.read(body)
	if err != nil {
		return nil, err
	}
	tell(c, documents)
	if wantsOutcome(c.Request.Header.Values("Prefer")) {
		c.Header("Preference-Applied", "return=OperationOutcome")
		return s.outcomes(c.Request.Context(), documents)
	}
	if len(documents) != 1 || c.Query("_outcome") == "true" {
		return s.extractAll(c.Request.Context(), documents)
	}
	result, err := s.extractOne(c.Request.Context(), s.fetches(), documents[0])
	if err != nil {
		return nil, err
	}
	return fhir.Encode(result.Bundle)
}

// extractEach extracts documents: one that is refused has an outcome and no Bundle, and does not hold up the others; where all are, the
// error is the refusal.
func (s *Server) extractEach(ctx context.Context, documents []*fhir.Document) ([]*extract.Result, error) {
	var results []*extract.Result
	fetching := s.fetches()
	refused := &fhir.Fault{Kind: fhir.Unprocessable}
	done := 0
	for _, document := range documents {
		result, err := s.extractOne(ctx, fetching, document)
		var fault *fhir.Fault
		switch {
		case err == nil:
			done++
		case errors.As(err, &fault):
			refused.Issues = append(refused.Issues, fault.Issues...)
			if fault.Kind == fhir.Invalid {
				refused.Kind = fhir.Invalid
			}
			result = &extract.Result{Made: &mapping.Made{Outcome: fault.Outcome()}}
		default:
			return nil, err
		}
		results = append(results, result)
	}
	if done == 0 {
		return nil, refused
	}
	return results, nil
}

// extractAll answers with Parameters: for each document its Bundle, where it has one, and its OperationOutcome.
func (s *Server) extractAll(ctx context.Context, documents []*fhir.Document) ([]byte, error) {
	results, err := s.extractEach(ctx, documents)
	if err != nil {
		return nil, err
	}
	var parameters []fhir.Parameter
	add := func(name string, resource any) error {
		encoded, err := fhir.Encode(resource)
		parameters = append(parameters, fhir.Parameter{Name: name, Resource: encoded})
		return err
	}
	for _, result := range results {
		if result.Bundle != nil {
			if err := add("return", result.Bundle); err != nil {
				return nil, err
			}
		}
		if err := add("outcome", result.Outcome); err != nil {
			return nil, err
		}
	}
	return fhir.EncodeParameters(parameters)
}

// outcomes answers with one OperationOutcome of all documents.
func (s *Server) outcomes(ctx context.Context, documents []*fhir.Document) ([]byte, error) {
	results, err := s.extractEach(ctx, documents)
	if err != nil {
		return nil, err
	}
	all := &fhir.Outcome{}
	for _, result := range results {
		all.Issues = append(all.Issues, result.Outcome.Issues...)
	}
	return fhir.Encode(all)
}

// fetches is what the documents of one request share: the time for their fetches, and that the first finds a place at once or not at all,
// while the others wait for theirs.
type fetches struct {
	left    time.Duration
	entered bool
}

func (s *Server) fetches() *fetches { return &fetches{left: fetchTime} }

// extractOne fetches and extracts one document, and logs in counts what came of it: nothing of the note.
func (s *Server) extractOne(ctx context.Context, f *fetches, document *fhir.Document) (*extract.Result, error) {
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, f.left)
	document = s.config.Extractor.Fetch(limited, document)
	cancel()
	f.left = max(0, f.left-time.Since(begun))
	if !f.entered {
		if !enter(s.extractions) {
			return nil, errBusy
		}
		f.entered = true
	} else {
		select {
		case s.extractions <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer leave(s.extractions)
	result, err := s.config.Extractor.Extract(ctx, document)
	var fault *fhir.Fault
	switch {
	case errors.As(err, &fault):
		s.config.Logger.Info("refused", "issues", len(fault.Issues), "code", string(fault.Issues[0].Code))
	case err == nil:
		s.config.Logger.Info("extracted", "characters", result.Characters, "written", result.Written, "left", result.Left, "conflicts", result.Conflicts, "retracted", result.Retracted)
	}
	return result, err
}

// wantsOutcome reports whether a request prefers an OperationOutcome to the Bundle (FHIR R4, section 3.1.0.1.11.2).
func wantsOutcome(prefer []string) bool {
	for _, header := range prefer {
		for part := range strings.SplitSeq(header, ",") {
			for preference := range strings.SplitSeq(part, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(preference), "=")
				if strings.EqualFold(name, "return") && strings.EqualFold(strings.Trim(value, `"`), "OperationOutcome") {
					return true
				}
			}
		}
	}
	return false
}

// acceptsJSON reports whether a Content-Type or an Accept header allows FHIR in JSON. Without a header it is allowed; in
// Accept a wildcard allows it too.
func acceptsJSON(header string, single bool) bool {
	if strings.TrimSpace(header) == "" {
		return true
	}
	for part := range strings.SplitSeq(header, ",") {
		mediaType, parameters, err := mime.ParseMediaType(part)
		if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
			continue
		}
		if charset := strings.ToLower(parameters["charset"]); single && charset != "" && charset != "utf-8" && charset != "utf8" {
			return false
		}
		switch mediaType {
		case fhirJSON, "application/json", "application/json+fhir", "text/json":
			return true
		case "*/*", "application/*":
			return !single
		}
	}
	return false
}
