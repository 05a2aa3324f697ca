package smart

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// launch is what an EHR has open when it launches an app.
type launch struct {
	client string
	situation
}

// situation is what an app is told of.
type situation struct{ user, patient, encounter, document string }

// grant is what a person lets an app do.
type grant struct {
	client, redirect, base, state, challenge, nonce string
	scopes                                          scopes
	situation
	// used says that its code was, revoked that nothing of it is good any more; refresh is its present refresh token. The server's mutex guards them.
	used, revoked bool
	refresh       string
}

// launch is the EHR's button: it sends the browser to the app's launch page, with an opaque name for what is open.
func (s *Server) launch(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	app := query.Get("app")
	open := launch{situation: situation{user: query.Get("user"), patient: query.Get("patient"), encounter: query.Get("encounter"), document: query.Get("document")}}
	for id, client := range s.settings.Clients {
		if client.Launch == app {
			open.client = id
		}
	}
	if open.client == "" || open.patient == "" {
		http.Error(w, "app has to be the launch page of a registered client, patient an id", http.StatusBadRequest)
		return
	}
	if open.user == "" {
		open.user = s.settings.User
	}
	name, err := s.launches.issue(open, launchLife)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	send(w, with(app, "iss", baseOf(r), "launch", name))
}

// send sends the browser to an address of a registered app.
func send(w http.ResponseWriter, address string) {
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// with adds parameters to an address, in pairs of name and value; those without a value are left out.
func with(address string, pairs ...string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // a registered one can be parsed
	}
	query := u.Query()
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			query.Set(pair[0], pair[1])
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// challengeForm is an S256 code challenge (RFC 7636, section 4.2).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// authorize is the authorisation endpoint (RFC 6749, section 4.1.1; SMART App Launch 2.2, "Obtain authorization code").
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the request cannot be read", http.StatusBadRequest)
		return
	}
	for name, values := range r.Form {
		if len(values) > 1 {
			http.Error(w, name+" is there twice", http.StatusBadRequest)
			return
		}
	}
	settings := s.now()
	client, known := settings.Clients[r.Form.Get("client_id")]
	if !known || !slices.Contains(client.Redirect, r.Form.Get("redirect_uri")) {
		http.Error(w, "no such client with that redirect_uri is registered", http.StatusBadRequest)
		return
	}
	asked := &grant{
		client: r.Form.Get("client_id"), redirect: r.Form.Get("redirect_uri"), base: baseOf(r), state: r.Form.Get("state"),
		challenge: r.Form.Get("code_challenge"), nonce: r.Form.Get("nonce"), scopes: grantable(r.Form.Get("scope"), settings.Scopes),
	}
	if code, why := s.consider(asked, r.Form, settings); code != "" {
		send(w, with(asked.redirect, "error", code, "error_description", why, "state", asked.state))
		return
	}
	if asked.user == "" {
		asked.user = settings.User
	}
	if settings.Approve {
		if asked.patient == "" && asked.scopes.has("launch/patient") {
			asked.patient = settings.Patient
		}
		s.approve(w, asked)
		return
	}
	s.mutex.Lock()
	name, err := s.requests.issue(asked, codeLife*5)
	s.mutex.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	s.showConsent(w, r, name, asked)
}

// consider looks at a request for authorisation, and adds what the EHR has open. It gives the code of an error (RFC 6749, section 4.1.2.1) and why.
func (s *Server) consider(asked *grant, form url.Values, settings Settings) (code, why string) {
	named := form.Get("launch")
	switch {
	case settings.Refuse == RefuseAuthorize:
		return "access_denied", "it was told to refuse"
	case form.Get("response_type") != "code":
		return "unsupported_response_type", "response_type has to be code"
	case asked.state == "":
		return "invalid_request", "state is wanted"
	case form.Get("aud") != asked.base:
		return "invalid_request", "aud has to be " + asked.base
	case form.Get("code_challenge_method") != "S256" || !challengeForm.MatchString(asked.challenge):
		return "invalid_request", "a code_challenge by S256 is wanted"
	case len(asked.scopes) == 0:
		return "invalid_scope", "nothing that is asked for can be granted"
	case named != "" && !asked.scopes.has("launch"):
		return "invalid_scope", "launch needs the scope launch"
	case named == "" && asked.scopes.hasContext("patient") && !asked.scopes.has("launch/patient"):
		return "invalid_scope", "patient scopes need the scope launch/patient, or a launch"
	}
	if named == "" {
		return "", ""
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	open, known := s.launches.take(named)
	if !known || open.client != asked.client {
		return "invalid_request", "launch is none of this client, or was used, or is over"
	}
	asked.situation = open.situation
	return "", ""
}

// approve sends the browser back to the app with a code.
func (s *Server) approve(w http.ResponseWriter, asked *grant) {
	s.mutex.Lock()
	code, err := s.codes.issue(asked, codeLife)
	s.mutex.Unlock()
	if err != nil {
		send(w, with(asked.redirect, "error", "temporarily_unavailable", "state", asked.state))
		return
	}
	send(w, with(asked.redirect, "code", code, "state", asked.state))
}

// decide takes what a person has said on the page.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the request cannot be read", http.StatusBadRequest)
		return
	}
	s.mutex.Lock()
	asked, known := s.requests.take(r.PostForm.Get("request"))
	s.mutex.Unlock()
	if !known {
		http.Error(w, "nobody waits for this any more", http.StatusBadRequest)
		return
	}
	if user := r.PostForm.Get("user"); user != "" {
		asked.user = user
	}
	if asked.patient == "" && asked.scopes.has("launch/patient") {
		asked.patient = r.PostForm.Get("patient")
	}
	if r.PostForm.Get("decision") != "allow" || asked.patient == "" && asked.scopes.hasContext("patient") {
		send(w, with(asked.redirect, "error", "access_denied", "state", asked.state))
		return
	}
	s.approve(w, asked)
}

// told is what an app is told beside its token (SMART App Launch 2.2, "Launch context arrives with your access_token").
func (s situation) told(banner bool) map[string]any {
	told := map[string]any{}
	if s.patient != "" {
		told["patient"], told["need_patient_banner"] = s.patient, banner
	}
	if s.encounter != "" {
		told["encounter"] = s.encounter
	}
	if s.document != "" {
		told["fhirContext"] = []map[string]string{{"reference": "DocumentReference/" + s.document}}
	}
	return told
}

// choice is somebody who can be chosen on the page.
type choice struct{ Reference, ID, Name string }

// choices gives those of a type on the FHIR server that can be chosen, the newest first.
func (s *Server) choices(r *http.Request, resourceType string) (list []choice) {
	var bundle struct {
		Entry []struct {
			Resource struct {
				ID   string
				Name []struct {
					Text, Family string
				}
			}
		}
	}
	raw, status := s.read(r.Context(), resourceType+"?_sort=-_lastUpdated&_count=50")
	if status != http.StatusOK || json.Unmarshal(raw, &bundle) != nil {
		return nil
	}
	for _, entry := range bundle.Entry {
		c := choice{resourceType + "/" + entry.Resource.ID, entry.Resource.ID, entry.Resource.ID}
		if len(entry.Resource.Name) > 0 {
			c.Name = entry.Resource.Name[0].Text
			if c.Name == "" {
				c.Name = entry.Resource.Name[0].Family
			}
		}
		list = append(list, c)
	}
	return list
}

// readTime is how long the FHIR server may take for what this one asks by itself.
const readTime = 30 * time.Second
