package server

import (
	"context"
	"encoding/json"
	"fmt"

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

// annotate is POST /api/annotate: {"text"} or a document → the object that the command annotate prints.
func (s *Server) annotate(c *gin.Context) {
	s.answerWith(c, "application/json", func(body []byte) ([]byte, error) { return s.annotateBody(c, body) })
}

func (s *Server) annotateBody(c *gin.Context, body []byte) ([]byte, error) {
	ctx := c.Request.Context()
	var plain struct {
		ResourceType json.RawMessage `json:"resourceType"`
		ID           string          `json:"id"`
		Text         *string         `json:"text"`
	}
	if json.Unmarshal(body, &plain) == nil && plain.ResourceType == nil && plain.Text != nil {
		return s.annotateIn(ctx, plain.ID, func(ctx context.Context) (*nlp.Document, error) {
			return s.config.Annotator.AnnotateText(ctx, *plain.Text)
		})
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
	return s.annotateIn(ctx, document.ID, func(ctx context.Context) (*nlp.Document, error) { return s.config.Annotator.Annotate(ctx, document) })
}

// annotateIn annotates in a place among the extractions.
func (s *Server) annotateIn(ctx context.Context, id string, annotate func(context.Context) (*nlp.Document, error)) ([]byte, error) {
	reading, err := s.place(ctx, s.fetches())
	if err != nil {
		return nil, err
	}
	defer leave(s.extractions)
	defer reading()
	annotated, err := annotate(nlp.OnReading(ctx, reading))
	if err != nil {
		return nil, err
	}
	return json.Marshal(annotated.Annotation(id))
}
