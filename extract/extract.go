// Package extract is charthand's line from a document to its Bundle: attachment to text, text to facts, facts to resources.
// The server and the command line call the same Extractor.
package extract

import (
	"context"
	"errors"
	"fmt"

	"charthand/fhir"
	"charthand/mapping"
	"charthand/nlp"
	"charthand/note"

	codes "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto"
)

// MaxCharacters is the longest text that is read, in Unicode code points. A clinical note has some thousands; what is longer
// than this would hold a processor for minutes.
const MaxCharacters = 1_000_000

// Extractor turns documents into transaction Bundles. It is safe for concurrent use.
type Extractor struct {
	// Pipeline understands the text.
	Pipeline nlp.Annotator
	// Mapper makes the resources.
	Mapper *mapping.Mapper
	// Subject stands in where a document names no subject; nil where nothing may.
	Subject *fhir.Reference
}

// Result is what came of one document.
type Result struct {
	*mapping.Made
	// Characters is the length of the text, in Unicode code points; 0 of a document that is withdrawn, whose text is not read.
	Characters int
}

// Extract does the work for one document. A *fhir.Fault says that the document is refused, and why; any other error is
// charthand's own or the context's. Earlier facts that came in one Bundle with the document are revised; of a document that speaks no
// more they are taken back.
func (e *Extractor) Extract(ctx context.Context, document *fhir.Document) (*Result, error) {
	prior := e.Mapper.PriorFacts(document)
	if document.Fault == nil {
		if skipped := e.skipped(document); skipped != nil {
			return e.withdraw(ctx, document, prior, skipped)
		}
	}
	attachment, text, remarks, err := read(document)
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
	made, err := e.Mapper.Bundle(ctx, document, attachment, annotated, prior)
	if err != nil {
		return nil, err
	}
	made.Outcome.Issues = append(made.Outcome.Issues, remarks...)
	return &Result{made, text.CodePoints()}, nil
}

// withdraw takes back what was written earlier of a document that speaks no more; where that is nothing, or another document speaks for
// it, the document is skipped with its reason.
func (e *Extractor) withdraw(ctx context.Context, document *fhir.Document, prior mapping.PriorFacts, skipped *fhir.Fault) (*Result, error) {
	preliminary := document.Status == codes.DocumentReferenceStatusCode_CURRENT && document.DocStatus == codes.CompositionStatusCode_PRELIMINARY
	if prior == nil || preliminary {
		return nil, skipped
	}
	if document.Status == codes.DocumentReferenceStatusCode_SUPERSEDED {
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

// Text gives the text that Extract would read of a document, with what was odd about it; the error is a *fhir.Fault.
func Text(document *fhir.Document) (note.Text, []fhir.Issue, error) {
	_, text, issues, err := read(document)
	return text, issues, err
}

// skipped says why a document's life does not let it speak: it was withdrawn, replaced or is still being written. It is nil for one that
// speaks.
func (e *Extractor) skipped(d *fhir.Document) *fhir.Fault {
	skip := func(element, why string) *fhir.Fault {
		return fhir.Refuse(fhir.CodeBusinessRule, d.Path+"."+element, "skipped: the document is "+why)
	}
	switch {
	case d.Status == codes.DocumentReferenceStatusCode_ENTERED_IN_ERROR:
		return skip("status", "entered-in-error")
	case d.Status == codes.DocumentReferenceStatusCode_SUPERSEDED:
		return skip("status", "superseded")
	case d.DocStatus == codes.CompositionStatusCode_PRELIMINARY && !e.Mapper.Preliminary():
		return skip("docStatus", "preliminary")
	case d.DocStatus == codes.CompositionStatusCode_ENTERED_IN_ERROR:
		return skip("docStatus", "entered-in-error")
	}
	return nil
}

// read takes the first attachment that can be read as text; the remarks name those left aside and what was odd.
func read(d *fhir.Document) (fhir.Attachment, note.Text, []fhir.Issue, error) {
	if d.Fault != nil {
		return fhir.Attachment{}, note.Text{}, nil, d.Fault
	}
	var issues []fhir.Issue
	for i, attachment := range d.Attachments {
		path := d.Path + "." + attachment.Path
		text, remarks, issue := decode(path, attachment)
		if issue != nil {
			issues = append(issues, *issue)
			continue
		}
		for j := range issues {
			issues[j].Severity = fhir.SeverityWarning
		}
		for _, remark := range remarks {
			issues = append(issues, fhir.Issue{Severity: fhir.SeverityWarning, Code: fhir.CodeValue, Expression: path, Diagnostics: remark})
		}
		for _, other := range d.Attachments[i+1:] {
			issues = append(issues, fhir.Issue{
				Severity: fhir.SeverityInformation, Code: fhir.CodeInformational,
				Expression: d.Path + "." + other.Path, Diagnostics: "not read: another attachment of the document was",
			})
		}
		return attachment, text, issues, nil
	}
	return fhir.Attachment{}, note.Text{}, nil, &fhir.Fault{Kind: fhir.Unprocessable, Issues: issues}
}

// decode reads one attachment; the issue says why it cannot be read.
func decode(path string, a fhir.Attachment) (note.Text, []string, *fhir.Issue) {
	refuse := func(code fhir.IssueCode, element, why string) *fhir.Issue {
		return &fhir.Issue{Severity: fhir.SeverityError, Code: code, Expression: path + element, Diagnostics: why}
	}
	switch {
	case a.Data == nil && a.URL != "":
		return note.Text{}, nil, refuse(fhir.CodeNotSupported, ".url", "the attachment has no data, and its url is not fetched: send the data")
	case a.Data == nil:
		return note.Text{}, nil, refuse(fhir.CodeRequired, "", "the attachment has no data")
	}
	text, remarks, err := note.Decode(a.Data, a.ContentType)
	switch {
	case err == nil && text.CodePoints() > MaxCharacters:
		return note.Text{}, nil, refuse(fhir.CodeTooLong, ".data", fmt.Sprintf("the text has %d characters, %d are the most that is read", text.CodePoints(), MaxCharacters))
	case err == nil:
		return text, remarks, nil
	case errors.Is(err, note.ErrCharset), errors.Is(err, note.ErrContentType):
		return note.Text{}, nil, refuse(fhir.CodeNotSupported, ".contentType", err.Error())
	case errors.Is(err, note.ErrEmpty):
		return note.Text{}, nil, refuse(fhir.CodeValue, ".data", err.Error())
	}
	return note.Text{}, nil, refuse(fhir.CodeValue, ".data", "the data cannot be read")
}
