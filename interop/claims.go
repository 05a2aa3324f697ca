package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// claims are what a server says of itself in its CapabilityStatement.
type claims struct {
	ResourceType string   `json:"resourceType"`
	FHIRVersion  string   `json:"fhirVersion"`
	Format       []string `json:"format"`
	Software     struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"software"`
	Rest []struct {
		Mode        string        `json:"mode"`
		Interaction []interaction `json:"interaction"`
		SearchParam []parameter   `json:"searchParam"`
		Resource    []resource    `json:"resource"`
	} `json:"rest"`
}

type interaction struct {
	Code string `json:"code"`
}

type parameter struct {
	Name string `json:"name"`
}

// resource is what a server says of a type.
type resource struct {
	Type              string        `json:"type"`
	Interaction       []interaction `json:"interaction"`
	SearchParam       []parameter   `json:"searchParam"`
	ConditionalCreate bool          `json:"conditionalCreate"`
	ConditionalUpdate bool          `json:"conditionalUpdate"`
	Versioning        string        `json:"versioning"`
	Extension         []struct {
		URL            string `json:"url"`
		ValueCanonical string `json:"valueCanonical"`
	} `json:"extension"`
}

// topicExtension names the topics of a server (Subscriptions R5 Backport 1.1.0, capabilitystatement-subscriptiontopic-canonical).
const topicExtension = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"

// readClaims reads a CapabilityStatement.
func readClaims(data []byte) (*claims, error) {
	c := &claims{}
	if json.Unmarshal(data, c) != nil || c.ResourceType != "CapabilityStatement" {
		return nil, errors.New("the answer is no CapabilityStatement")
	}
	return c, nil
}

// software names the server.
func (c *claims) software() string {
	return strings.TrimSpace(c.Software.Name + " " + c.Software.Version)
}

// of gives what is said of a type, nothing where that is not there.
func (c *claims) of(resourceType string) resource {
	for _, rest := range c.Rest {
		for _, r := range rest.Resource {
			if rest.Mode == "server" && r.Type == resourceType {
				return r
			}
		}
	}
	return resource{}
}

// does reports whether the server has interactions with a type.
func (c *claims) does(resourceType string, codes ...string) bool {
	r := c.of(resourceType)
	for _, code := range codes {
		if !slices.Contains(r.Interaction, interaction{code}) {
			return false
		}
	}
	return true
}

// transactions reports whether the server takes transactions.
func (c *claims) transactions() bool {
	for _, rest := range c.Rest {
		if rest.Mode == "server" && slices.Contains(rest.Interaction, interaction{"transaction"}) {
			return true
		}
	}
	return false
}

// searches reports whether a type can be searched by a parameter.
func (c *claims) searches(resourceType, name string) bool {
	if !c.does(resourceType, "search-type") {
		return false
	}
	if slices.Contains(c.of(resourceType).SearchParam, parameter{name}) {
		return true
	}
	for _, rest := range c.Rest { // those of all types
		if rest.Mode == "server" && slices.Contains(rest.SearchParam, parameter{name}) {
			return true
		}
	}
	return false
}

// topics are the canonicals of the topics that the server names.
func (c *claims) topics() (list []string) {
	for _, e := range c.of("Subscription").Extension {
		if e.URL == topicExtension && e.ValueCanonical != "" {
			list = append(list, e.ValueCanonical)
		}
	}
	return list
}

// isJSON reports whether the server speaks JSON.
func (c *claims) isJSON() bool {
	return slices.ContainsFunc(c.Format, func(format string) bool {
		mediaType, _, _ := strings.Cut(format, ";")
		switch strings.TrimSpace(mediaType) {
		case "json", "application/json", "application/fhir+json", "application/json+fhir":
			return true
		}
		return false
	})
}

// searchNeeds are the searches that charthand makes beside a server.
var searchNeeds = []struct {
	resourceType string
	parameters   []string
}{
	{"Patient", []string{"identifier"}},
	{"DocumentReference", []string{"identifier", "subject", "status", "relatesto", "_lastUpdated"}},
	{"Provenance", []string{"entity", "target", "_tag"}},
}

// missingSearches names the searches that the server does not claim.
func (c *claims) missingSearches(types []string) (missing []string) {
	for _, need := range searchNeeds {
		for _, name := range need.parameters {
			if !c.searches(need.resourceType, name) {
				missing = append(missing, need.resourceType+"?"+name)
			}
		}
	}
	for _, resourceType := range types { // Provenance has no identifier in R4
		if resourceType != "Provenance" && !c.searches(resourceType, "identifier") {
			missing = append(missing, resourceType+"?identifier")
		}
	}
	return missing
}

// String says in a line what matters here.
func (c *claims) String() string {
	says := func(what string, is bool) string {
		if is {
			return what
		}
		return "no " + what
	}
	document := c.of("DocumentReference")
	return fmt.Sprintf("FHIR %s; %s, %s, %s, %s, %s, %d topics named", c.FHIRVersion,
		says("transactions", c.transactions()), says("conditional create", document.ConditionalCreate), says("conditional update", document.ConditionalUpdate),
		says("versioned updates", document.Versioning == "versioned-update"), says("Subscription", c.does("Subscription", "create")), len(c.topics()))
}
