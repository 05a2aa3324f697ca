package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"charthand/fhir"

	"github.com/google/uuid"
)

// factSpace is the UUID namespace of all of charthand's identifiers. It never changes: the same fact of the same note must
// have the same identifier in every release.
var factSpace = uuid.MustParse("5f0c1c1e-6f0b-5d53-9a51-3c1f6d0f4b6e")

// source is the document that facts come from, as resources name it.
type source struct {
	// identity names the first document of the chain of replacements, across all versions: its identifier, else server base and id, else
	// patient and text.
	identity string
	// document is the type of the resource that holds the note.
	document fhir.DocumentType
	// subject names the patient.
	subject string
	// version names this version of it.
	version string
	// reference points to it.
	reference *fhir.Reference
	// query finds what refers to it by a search, empty where only a logical reference can be made.
	query string
}

// sourceOf names a document, the first of a chain of replacements; text is the decoded one, for what has no name.
func (m *Mapper) sourceOf(chain []*fhir.Document, text string) source {
	d, root := chain[0], chain[len(chain)-1]
	sum := sha256.Sum256([]byte(text))
	hash := hex.EncodeToString(sum[:])
	s := source{document: d.Type, version: d.Version, subject: subjectName(d.Subject)}
	switch {
	case root.Replaces != nil && root.Replaces.Identifier != nil:
		s.identity = identityOfIdentifier(root.Replaces.Identifier)
	case root.Replaces != nil:
		s.identity = m.identityOf(root.Replaces.Reference)
	case root.Identifier != nil:
		s.identity = identityOfIdentifier(root.Identifier)
	case root.ID != "":
		s.identity = m.identityOf(root.Name())
	default:
		// Two patients may have the same short note.
		s.identity = "text|" + hash + "|" + s.subject
	}
	if s.version == "" {
		// A document without a version is told from its next one by its text.
		s.version = "sha256-" + hash[:16]
	}
	switch {
	case d.ID != "":
		s.query = d.Name()
		s.reference = &fhir.Reference{Reference: s.query}
	case d.Identifier != nil:
		s.reference = &fhir.Reference{Type: string(d.Type), Identifier: d.Identifier}
	default:
		s.reference = &fhir.Reference{Type: string(d.Type), Identifier: &fhir.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:" + key(s.identity).String()}}
	}
	return s
}

func identityOfIdentifier(i *fhir.Identifier) string { return "identifier|" + i.System + "|" + i.Value }

// identityOf names a document by its reference, on the server that it belongs to.
func (m *Mapper) identityOf(reference string) string {
	reference, _, _ = strings.Cut(reference, "/_history/")
	if base, id, absolute := strings.Cut(reference, "/DocumentReference/"); absolute {
		if m.config.Base == "" { // no server is known: the id alone names it, as where it comes by itself
			base = ""
		}
		return "id|" + base + "|" + id
	}
	return "id|" + m.config.Base + "|" + strings.TrimPrefix(reference, "DocumentReference/")
}

// subjectName tells one patient from another.
func subjectName(r *fhir.Reference) string {
	if r == nil {
		return ""
	}
	parts := []string{r.Reference, "", ""}
	if r.Identifier != nil {
		parts[1], parts[2] = r.Identifier.System, r.Identifier.Value
	}
	return strings.Join(parts, "|")
}

// identity is the UUID of a fact. The label and the codes are no part of it: two labels that make one resource of the same words are one
// fact, and a terminology that is imported later changes nothing.
func (r *reader) identity(f *fact) string {
	owner := r.note.source.identity
	if r.config.Rules.Scope == ScopePatient {
		owner = "patient|" + r.note.source.subject
	}
	d := f.details
	return key(owner, string(f.resource), f.first.concept, string(f.first.subject), d.site, d.time, d.value, d.strength, d.route).String()
}

// key makes the UUIDv5 (RFC 9562, section 5.5) of the parts of an identity.
func key(parts ...string) uuid.UUID {
	return uuid.NewSHA1(factSpace, []byte(strings.Join(parts, "\x1f")))
}
