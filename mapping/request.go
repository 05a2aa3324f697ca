package mapping

import (
	"net/url"

	"charthand/fhir"
	"charthand/mapping/resource"
)

// WriteMode is how a Bundle asks a server to write its resources.
type WriteMode string

// The ways to write. All but Post give one resource for one fact however often the Bundle is sent.
const (
	// ConditionalCreate writes what is not there yet and never changes anything.
	ConditionalCreate WriteMode = "conditional-create"
	// ConditionalUpdate writes over what is there, a person's changes too.
	ConditionalUpdate WriteMode = "conditional-update"
	// ClientID writes to ids of charthand's choosing, over what is there; the server has to allow update-as-create.
	ClientID WriteMode = "client-id"
	// Post writes anew each time.
	Post WriteMode = "post"
)

// WriteModes are all of them.
var WriteModes = []WriteMode{ConditionalCreate, ConditionalUpdate, ClientID, Post}

// add appends the entry that writes a resource. condition is the search that finds it.
func (m *Mapper) add(b *fhir.Bundle, resourceType, id, condition string, made any, header *resource.Header) {
	entry := fhir.Entry{FullURL: "urn:uuid:" + id, Resource: made}
	switch m.config.Write {
	case ConditionalUpdate:
		entry.Request = fhir.Request{Method: "PUT", URL: resourceType + "?" + condition}
	case ClientID:
		header.ID = id
		entry.Request = fhir.Request{Method: "PUT", URL: resourceType + "/" + id}
	case Post:
		entry.Request = fhir.Request{Method: "POST", URL: resourceType}
	default: // ConditionalCreate
		entry.Request = fhir.Request{Method: "POST", URL: resourceType, IfNoneExist: condition}
	}
	b.Entry = append(b.Entry, entry)
}

// update appends the entry that changes a resource of a server, if nobody has changed it meanwhile.
func update(b *fhir.Bundle, id string, earlier PriorFact, made any) {
	b.Entry = append(b.Entry, fhir.Entry{
		FullURL: "urn:uuid:" + id, Resource: made,
		Request: fhir.Request{Method: "PUT", URL: earlier.Type + "/" + earlier.ID, IfMatch: `W/"` + earlier.Version + `"`},
	})
}

// byIdentifier is the search that finds a resource by charthand's identifier.
func (m *Mapper) byIdentifier(id string) string {
	return "identifier=" + url.QueryEscape(m.config.Rules.IdentifierSystem+"|urn:uuid:"+id)
}
