package server

import (
	_ "embed" // the statement and the operation
	"encoding/json"
	"fmt"
	"net/http"

	"charthand/fhir"

	"github.com/gin-gonic/gin"
)

//go:embed capability.json
var capability []byte

//go:embed operation.json
var operation []byte

// described are what GET /fhir/metadata and GET /fhir/OperationDefinition/{id} answer.
type described struct {
	statement, operation []byte
	operationID          string
}

// describe fills in what the files cannot know: charthand's version, and whether browsers may ask from other pages.
func describe(version string, cors bool) (d described, err error) {
	var statement, definition map[string]any
	if err := json.Unmarshal(capability, &statement); err != nil {
		return d, fmt.Errorf("capability.json: %w", err)
	}
	if err := json.Unmarshal(operation, &definition); err != nil {
		return d, fmt.Errorf("operation.json: %w", err)
	}
	software, isSoftware := statement["software"].(map[string]any)
	rest, isRest := statement["rest"].([]any)
	id, isID := definition["id"].(string)
	if !isSoftware || !isRest || !isID {
		return d, fmt.Errorf("capability.json: no software or no rest, or operation.json: no id")
	}
	software["version"], definition["version"] = version, version
	for _, mode := range rest {
		if mode, is := mode.(map[string]any); is {
			mode["security"] = map[string]any{"cors": cors}
		}
	}
	d.operationID = id
	if d.statement, err = json.Marshal(statement); err != nil {
		return d, err
	}
	d.operation, err = json.Marshal(definition)
	return d, err
}

// metadata is GET /fhir/metadata.
func (s *Server) metadata(c *gin.Context) { c.Data(http.StatusOK, fhirJSON, s.described.statement) }

// definition is GET /fhir/OperationDefinition/{id}.
func (s *Server) definition(c *gin.Context) {
	if c.Param("id") != s.described.operationID {
		s.fail(c, http.StatusNotFound, fhir.CodeNotFound, "there is no such operation")
		return
	}
	c.Data(http.StatusOK, fhirJSON, s.described.operation)
}
