package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"charthand/extract"
	"charthand/fhir"

	"github.com/gin-gonic/gin"
)

// fhirJSON is the media type of FHIR resources in JSON (FHIR R4, section 3.1.0.1.11).
const fhirJSON = "application/fhir+json"

// extract is POST /fhir/DocumentReference/$extract.
func (s *Server) extract(c *gin.Context) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		c.Header("Retry-After", "1")
		s.fail(c, http.StatusTooManyRequests, fhir.CodeThrottled, "busy: as many requests as this server takes are under way")
		return
	}
	if !acceptsJSON(c.GetHeader("Content-Type"), true) {
		s.fail(c, http.StatusUnsupportedMediaType, fhir.CodeNotSupported, "the body has to be "+fhirJSON)
		return
	}
	if !acceptsJSON(c.GetHeader("Accept"), false) {
		s.fail(c, http.StatusNotAcceptable, fhir.CodeNotSupported, "the answer can only be "+fhirJSON)
		return
	}
	if c.Request.ContentLength > s.config.MaxBody {
		s.tooLarge(c)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, s.config.MaxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			s.tooLarge(c)
			return
		}
		s.fail(c, http.StatusBadRequest, fhir.CodeStructure, "the body did not arrive whole")
		return
	}
	documents, err := fhir.ReadDocuments(body)
	if err != nil {
		s.refuse(c, err)
		return
	}
	if len(documents) == 1 && c.Query("_outcome") != "true" {
		result, err := s.config.Extractor.Extract(c.Request.Context(), documents[0])
		if err != nil {
			s.refuse(c, err)
			return
		}
		answer, err := fhir.EncodeBundle(result.Bundle)
		if err != nil {
			s.refuse(c, err)
			return
		}
		c.Data(http.StatusOK, fhirJSON, answer)
		return
	}
	s.extractAll(c, documents)
}

// extractAll answers with Parameters: for each document its Bundle, where it has one, and its OperationOutcome. One that is
// refused does not hold up the others; where all are, the answer is the refusal.
func (s *Server) extractAll(c *gin.Context, documents []*fhir.Document) {
	var parameters []fhir.Parameter
	refused := &fhir.Fault{Kind: fhir.Unprocessable}
	done := 0
	for _, document := range documents {
		result, err := s.config.Extractor.Extract(c.Request.Context(), document)
		var fault *fhir.Fault
		switch {
		case err == nil:
			done++
			bundle, err := fhir.EncodeBundle(result.Bundle)
			if err != nil {
				s.refuse(c, err)
				return
			}
			parameters = append(parameters, fhir.Parameter{Name: "return", Resource: bundle})
		case errors.As(err, &fault):
			refused.Issues = append(refused.Issues, fault.Issues...)
			result = &extract.Result{Outcome: fault.Outcome()}
		default:
			s.refuse(c, err)
			return
		}
		outcome, err := fhir.Encode(result.Outcome.Resource())
		if err != nil {
			s.refuse(c, err)
			return
		}
		parameters = append(parameters, fhir.Parameter{Name: "outcome", Resource: outcome})
	}
	if done == 0 {
		s.refuse(c, refused)
		return
	}
	answer, err := fhir.EncodeParameters(parameters)
	if err != nil {
		s.refuse(c, err)
		return
	}
	c.Data(http.StatusOK, fhirJSON, answer)
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
