package fhir

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
)

// Binary is what is read of a Binary resource.
type Binary struct {
	ContentType string
	Data        []byte // not nil
}

// errBinary is the error for what is no Binary. It holds nothing of it.
var errBinary = errors.New("no Binary resource with data")

// DecodeBinary reads a Binary resource in JSON, or in XML.
func DecodeBinary(data []byte, isXML bool) (Binary, error) {
	var contentType, encoded string
	if isXML {
		type value struct {
			Value string `xml:"value,attr"`
		}
		var b struct {
			XMLName     xml.Name `xml:"http://hl7.org/fhir Binary"`
			ContentType value    `xml:"contentType"`
			Data        value    `xml:"data"`
		}
		if xml.Unmarshal(data, &b) != nil {
			return Binary{}, errBinary
		}
		contentType, encoded = b.ContentType.Value, b.Data.Value
	} else {
		var b struct {
			ResourceType string `json:"resourceType"`
			ContentType  string `json:"contentType"`
			Data         string `json:"data"`
		}
		if json.Unmarshal(data, &b) != nil || b.ResourceType != "Binary" {
			return Binary{}, errBinary
		}
		contentType, encoded = b.ContentType, b.Data
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil || encoded == "" {
		return Binary{}, errBinary
	}
	return Binary{contentType, notNil(decoded)}, nil
}

func notNil(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// take fills an attachment with what its url points to.
func (a *Attachment) take(b Binary) {
	a.Data, a.Elsewhere = b.Data, true
	if a.ContentType == "" {
		a.ContentType = b.ContentType
	}
}

// fill finds the Binary resources that a document's attachments point to among what came in one Bundle with it: by their fullUrl, or by a
// relative url.
func (e entries) fill(d *Document, beside *Beside) {
	for i := range d.Attachments {
		a := &d.Attachments[i]
		if a.Data != nil || a.URL == "" {
			continue
		}
		raw := e[a.URL]
		if raw == nil && !strings.Contains(a.URL, "://") {
			if name := LocalReference(a.URL); strings.HasPrefix(name, "Binary/") {
				raw = beside.Resources[name]
			}
		}
		if raw == nil {
			continue
		}
		if binary, err := DecodeBinary(raw, false); err == nil {
			a.take(binary)
		}
	}
}
