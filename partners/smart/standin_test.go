package smart_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"charthand/partners/smart"
)

// standIn is what stands in for the FHIR server: it has some resources, and keeps what it was asked.
type standIn struct {
	held map[string]string // "Type/id" → resource

	mutex sync.Mutex
	asked []string
}

func (f *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mutex.Lock()
	f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	f.mutex.Unlock()
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, "/r4"), "/")
	resource, isHeld := f.held[path]
	w.Header().Set("Content-Type", "application/fhir+json")
	switch {
	case r.Header.Get("Authorization") != "":
		w.WriteHeader(http.StatusTeapot) // tokens are no business of its
	case path == "metadata":
		_, _ = io.WriteString(w, `{"resourceType":"CapabilityStatement","rest":[{"mode":"server"}]}`)
	case r.Method == http.MethodPost && !strings.HasSuffix(path, "_search") && path != "":
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPut && isHeld, r.Method == http.MethodDelete:
		w.Header().Set("ETag", `W/"2"`)
	case isHeld:
		_, _ = io.WriteString(w, resource)
	case strings.Contains(path, "/") && !strings.HasSuffix(path, "_search"):
		w.WriteHeader(http.StatusNotFound)
	default: // every search finds all that there is of a type
		var found []string
		for name, resource := range f.held {
			if strings.HasPrefix(name, strings.TrimSuffix(path, "/_search")+"/") || r.URL.Query().Has("_getpages") {
				found = append(found, `{"resource":`+resource+`}`)
			}
		}
		_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"searchset","entry":[`+strings.Join(found, ",")+`]}`)
	}
}

// told gives what it was asked since the last call.
func (f *standIn) told() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

const (
	appOrigin    = "https://app.example.org"
	redirect     = appOrigin + "/app"
	launchPage   = appOrigin + "/app/launch"
	verifier     = "an-invented-verifier-that-is-long-enough~043"
	everything   = "openid fhirUser launch/patient offline_access patient/*.cruds"
	practitioner = "Practitioner/3"
)

// clinic is a FHIR server with the authorisation server before it.
type clinic struct {
	t       *testing.T
	fhir    *standIn
	address string
	client  *http.Client // that follows no redirect
}

func newClinic(t *testing.T, settings smart.Settings) *clinic {
	t.Helper()
	c := &clinic{t: t, fhir: &standIn{held: map[string]string{
		"Patient/1":      `{"resourceType":"Patient","id":"1","name":[{"text":"Nguyen"}]}`,
		"Condition/10":   `{"resourceType":"Condition","id":"10","subject":{"reference":"Patient/1"}}`,
		"Condition/20":   `{"resourceType":"Condition","id":"20","subject":{"reference":"Patient/2"}}`,
		"Procedure/11":   `{"resourceType":"Procedure","id":"11","subject":{"reference":"Patient/1"}}`,
		"Provenance/12":  `{"resourceType":"Provenance","id":"12","target":[{"reference":"Condition/10/_history/1"}]}`,
		"Provenance/22":  `{"resourceType":"Provenance","id":"22","target":[{"reference":"Condition/20"}]}`,
		practitioner:     `{"resourceType":"Practitioner","id":"3","name":[{"family":"Test"}]}`,
		"Observation/13": `{"resourceType":"Observation","id":"13","subject":{"reference":"Patient/1"}}`,
	}}}
	behind := httptest.NewServer(c.fhir)
	t.Cleanup(behind.Close)
	settings.Clients = map[string]smart.Client{
		"app":   {Redirect: []string{redirect}, Launch: launchPage},
		"other": {Redirect: []string{"https://other.example.org/app"}, Launch: "https://other.example.org/launch"},
	}
	settings.User, settings.Banner = practitioner, true
	server, err := smart.New(behind.URL+"/r4", settings)
	if err != nil {
		t.Fatal(err)
	}
	before := httptest.NewServer(server)
	t.Cleanup(before.Close)
	c.address = before.URL
	c.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c
}

// answer is what came of a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// do makes a request.
func (c *clinic) do(method, path, token, body string, headers ...string) answer {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.address+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if path == "/token" || path == "/decide" || strings.HasSuffix(path, "_search") {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(got)}
}

// control changes settings.
func (c *clinic) control(change string) {
	c.t.Helper()
	if got := c.do(http.MethodPut, "/control", "", change); got.status != http.StatusOK {
		c.t.Fatal(got)
	}
}

// change alters a form: it sets the pairs of name and value, and takes out what has the value "-".
func change(form url.Values, pairs ...string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		if form.Set(pairs[i], pairs[i+1]); pairs[i+1] == "-" {
			form.Del(pairs[i])
		}
	}
	return form
}

// asking is a good request for authorisation.
func (c *clinic) asking(changes ...string) url.Values {
	challenge := sha256.Sum256([]byte(verifier))
	return change(url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {redirect}, "scope": {everything}, "state": {"a state"}, "aud": {c.address + "/fhir"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}, changes...)
}

// code asks for a code, and gives the parameters that the app gets.
func (c *clinic) code(changes ...string) url.Values {
	c.t.Helper()
	got := c.do(http.MethodGet, "/authorize?"+c.asking(changes...).Encode(), "", "")
	location, err := url.Parse(got.header.Get("Location"))
	if err != nil || got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), redirect+"?") {
		c.t.Fatalf("%v, %v", got, err)
	}
	return location.Query()
}

// exchange is a good request for a token.
func exchange(code string, changes ...string) string {
	return change(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {"app"}, "redirect_uri": {redirect}, "code_verifier": {verifier}}, changes...).Encode()
}

// tokens are what the token endpoint gives.
type tokens struct {
	Access      string              `json:"access_token"`
	Type        string              `json:"token_type"`
	Expires     int                 `json:"expires_in"`
	Scope       string              `json:"scope"`
	Refresh     string              `json:"refresh_token"`
	ID          string              `json:"id_token"`
	Patient     string              `json:"patient"`
	Encounter   string              `json:"encounter"`
	Banner      bool                `json:"need_patient_banner"`
	FHIRContext []map[string]string `json:"fhirContext"`
	Error       string              `json:"error"`
}

// ask asks the token endpoint.
func (c *clinic) ask(form string, headers ...string) (t tokens, status int) {
	c.t.Helper()
	got := c.do(http.MethodPost, "/token", "", form, headers...)
	if err := json.Unmarshal([]byte(got.body), &t); err != nil {
		c.t.Fatalf("%v: %v", got, err)
	}
	return t, got.status
}

// granted gives a token with a scope, for patient 1.
func (c *clinic) granted(scope string) tokens {
	c.t.Helper()
	c.control(`{"approve":true,"patient":"1"}`)
	t, status := c.ask(exchange(c.code("scope", scope).Get("code")))
	if status != http.StatusOK {
		c.t.Fatal(t)
	}
	return t
}
