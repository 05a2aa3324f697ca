package server_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"charthand/cds"
	"charthand/nlp"
	"charthand/server"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

// TestSchemas: what charthand writes as JSON has the members that the document names, each of its type, and no other.
func TestSchemas(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromFile("../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, written := range map[string]reflect.Type{
		"Annotation": reflect.TypeFor[nlp.Annotation](), "Services": reflect.TypeFor[cds.Discovery](), "Card": reflect.TypeFor[cds.Card](), "App": reflect.TypeFor[server.App](),
	} {
		compareSchema(t, name, written, document.Components.Schemas[name])
	}
}

// compareSchema compares a type with its schema, and all that is in them.
func compareSchema(t *testing.T, place string, written reflect.Type, schema *openapi3.SchemaRef) {
	t.Helper()
	if schema == nil || schema.Value == nil {
		t.Errorf("%s: no schema", place)
		return
	}
	for written.Kind() == reflect.Pointer {
		written = written.Elem()
	}
	kind := kindOf(written)
	if !schema.Value.Type.Is(kind) {
		t.Errorf("%s: %v in the document, written as %s", place, schema.Value.Type, kind)
		return
	}
	switch {
	case written.Kind() == reflect.Slice:
		compareSchema(t, place+"[]", written.Elem(), schema.Value.Items)
		return
	case written.Kind() != reflect.Struct:
		return
	}
	members := map[string]reflect.Type{}
	var names, required, documented []string
	for _, field := range reflect.VisibleFields(written) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue // what is embedded gives its fields, and some is not written
		}
		names, members[name] = append(names, name), field.Type
		if !strings.Contains(options, "omitempty") && len(field.Index) == 1 {
			required = append(required, name)
		}
	}
	for name := range schema.Value.Properties {
		documented = append(documented, name)
	}
	for _, list := range [][]string{names, required, documented, schema.Value.Required} {
		slices.Sort(list)
	}
	if diff := cmp.Diff(documented, names); diff != "" {
		t.Errorf("%s (-documented +written):\n%s", place, diff)
	}
	if diff := cmp.Diff(schema.Value.Required, required); diff != "" {
		t.Errorf("%s, what is always there (-documented +written):\n%s", place, diff)
	}
	for name, member := range members {
		if property := schema.Value.Properties[name]; property != nil {
			compareSchema(t, place+"."+name, member, property)
		}
	}
}

// kindOf gives the type that JSON has for a type.
func kindOf(written reflect.Type) string {
	switch {
	case written == reflect.TypeFor[json.Number]():
		return openapi3.TypeNumber
	case written.Kind() == reflect.String:
		return openapi3.TypeString
	case written.Kind() == reflect.Bool:
		return openapi3.TypeBoolean
	case written.Kind() == reflect.Slice:
		return openapi3.TypeArray
	case written.Kind() == reflect.Float32 || written.Kind() == reflect.Float64:
		return openapi3.TypeNumber
	case written.Kind() == reflect.Int:
		return openapi3.TypeInteger
	}
	return openapi3.TypeObject
}
