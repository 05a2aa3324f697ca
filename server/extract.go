package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/mapping"
	"charthand/nlp"

	"github.com/gin-gonic/gin"
)

// extract is POST /fhir/DocumentReference/$extract.
func (s *Server) extract(c *gin.Context) {
	s.answerWith(c, fhirJSON, func(body []byte) ([]byte, error) { return s.work(c, body) })
}

// work turns a body into an answer. It holds a place among the extractions while a processor works, not while attachments are fetched.
func (s *Server) work(c *gin.Context, body []byte) ([]byte, error) {
	documents, err := s.read(body)
	if err != nil {
		return nil, err
	}
	tell(c, documents)
	fetching := s.fetches()
	fetching.logger = s.logger(c)
	if wantsOutcome(c.Request.Header.Values("Prefer")) {
		c.Header("Preference-Applied", "return=OperationOutcome")
		return s.outcomes(c.Request.Context(), fetching, documents)
	}
	if len(documents) != 1 || c.Query("_outcome") == "true" {
		return s.extractAll(c.Request.Context(), fetching, documents)
	}
	result, err := s.extractOne(c.Request.Context(), fetching, documents[0])
	if err != nil {
		return nil, err
	}
	return fhir.Encode(result.Bundle)
}

// extractEach extracts documents: one that is refused has an outcome and no Bundle, and does not hold up the others; where all are, the
// error is the refusal.
func (s *Server) extractEach(ctx context.Context, f *fetches, documents []*fhir.Document) ([]*extract.Result, error) {
	var results []*extract.Result
	refused := &fhir.Fault{Kind: fhir.Unprocessable}
	done := 0
	for _, document := range documents {
		result, err := s.extractOne(ctx, f, document)
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
func (s *Server) extractAll(ctx context.Context, f *fetches, documents []*fhir.Document) ([]byte, error) {
	results, err := s.extractEach(ctx, f, documents)
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
func (s *Server) outcomes(ctx context.Context, f *fetches, documents []*fhir.Document) ([]byte, error) {
	results, err := s.extractEach(ctx, f, documents)
	if err != nil {
		return nil, err
	}
	all := &fhir.Outcome{}
	for _, result := range results {
		all.Issues = append(all.Issues, result.Outcome.Issues...)
	}
	return fhir.Encode(all)
}

// extractOne fetches and extracts one document, and logs in counts what came of it: nothing of the note.
func (s *Server) extractOne(ctx context.Context, f *fetches, document *fhir.Document) (*extract.Result, error) {
	fetching := time.Now()
	limited, cancel := context.WithTimeout(ctx, f.left)
	document = s.config.Extractor.Fetch(limited, document)
	cancel()
	f.left = max(0, f.left-time.Since(fetching))
	begun, done, err := s.place(ctx, f)
	if err != nil {
		return nil, err
	}
	defer done()
	result, err := s.config.Extractor.Extract(nlp.OnReading(ctx, begun), document)
	var fault *fhir.Fault
	switch {
	case errors.As(err, &fault):
		f.logger.Info("refused", "issues", len(fault.Issues), "code", string(fault.Issues[0].Code))
	case err == nil:
		f.logger.Info("extracted", "characters", result.Characters, "written", result.Written, "left", result.Left, "conflicts", result.Conflicts, "retracted", result.Retracted)
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
