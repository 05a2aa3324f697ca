package fhir

import (
	"bytes"
	"encoding/json"
)

// Bundle is a transaction Bundle (FHIR R4, Bundle).
type Bundle struct {
	ResourceType string  `json:"resourceType"` // "Bundle"
	Type         string  `json:"type"`         // "transaction"
	Entry        []Entry `json:"entry"`
}

// Entry is one request of a transaction.
type Entry struct {
	FullURL string `json:"fullUrl,omitempty"`
	// Resource is what is written: a value that encodes as a FHIR resource.
	Resource any     `json:"resource,omitempty"`
	Request  Request `json:"request"`
}

// Request says what a server is to do with an Entry.
type Request struct {
	Method      string `json:"method"`
	URL         string `json:"url"`
	IfMatch     string `json:"ifMatch,omitempty"`
	IfNoneExist string `json:"ifNoneExist,omitempty"`
}

// Encode writes a resource as JSON on one line. The same resource always gives the same bytes.
func Encode(resource any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false) // narratives are XHTML
	if err := encoder.Encode(resource); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte{'\n'}), nil
}

// Parameter is one named resource of a Parameters resource, already encoded.
type Parameter struct {
	Name     string          `json:"name"`
	Resource json.RawMessage `json:"resource"`
}

// EncodeParameters writes a Parameters resource.
func EncodeParameters(parameters []Parameter) ([]byte, error) {
	return Encode(struct {
		ResourceType string      `json:"resourceType"`
		Parameter    []Parameter `json:"parameter,omitempty"`
	}{"Parameters", parameters})
}
