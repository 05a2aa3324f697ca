// Package extract is charthand's line from a document to its Bundle: attachment to text, text to facts, facts to resources.
// The server and the command line call the same Extractor.
package extract

import (
	"context"
	"errors"

	"charthand/fhir"
	"charthand/mapping"
	"charthand/nlp"
	"charthand/note"
	"charthand/tracing"
)

// Extractor turns documents into transaction Bundles. It is safe for concurrent use.
type Extractor struct {
	// Pipeline understands the text.
	Pipeline nlp.Annotator
	// Mapper makes the resources.
	Mapper *mapping.Mapper
	// Decoder turns attachments into text.
	Decoder note.Decoder
	// Fetcher gets attachments that are elsewhere; nil where none is fetched.
	Fetcher Fetcher
	// Subject stands in where a document names no subject; nil where nothing may.
	Subject *fhir.Reference
}

// Result is what came of one document.
type Result struct {
	*mapping.Made
	// Characters is the length of the text, in Unicode code points; 0 of a document that is withdrawn, whose text is not read.
	Characters int
	// Found counts the mentions by the model's label.
	Found map[string]int
}

// Extract does the work for one document. A *fhir.Fault says that the document is refused, and why; any other error is
// charthand's own or the context's. Earlier facts that came in one Bundle with the document are revised; of a document that speaks no
// more they are taken back.
func (e *Extractor) Extract(ctx context.Context, document *fhir.Document) (_ *Result, err error) {
	ctx, end := tracing.Begin(ctx, "extract")
	defer func() { end(err) }()
	prior := e.Mapper.PriorFacts(document)
	if document.Fault == nil {
		if skipped := e.skipped(document); skipped != nil {
			return e.withdraw(ctx, document, prior, skipped)
		}
	}
	reading, endReading := tracing.Begin(ctx, "read attachment")
	attachment, text, remarks, err := e.read(reading, document)
	endReading(err, tracing.Format.String(text.Format.String()), tracing.Characters.Int(text.CodePoints()))
	if err != nil {
		return nil, err
	}
	annotated := nlp.NewDocument(text, document.Date)
	if err := e.Pipeline.Annotate(ctx, annotated); err != nil {
		if language := new(nlp.LanguageError); errors.As(err, &language) {
			return nil, fhir.Refuse(fhir.CodeNotSupported, document.Path+"."+attachment.Path, "skipped: "+language.Error())
		}
		return nil, err
	}
	if document.Subject == nil && !document.SubjectNamed && e.Subject != nil {
		withSubject := *document
		withSubject.Subject = e.Subject
		document = &withSubject
	}
	making, endMaking := tracing.Begin(ctx, "make resources")
	made, err := e.Mapper.Bundle(making, document, attachment, annotated, prior)
	endMaking(err)
	if err != nil {
		return nil, err
	}
	made.Outcome.Issues = append(made.Outcome.Issues, remarks...)
	found := map[string]int{}
	for _, entity := range annotated.Entities {
		found[entity.Label]++
	}
	return &Result{made, text.CodePoints(), found}, nil
}

// withdraw takes back what was written earlier of a document that speaks no more; where that is nothing, or another document speaks for
// it, the document is skipped with its reason.
func (e *Extractor) withdraw(ctx context.Context, document *fhir.Document, prior mapping.PriorFacts, skipped *fhir.Fault) (*Result, error) {
	if prior == nil || document.Standing == fhir.Preliminary {
		return nil, skipped
	}
	if document.Standing == fhir.Superseded {
		if replaced, err := prior.Replaced(ctx, document); err != nil {
			return nil, err
		} else if replaced {
			return nil, skipped
		}
	}
	made, err := e.Mapper.Withdraw(ctx, document, prior)
	if err != nil {
		return nil, err
	}
	if made == nil {
		return nil, skipped
	}
	if made.Bundle == nil { // what was written is not ours any more
		return nil, &fhir.Fault{Kind: skipped.Kind, Issues: append(made.Outcome.Issues, skipped.Issues...)}
	}
	for _, issue := range skipped.Issues {
		issue.Severity = fhir.SeverityInformation
		made.Outcome.Issues = append(made.Outcome.Issues, issue)
	}
	return &Result{Made: made}, nil
}

// skipped says why a document's life does not let it speak: it was withdrawn, replaced or is still being written. It is nil for one that
// speaks.
func (e *Extractor) skipped(d *fhir.Document) *fhir.Fault {
	if d.Standing == fhir.Current || d.Standing == fhir.Preliminary && e.Mapper.Preliminary() {
		return nil
	}
	return fhir.Refuse(fhir.CodeBusinessRule, d.Path+"."+d.StandingPath, "skipped: the document is "+d.StandingCode)
}
