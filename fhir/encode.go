package fhir

import (
	"encoding/json"
	"sync"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
)

// Bundle is a FHIR R4 Bundle.
type Bundle = bcrpb.Bundle

// Resource is any FHIR R4 resource.
type Resource = bcrpb.ContainedResource

var marshaller = sync.OnceValue(func() *jsonformat.Marshaller {
	m, err := jsonformat.NewMarshaller(false, "", "", fhirversion.R4)
	if err != nil {
		panic(err) // R4 always exists.
	}
	return m
})

// Encode writes a resource as JSON on one line. The same resource always gives the same bytes.
func Encode(r *Resource) ([]byte, error) { return marshaller().Marshal(r) }

// EncodeBundle writes a Bundle as Encode does.
func EncodeBundle(b *Bundle) ([]byte, error) {
	return Encode(&bcrpb.ContainedResource{OneofResource: &bcrpb.ContainedResource_Bundle{Bundle: b}})
}

// Parameter is one named resource of a Parameters resource, already encoded.
type Parameter struct {
	Name     string          `json:"name"`
	Resource json.RawMessage `json:"resource"`
}

// EncodeParameters writes a Parameters resource. (The google/fhir encoder cannot: it has no resources inside Parameters.)
func EncodeParameters(parameters []Parameter) ([]byte, error) {
	return json.Marshal(struct {
		ResourceType string      `json:"resourceType"`
		Parameter    []Parameter `json:"parameter,omitempty"`
	}{"Parameters", parameters})
}
