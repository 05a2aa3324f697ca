package smart_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"charthand/partners/smart"

	"github.com/google/go-cmp/cmp"
)

// Resources as an app writes them.
const (
	gout       = `{"resourceType":"Condition","id":"10","subject":{"reference":"Patient/1"}}`
	notTheirs  = `{"resourceType":"Condition","id":"10","subject":{"reference":"Patient/2"}}`
	review     = `{"resourceType":"Provenance","target":[{"reference":"Condition/10"}]}`
	ofAnother  = `{"resourceType":"Provenance","target":[{"reference":"Condition/20"}]}`
	ofBoth     = `{"resourceType":"Provenance","target":[{"reference":"Condition/10"},{"reference":"Condition/20"}]}`
	ofNothing  = `{"resourceType":"Provenance"}`
	together   = `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":` + gout + `,"request":{"method":"PUT","url":"Condition/10"}},{"resource":{"resourceType":"Provenance","target":[{"reference":"urn:uuid:1"}]},"request":{"method":"POST","url":"Provenance"}}]}`
	smuggled   = `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + gout + `,"request":{"method":"PUT","url":"Condition/10"}},{"request":{"method":"DELETE","url":"Condition/20"}}]}`
	toSearch   = `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Condition?code=gout"}}]}`
	rightScope = "launch/patient patient/Condition.rus patient/Provenance.crs patient/Procedure.cud"
)

// A token lets an app at what its scopes name, of its patient.
func TestGuard(t *testing.T) {
	c := newClinic(t, smart.Settings{})
	for scope, tests := range map[string][]struct {
		method, path, body string
		want               int
	}{
		rightScope: {
			{"GET", "Condition/10", "", 200},
			{"GET", "Condition/10/_history/1", "", 404}, // as the FHIR server has it
			{"GET", "Condition/20", "", 403},
			{"GET", "Condition/404", "", 404},
			{"GET", "Condition/10/$everything", "", 403},
			{"GET", "Procedure/11", "", 403},
			{"GET", "Procedure", "", 403},
			{"GET", "", "", 403},
			{"GET", "?_getpages=x", "", 403}, // there are things on that page that are not the patient's
			{"GET", "Provenance/12", "", 200},
			{"GET", "Provenance/22", "", 403},
			{"GET", "Provenance?target=Condition/10", "", 200},
			{"GET", "Provenance?target=Condition/10,Condition/20", "", 403},
			{"GET", "Provenance?target=Condition/404", "", 403},
			{"GET", "Provenance?target=Condition?_id=10", "", 403},
			{"GET", "Provenance", "", 403},
			{"PUT", "Condition/10", gout, 200},
			{"PUT", "Condition/10", notTheirs, 403},
			{"PUT", "Condition/20", strings.Replace(gout, "10", "20", 1), 403},
			{"PUT", "Condition?code=gout", gout, 403},
			{"PATCH", "Condition/10", "[]", 403},
			{"POST", "Condition", gout, 403},
			{"DELETE", "Condition/10", "", 403},
			{"DELETE", "Procedure/11", "", 200},
			{"POST", "Provenance", review, 201},
			{"POST", "Provenance", ofAnother, 403},
			{"POST", "Provenance", ofBoth, 403},
			{"POST", "Provenance", ofNothing, 403},
			{"POST", "", together, 200},
			{"POST", "", smuggled, 403},
			{"POST", "", "{", 403},
			{"POST", "", toSearch, 200},
		},
		"user/Condition.crud": {
			{"GET", "Condition/20", "", 200},
			{"POST", "Condition", notTheirs, 201},
			{"GET", "Condition", "", 403},
		},
		"launch/patient patient/*.r": {
			{"GET", practitioner, "", 200}, // nobody's
			{"GET", "Patient/1", "", 200},
			{"GET", "Patient", "", 403},
		},
	} {
		token := c.granted(scope).Access
		for _, test := range tests {
			got := c.do(test.method, "/fhir/"+test.path, token, test.body)
			if got.status != test.want {
				t.Errorf("%s: %s %s %s: %d, want %d: %s", scope, test.method, test.path, test.body, got.status, test.want, got.body)
			}
			if got.status == http.StatusForbidden && !strings.Contains(got.body, "OperationOutcome") {
				t.Errorf("%s %s: %s", test.method, test.path, got.body)
			}
		}
	}
	for name, token := range map[string]string{"no token": "", "another token": "invented"} {
		if got := c.do(http.MethodGet, "/fhir/Condition/10", token, ""); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %v", name, got)
		}
	}
	token := c.granted(rightScope).Access
	c.control(`{"refuse":"fhir"}`)
	if got := c.do(http.MethodGet, "/fhir/Condition/10", token, ""); got.status != http.StatusForbidden {
		t.Error(got)
	}
	c.control(`{"refuse":""}`)
	if got := c.do(http.MethodPost, "/control/revoke", "", ""); got.status != http.StatusNoContent {
		t.Error(got)
	}
	if got := c.do(http.MethodGet, "/fhir/Condition/10", token, ""); got.status != http.StatusUnauthorized {
		t.Error(got)
	}
}

