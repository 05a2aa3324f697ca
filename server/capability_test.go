package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"charthand/server"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
)

// The CapabilityStatement and the OperationDefinition are valid R4, name this version, and say what is served: no more and no less.
func TestCapabilityStatement(t *testing.T) {
	s, _ := newServer(t, func(c *server.Config) { c.Origins = []string{"https://app.example.org"} })
	ask := func(method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRecorder()
		s.ServeHTTP(r, httptest.NewRequest(method, path, nil))
		return r
	}
	unmarshaller, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		t.Fatal(err)
	}
	read := func(path string, into any) {
		t.Helper()
		r := ask(http.MethodGet, path)
		if _, err := unmarshaller.Unmarshal(r.Body.Bytes()); err != nil || r.Code != http.StatusOK {
			t.Fatalf("%s: %d %v", path, r.Code, err)
		}
		if err := json.Unmarshal(r.Body.Bytes(), into); err != nil {
			t.Fatal(err)
		}
	}
	var statement struct {
		Software struct{ Version string }
		Rest     []struct {
			Security struct{ CORS bool }
			Resource []struct {
				Type        string
				Operation   []struct{ Name, Definition string }
				Interaction []struct{ Code string }
			}
		}
	}
	read("/fhir/metadata", &statement)
	var operation struct {
		Version, URL, Code string
		Resource           []string
	}
	read("/fhir/OperationDefinition/DocumentReference-extract", &operation)
	if statement.Software.Version != "test" || operation.Version != "test" || !statement.Rest[0].Security.CORS {
		t.Errorf("the version or CORS is not said: %+v %+v", statement, operation)
	}
	missing := func(status int) bool { return status == http.StatusNotFound || status == http.StatusMethodNotAllowed }
	operations, reads := 0, 0
	for _, resource := range statement.Rest[0].Resource {
		for _, o := range resource.Operation {
			operations++
			if r := ask(http.MethodPost, "/fhir/"+resource.Type+"/$"+o.Name); missing(r.Code) {
				t.Errorf("$%s is not served: %d", o.Name, r.Code)
			}
			if o.Definition != operation.URL || o.Name != operation.Code || !slices.Contains(operation.Resource, resource.Type) {
				t.Errorf("$%s is not what the OperationDefinition says: %+v", o.Name, operation)
			}
		}
		reads += len(resource.Interaction)
	}
	if operations != 1 || reads != 1 {
		t.Errorf("%d operations and %d interactions are said", operations, reads)
	}
	for path, method := range map[string]string{
		"/fhir/DocumentReference/1": http.MethodGet, "/fhir/DocumentReference": http.MethodPost, "/fhir": http.MethodPost, "/fhir/OperationDefinition/other": http.MethodGet, "/fhir/OperationDefinition": http.MethodGet,
	} {
		if r := ask(method, path); !missing(r.Code) {
			t.Errorf("%s %s is served, and nothing says so: %d", method, path, r.Code)
		}
	}
}
