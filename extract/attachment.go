package extract

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // FHIR's hash of attachments
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"charthand/fhir"
	"charthand/note"
	"charthand/tracing"
)

// Fetcher gets what an attachment's url points to.
type Fetcher interface {
	// Fetch gets the bytes at a url, of the content type that the attachment names if that can be had. An error says why not, without more of
	// the url than its host; that of a context is passed on as it is.
	Fetch(ctx context.Context, url, contentType string) (fhir.Binary, error)
}

// temporary is an error that may be none later.
type temporary interface {
	error
	Temporary() bool
}

// Text gives the text that Extract would read of a document, with what was odd about it; the error is a *fhir.Fault or the context's.
func (e *Extractor) Text(ctx context.Context, document *fhir.Document) (note.Text, []fhir.Issue, error) {
	_, text, issues, err := e.read(ctx, document)
	return text, issues, err
}

// choice gives the attachments in the order in which they are tried: plain text, C-CDA, HTML, RTF, PDF, then those that do not say what they
// are; of one format those that are here before those to be fetched, then as the document has them.
func choice(d *fhir.Document) []fhir.Attachment {
	order := slices.Clone(d.Attachments)
	rank := func(a fhir.Attachment) int {
		r := 2 * int(note.Expected(a.ContentType, a.Format))
		if a.Data == nil {
			r++
		}
		return r
	}
	slices.SortStableFunc(order, func(a, b fhir.Attachment) int { return rank(a) - rank(b) })
	return order
}

// Fetch gives a document with the attachment that Extract will try first, where that is elsewhere. It is for those who do not want to hold a
// processor's place while they wait; Extract fetches what is still missing.
func (e *Extractor) Fetch(ctx context.Context, document *fhir.Document) *fhir.Document {
	if document.Fault != nil || e.Fetcher == nil || e.skipped(document) != nil {
		return document
	}
	for _, first := range choice(document) {
		if first.Data != nil || first.URL == "" {
			break
		}
		e.fetch(ctx, &first)
		fetched := *document
		fetched.Attachments = slices.Clone(document.Attachments)
		for i, a := range fetched.Attachments {
			if a.Path == first.Path {
				fetched.Attachments[i] = first
			}
		}
		document = &fetched
		if first.Unfetched == nil {
			break
		}
	}
	return document
}

// errNoFetcher is why nothing is fetched.
var errNoFetcher = errors.New("the attachment has no data, and its url is not fetched: name the FHIR server (--fhir-base), or send the data")

// fetch fills an attachment with what its url points to, or says why not, unless that is known.
func (e *Extractor) fetch(ctx context.Context, a *fhir.Attachment) {
	switch {
	case a.Unfetched != nil:
		return
	case e.Fetcher == nil:
		a.Unfetched = errNoFetcher
		return
	}
	fetching, end := tracing.Begin(ctx, "fetch attachment")
	fetched, err := e.Fetcher.Fetch(fetching, a.URL, a.ContentType)
	end(err)
	if err != nil {
		a.Unfetched = fmt.Errorf("the attachment could not be fetched: %w", err)
		return
	}
	a.Data, a.Elsewhere = fetched.Data, true
	if a.ContentType == "" {
		a.ContentType = fetched.ContentType
	}
}

// read reads the best attachment that can be read; the remarks name those left aside and what was odd.
func (e *Extractor) read(ctx context.Context, d *fhir.Document) (fhir.Attachment, note.Text, []fhir.Issue, error) {
	if d.Fault != nil {
		return fhir.Attachment{}, note.Text{}, nil, d.Fault
	}
	if len(d.Attachments) == 0 {
		return fhir.Attachment{}, note.Text{}, nil, fhir.Refuse(fhir.CodeRequired, d.Path, "the document has no attachment: there is no note to read")
	}
	issues := slices.Clone(d.Remarks)
	tried := choice(d)
	for i, attachment := range tried {
		path := d.Path + "." + attachment.Path
		text, remarks, issue, err := e.decode(ctx, path, &attachment)
		if err != nil {
			return fhir.Attachment{}, note.Text{}, nil, err
		}
		if issue != nil {
			issues = append(issues, *issue)
			continue
		}
		for j := range issues {
			if issues[j].Severity == fhir.SeverityError {
				issues[j].Severity = fhir.SeverityWarning
			}
		}
		for _, remark := range remarks {
			issues = append(issues, fhir.Issue{Severity: fhir.SeverityWarning, Code: fhir.CodeValue, Expression: path, Diagnostics: remark})
		}
		for _, other := range tried[i+1:] {
			issues = append(issues, fhir.Issue{
				Severity: fhir.SeverityInformation, Code: fhir.CodeInformational,
				Expression: d.Path + "." + other.Path, Diagnostics: "not read: another attachment of the document was, as " + text.Format.String(),
			})
		}
		return attachment, text, issues, nil
	}
	return fhir.Attachment{}, note.Text{}, nil, &fhir.Fault{Kind: fhir.Unprocessable, Issues: issues}
}

