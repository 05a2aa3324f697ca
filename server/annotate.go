package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"charthand/fhir"
	"charthand/nlp"

	"github.com/gin-gonic/gin"
)

// Annotator finds what a document says: *extract.Extractor does.
type Annotator interface {
	Annotate(ctx context.Context, document *fhir.Document) (*nlp.Document, error)
	AnnotateText(ctx context.Context, text string) (*nlp.Document, error)
}

const annotateRoute = "/api/annotate"

// annotate is POST /api/annotate: {"text"} or a document → the object that the command annotate prints. It holds places as extract does.
func (s *Server) annotate(c *gin.Context) {
	if !enter(s.requests) {
		s.busy(c)
		return
	}
	defer leave(s.requests)
	body, whole := s.json(c)
	if !whole {
		return
	}
	annotation, err := s.annotateBody(c, body)
	switch {
	case errors.Is(err, errBusy):
		s.busy(c)
		return
	case err != nil:
		s.refuse(c, err)
		return
	}
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(answerTimeout))
	c.JSON(http.StatusOK, annotation)
}

func (s *Server) annotateBody(c *gin.Context, body []byte) (*nlp.Annotation, error) {
	ctx := c.Request.Context()
	var plain struct {
		ResourceType json.RawMessage `json:"resourceType"`
		ID           string          `json:"id"`
		Text         *string         `json:"text"`
	}
	if json.Unmarshal(body, &plain) == nil && plain.ResourceType == nil && plain.Text != nil {
		return s.annotateIn(plain.ID, func() (*nlp.Document, error) { return s.config.Annotator.AnnotateText(ctx, *plain.Text) })
	}
	documents, err := s.read(body)
	if err != nil {
		return nil, err
	}
	tell(c, documents)
	if len(documents) != 1 {
		return nil, fhir.Refuse(fhir.CodeNotSupported, "", fmt.Sprintf("one document is annotated at a time, and this body holds %d", len(documents)))
	}
	limited, cancel := context.WithTimeout(ctx, fetchTime)
	document := s.config.Extractor.Fetch(limited, documents[0])
	cancel()
	return s.annotateIn(document.ID, func() (*nlp.Document, error) { return s.config.Annotator.Annotate(ctx, document) })
}

// annotateIn annotates in a place among the extractions.
func (s *Server) annotateIn(id string, annotate func() (*nlp.Document, error)) (*nlp.Annotation, error) {
	if !enter(s.extractions) {
		return nil, errBusy
	}
	defer leave(s.extractions)
	annotated, err := annotate()
	if err != nil {
		return nil, err
	}
	annotation := annotated.Annotation(id)
	return &annotation, nil
}
