package server

import (
	_ "embed" // the statement
	"encoding/json"
	"fmt"
)

//go:embed capability.json
var capability []byte

// capabilityStatement gives what GET /fhir/metadata answers.
func capabilityStatement(version string) ([]byte, error) {
	var statement map[string]any
	if err := json.Unmarshal(capability, &statement); err != nil {
		return nil, fmt.Errorf("capability.json: %w", err)
	}
	software, ok := statement["software"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("capability.json: no software")
	}
	software["version"] = version
	return json.Marshal(statement)
}
