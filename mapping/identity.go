package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"charthand/fhir"

	dtpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/datatypes_go_proto"
	"github.com/google/uuid"
)

// factSpace is the UUID namespace of all of charthand's identifiers. It never changes: the same fact of the same note must
// have the same identifier in every release.
var factSpace = uuid.MustParse("5f0c1c1e-6f0b-5d53-9a51-3c1f6d0f4b6e")

// source is the document that facts come from, as resources name it.
type source struct {
	// identity names the document across its versions: its identifier, else server base and id, else patient and text.
	identity string
	// version names this version of it.
	version string
	// reference points to it.
	reference *dtpb.Reference
	// query finds what refers to it by a search, empty where only a logical reference can be made.
	query string
}

func (m *Mapper) sourceOf(d *fhir.Document, text string) source {
	sum := sha256.Sum256([]byte(text))
	hash := hex.EncodeToString(sum[:])
	s := source{version: d.Version}
	switch {
	case d.Identifier != nil:
		s.identity = "identifier|" + d.Identifier.System + "|" + d.Identifier.Value
	case d.ID != "":
		s.identity = "id|" + m.config.Base + "|" + d.ID
	default:
		// Two patients may have the same short note.
		s.identity = "text|" + hash + "|" + subjectName(d.Subject)
	}
	if s.version == "" {
		// A document without a version is told from its next one by its text.
		s.version = "sha256-" + hash[:16]
	}
	switch {
	case d.ID != "":
		s.query = "DocumentReference/" + d.ID
		s.reference = fhir.Reference(s.query)
	case d.Identifier != nil:
		s.reference = fhir.LogicalReference("DocumentReference", fhir.NewIdentifier(d.Identifier.System, d.Identifier.Value))
	default:
		s.reference = fhir.LogicalReference("DocumentReference", fhir.NewIdentifier("urn:ietf:rfc:3986", "urn:uuid:"+key(s.identity).String()))
	}
	return s
}

// subjectName tells one patient from another.
func subjectName(r *dtpb.Reference) string {
	return strings.Join([]string{
		r.GetUri().GetValue(), r.GetPatientId().GetValue(), r.GetGroupId().GetValue(),
		r.GetIdentifier().GetSystem().GetValue(), r.GetIdentifier().GetValue().GetValue(),
	}, "|")
}

// key makes the UUIDv5 (RFC 9562, section 5.5) of the parts of an identity.
func key(parts ...string) uuid.UUID {
	return uuid.NewSHA1(factSpace, []byte(strings.Join(parts, "\x1f")))
}
