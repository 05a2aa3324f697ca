package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"charthand/fhir"

	"github.com/gin-gonic/gin"
)

// fhirJSON is the media type of FHIR resources in JSON (FHIR R4, section 3.1.0.1.11).
const fhirJSON = "application/fhir+json"

// answerWith answers a request that the model works for, with what work makes of its body. A place among the requests is held from here to the answer, one
// among the extractions only while a processor works: neither a slow sender nor a slow reader keeps others waiting.
func (s *Server) answerWith(c *gin.Context, contentType string, work func(body []byte) (answer []byte, err error)) {
	if !enter(s.requests) {
		s.busy(c)
		return
	}
	defer leave(s.requests)
	if !s.gate.arrive() {
		s.busy(c)
		return
	}
	defer func() {
		if c.Writer.Status() != http.StatusTooManyRequests {
			s.gate.leave()
		}
	}()
	body, whole := s.json(c)
	if !whole {
		return
	}
	answer, err := work(body)
	switch {
	case errors.Is(err, errBusy):
		s.busy(c)
		return
	case err != nil:
		s.refuse(c, err)
		return
	}
	limitAnswer(c)
	c.Data(http.StatusOK, contentType, answer)
}

// limitAnswer bounds how long the answer may take that is written next: nobody who does not read holds a place for good.
func limitAnswer(c *gin.Context) {
	// Not every writer knows deadlines; those of a real connection do.
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(answerTimeout))
}

// json reads the body of a request in JSON that may be answered in JSON; where it is none, too large or not whole, it has answered so.
func (s *Server) json(c *gin.Context) (body []byte, whole bool) {
	coding := c.GetHeader("Content-Encoding")
	switch {
	case !acceptsJSON(c.GetHeader("Content-Type"), true):
		s.fail(c, http.StatusUnsupportedMediaType, fhir.CodeNotSupported, "the body has to be "+fhirJSON)
		return nil, false
	case coding != "" && !strings.EqualFold(coding, "identity"):
		s.fail(c, http.StatusUnsupportedMediaType, fhir.CodeNotSupported, "the body has to be as it is, not compressed")
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
		s.gate.overflow()
		return nil, errBusy
	}
	defer leave(s.extractions)
	return fhir.ReadDocuments(body)
}

// fetchTime is how long the fetches of one request may take together.
const fetchTime = time.Minute

// fetches is what the documents of one request share: the time for their fetches, and that the first finds a place at once or not at all,
// while the others wait for theirs.
type fetches struct {
	left    time.Duration
	entered bool
	logger  *slog.Logger // with the request's id; nil where nothing is told
}

func (s *Server) fetches() *fetches { return &fetches{left: fetchTime} }

// place takes a place among the extractions for the next document of a request. begun has to be called when the model begins with it, and may be
// called again; done when it is over.
func (s *Server) place(ctx context.Context, f *fetches) (begun, done func(), err error) {
	enters := s.gate.enter
	if f.entered {
		select {
		case s.extractions <- struct{}{}:
			enters = s.gate.join
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	} else if !enter(s.extractions) {
		s.gate.overflow()
		return nil, nil, errBusy
	}
	visit := enters()
	if visit == nil {
		leave(s.extractions)
		return nil, nil, errBusy
	}
	f.entered = true
	return visit.begin, func() {
		visit.end()
		leave(s.extractions)
	}, nil
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
