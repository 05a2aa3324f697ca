// Package extract is charthand's line from a document to its Bundle: attachment to text, text to facts, facts to resources.
// The server and the command line call the same Extractor.
package extract

import (
	"context"
	"errors"
	"time"

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
	attachment, annotated, remarks, err := e.readAndUnderstand(ctx, document)
	if err != nil {
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
	return &Result{made, annotated.Text.CodePoints(), found}, nil
}

// Annotate gives what is found in a document, whatever its life says of it: what Extract makes resources of. A *fhir.Fault says that the
// document cannot be read, and why.
func (e *Extractor) Annotate(ctx context.Context, document *fhir.Document) (*nlp.Document, error) {
	_, annotated, _, err := e.readAndUnderstand(ctx, document)
	return annotated, err
}

// AnnotateText gives what is found in a text, as Annotate does.
func (e *Extractor) AnnotateText(ctx context.Context, text string) (*nlp.Document, error) {
	read := note.NewText(text)
	if read.CodePoints() > note.MaxCharacters {
		return nil, fhir.Refuse(fhir.CodeTooLong, "text", note.ErrTooLong.Error())
	}
	return e.understand(ctx, nlp.NewDocument(read, time.Time{}), "text")
}

// readAndUnderstand reads the best attachment and runs the pipeline; the remarks say what was odd about the attachments.
func (e *Extractor) readAndUnderstand(ctx context.Context, document *fhir.Document) (fhir.Attachment, *nlp.Document, []fhir.Issue, error) {
	reading, end := tracing.Begin(ctx, "read attachment")
	attachment, text, remarks, err := e.read(reading, document)
	end(err, tracing.Format.String(text.Format.String()), tracing.Characters.Int(text.CodePoints()))
	if err != nil {
		return attachment, nil, nil, err
	}
	annotated, err := e.understand(ctx, nlp.NewDocument(text, document.Date), document.Path+"."+attachment.Path)
	return attachment, annotated, remarks, err
}

// understand runs the pipeline; path says where the text was read. A text in another language is refused.
func (e *Extractor) understand(ctx context.Context, annotated *nlp.Document, path string) (*nlp.Document, error) {
	err := e.Pipeline.Annotate(ctx, annotated)
	if language := new(nlp.LanguageError); errors.As(err, &language) {
		err = fhir.Refuse(fhir.CodeNotSupported, path, "skipped: "+language.Error())
	}
	if err != nil {
		return nil, err
	}
	return annotated, nil
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