// decode reads one attachment, and fills in what is fetched for it; the issue says why it cannot be read. The error is the context's.
func (e *Extractor) decode(ctx context.Context, path string, a *fhir.Attachment) (note.Text, []string, *fhir.Issue, error) {
	refuse := func(code fhir.IssueCode, element, why string) (note.Text, []string, *fhir.Issue, error) {
		return note.Text{}, nil, &fhir.Issue{Severity: fhir.SeverityError, Code: code, Expression: path + element, Diagnostics: why}, ctx.Err()
	}
	if a.Data == nil {
		if a.URL == "" {
			return refuse(fhir.CodeRequired, "", "the attachment has no data and no url")
		}
		e.fetch(ctx, a)
		if a.Unfetched != nil {
			code := fhir.CodeNotFound
			if passing := temporary(nil); errors.As(a.Unfetched, &passing) && passing.Temporary() {
				code = fhir.CodeTransient
			}
			return refuse(code, ".url", a.Unfetched.Error())
		}
	}
	remarks, issue := check(path, *a)
	if issue != nil {
		return note.Text{}, nil, issue, nil
	}
	text, more, err := e.Decoder.Decode(ctx, a.Data, a.ContentType)
	switch bytesPath := a.BytesPath()[len(a.Path):]; {
	case err == nil:
		return text, append(remarks, more...), nil, nil
	case ctx.Err() != nil:
		return note.Text{}, nil, nil, ctx.Err()
	case errors.Is(err, note.ErrTooLong):
		return refuse(fhir.CodeTooLong, bytesPath, err.Error())
	case errors.Is(err, note.ErrCharset), errors.Is(err, note.ErrContentType):
		return refuse(fhir.CodeNotSupported, ".contentType", err.Error())
	case errors.Is(err, note.ErrEncrypted), errors.Is(err, note.ErrNoTextLayer):
		return refuse(fhir.CodeNotSupported, bytesPath, err.Error())
	case errors.Is(err, note.ErrEmpty), errors.Is(err, note.ErrDamaged):
		return refuse(fhir.CodeValue, bytesPath, err.Error())
	default:
		return note.Text{}, nil, nil, err
	}
}

// check compares the bytes of an attachment with the hash and the size that it names. Bytes of another hash, or that came short of their
// size from elsewhere, are not the note that was meant.
func check(path string, a fhir.Attachment) (remarks []string, issue *fhir.Issue) {
	refuse := func(element, why string) ([]string, *fhir.Issue) {
		return nil, &fhir.Issue{Severity: fhir.SeverityError, Code: fhir.CodeConflict, Expression: path + element, Diagnostics: why}
	}
	if len(a.Hash) > 0 {
		switch same, known := sameHash(a.Data, a.Hash); {
		case !known:
			remarks = append(remarks, "the hash is no SHA-1, and was not compared")
		case !same:
			return refuse(".hash", "the data has another hash than the attachment names: it is not what was meant")
		}
	}
	if n := int64(len(a.Data)); a.Size >= 0 && a.Size != n {
		said := fmt.Sprintf("the data has %d bytes, the attachment names a size of %d", n, a.Size)
		switch {
		case (n+2)/3*4 == a.Size: // the length of the base64, which many write
		case a.Elsewhere && n < a.Size:
			return refuse(".size", said+": it did not arrive whole")
		default:
			remarks = append(remarks, said)
		}
	}
	return remarks, nil
}

// sameHash compares data with a hash: SHA-1 as FHIR has it (Attachment.hash), or SHA-256, each also in hexadecimal, in base64 or as it is, as some
// servers write it. known is false for what is none of these.
func sameHash(data, hash []byte) (same, known bool) {
	for _, digits := range []string{string(hash), base64.StdEncoding.EncodeToString(hash)} {
		if raw, err := hex.DecodeString(digits); err == nil && (len(raw) == sha1.Size || len(raw) == sha256.Size) {
			hash = raw
			break
		}
	}
	switch len(hash) {
	case sha1.Size:
		sum := sha1.Sum(data) //nolint:gosec // as above
		return bytes.Equal(sum[:], hash), true
	case sha256.Size:
		sum := sha256.Sum256(data)
		return bytes.Equal(sum[:], hash), true
	}
	return false, false
}
