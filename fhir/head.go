package fhir

import (
	"encoding/json"
	"strings"
)

// Head is what tells one resource on a server, and its state, from others.
type Head struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
	Meta         struct {
		VersionID   string `json:"versionId"`
		LastUpdated string `json:"lastUpdated"`
	} `json:"meta"`
}

// ReadHead reads the head of a resource; elements that are not there are empty. It is an error where what is there is of another type.
func ReadHead(resource json.RawMessage) (head Head, err error) {
	err = json.Unmarshal(resource, &head)
	return head, err
}

// Name is "Type/id", empty where either is not there.
func (h Head) Name() string {
	if h.ResourceType == "" || h.ID == "" {
		return ""
	}
	return h.ResourceType + "/" + h.ID
}

// IsDocument reports whether a name ("Type/id") is of what may hold a note.
func IsDocument(name string) bool {
	resourceType, _, _ := strings.Cut(name, "/")
	switch DocumentType(resourceType) {
	case DocumentReference, DiagnosticReport:
		return true
	}
	return false
}