// Searches are of the token's patient, whatever they ask for, and what they find is looked at.
func TestSearchesAreNarrowed(t *testing.T) {
	c := newClinic(t, smart.Settings{})
	token := c.granted("launch/patient patient/*.rs").Access
	for _, test := range []struct {
		method, path, body, asked string
		want                      int
	}{
		{"GET", "Observation?code=gout", "", "GET /r4/Observation?code=gout&patient=1", 200},
		{"GET", "Observation?patient=2", "", "GET /r4/Observation?patient=2&patient=1", 200},
		{"POST", "Observation/_search", "code=gout", "POST /r4/Observation/_search code=gout&patient=1", 200},
		{"GET", "Patient", "", "GET /r4/Patient?_id=1", 200},
		{"GET", "Practitioner?name=Test", "", "GET /r4/Practitioner?name=Test", 200},
		{"GET", "Condition", "", "GET /r4/Condition?patient=1", 403}, // the stand-in gives another's too
	} {
		c.fhir.told()
		got := c.do(test.method, "/fhir/"+test.path, token, test.body)
		if diff := cmp.Diff([]string{test.asked}, c.fhir.told()); diff != "" || got.status != test.want {
			t.Errorf("%s: %v %s", test.path, got, diff)
		}
	}
}

// Browsers may ask from the pages of registered apps, and from no others.
func TestOrigins(t *testing.T) {
	c := newClinic(t, smart.Settings{})
	for origin, want := range map[string]string{appOrigin: appOrigin, "https://evil.example.org": ""} {
		for _, path := range []string{"/fhir/Condition/10", "/token", "/fhir/.well-known/smart-configuration"} {
			got := c.do(http.MethodOptions, path, "", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
			if got.header.Get("Access-Control-Allow-Origin") != want {
				t.Errorf("%s from %s: %v", path, origin, got.header)
			}
		}
	}
	got := c.do(http.MethodGet, "/fhir/Condition/10", "", "", "Origin", appOrigin)
	if got.status != http.StatusUnauthorized || got.header.Get("Access-Control-Allow-Origin") != appOrigin {
		t.Errorf("a refusal can be read: %v", got)
	}
}

// An app finds the endpoints in either of two places.
func TestDiscovery(t *testing.T) {
	c := newClinic(t, smart.Settings{})
	var configuration struct {
		Issuer    string
		Authorize string   `json:"authorization_endpoint"`
		Token     string   `json:"token_endpoint"`
		Methods   []string `json:"code_challenge_methods_supported"`
	}
	if err := json.Unmarshal([]byte(c.do(http.MethodGet, "/fhir/.well-known/smart-configuration", "", "").body), &configuration); err != nil {
		t.Fatal(err)
	}
	if configuration.Issuer != c.address || configuration.Authorize != c.address+"/authorize" || configuration.Token != c.address+"/token" || len(configuration.Methods) != 1 {
		t.Errorf("%+v", configuration)
	}
	statement := c.do(http.MethodGet, "/fhir/metadata", "", "").body
	for _, want := range []string{`"url":"authorize","valueUri":"` + c.address + `/authorize"`, `"url":"token","valueUri":"` + c.address + `/token"`, `"mode":"server"`} {
		if !strings.Contains(statement, want) {
			t.Errorf("no %s in %s", want, statement)
		}
	}
}

// Settings that mean nothing are refused, and change nothing.
func TestControl(t *testing.T) {
	c := newClinic(t, smart.Settings{})
	for _, change := range []string{`{"tokenLife":0}`, `{"delay":-1}`, `{"refuse":"everything"}`, `{"tokenlive":1}`, `{"clients":{"app":{"redirect":["no address"],"launch":"/"}}}`, `{`} {
		if got := c.do(http.MethodPut, "/control", "", change); got.status != http.StatusBadRequest {
			t.Errorf("%s: %v", change, got)
		}
	}
	if got := c.granted(everything); got.Expires != 3600 {
		t.Error(got)
	}
	c.control(`{"refuse":"token"}`)
	if got, _ := c.ask(exchange(c.code().Get("code"))); got.Error != "invalid_grant" {
		t.Error(got)
	}
	c.control(`{"refuse":"authorize"}`)
	if got := c.code(); got.Get("error") != "access_denied" {
		t.Error(got)
	}
	var asked []smart.Asked
	if err := json.Unmarshal([]byte(c.do(http.MethodPost, "/control/asked", "", "").body), &asked); err != nil {
		t.Fatal(err)
	}
	if last := asked[len(asked)-2]; last.Method != http.MethodPost || last.Path != "/token" || last.Status != http.StatusBadRequest {
		t.Errorf("%+v", asked)
	}
}
