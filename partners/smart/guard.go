package smart

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// forbidden is why an app may not do what it asks.
type forbidden struct{ why string }

func (f forbidden) Error() string { return f.why }

// interaction is one thing that a request asks of the FHIR server.
type interaction struct {
	letter           string // of SMART's scopes: c, r, u, d, s
	resourceType, id string
	query            url.Values // of a search
	resource         json.RawMessage
}

// guard lets an app at the FHIR server as far as its token goes.
func (s *Server) guard(w http.ResponseWriter, r *http.Request) {
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, "/fhir"), "/")
	if path == "metadata" && r.Method == http.MethodGet {
		s.forward(w, r, nil, nil)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "too-long", "the request is too long")
		return
	}
	s.mutex.Lock()
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	granted, known := s.access.see(token)
	known = known && isBearer && !granted.revoked
	refusal := s.settings.Refuse
	s.mutex.Unlock()
	if !known {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		refuse(w, http.StatusUnauthorized, "login", "a token that is good is needed")
		return
	}
	err = forbidden{"it was told to refuse"}
	if refusal != RefuseFHIR {
		body, err = s.admit(r, path, body, granted)
	}
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
		refuse(w, http.StatusForbidden, "forbidden", err.Error())
		return
	}
	s.forward(w, r, &granted, body)
}

// refuse answers with an OperationOutcome.
func refuse(w http.ResponseWriter, status int, code, why string) {
	w.Header().Set("Content-Type", "application/fhir+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // who is gone needs no answer
		"resourceType": "OperationOutcome", "issue": []any{map[string]any{"severity": "error", "code": code, "diagnostics": why}},
	})
}

// admit says whether an app may do what it asks, and narrows searches to the patient of its token. It gives the body to send.
func (s *Server) admit(r *http.Request, path string, body []byte, granted access) ([]byte, error) {
	if path == "" && r.Method == http.MethodGet && r.URL.Query().Has("_getpages") {
		return body, nil // the next page of a search: what comes is looked at
	}
	if path == "" && r.Method == http.MethodPost {
		return body, s.admitBundle(r.Context(), body, granted)
	}
	isForm := r.Method == http.MethodPost && strings.HasSuffix(path, "/_search")
	query := r.URL.Query()
	if isForm {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, forbidden{"the search cannot be read"}
		}
		for name, values := range form {
			query[name] = append(query[name], values...)
		}
	}
	asked, err := read(r.Method, path, query, body)
	if err != nil {
		return nil, err
	}
	if err := s.may(r.Context(), granted, asked, nil); err != nil || asked.letter != "s" || granted.scopes.allow("user", asked.resourceType, "s") {
		return body, err
	}
	if parameter := ofPatient(asked.resourceType); parameter != "" {
		query.Add(parameter, granted.patient)
	}
	if isForm {
		r.URL.RawQuery = ""
		return []byte(query.Encode()), nil
	}
	r.URL.RawQuery = query.Encode()
	return body, nil
}

// admitBundle says whether an app may do all that a transaction or batch asks for.
func (s *Server) admitBundle(ctx context.Context, body []byte, granted access) error {
	var bundle struct {
		Entry []struct {
			FullURL  string
			Resource json.RawMessage
			Request  struct{ Method, URL string }
		}
	}
	if err := json.Unmarshal(body, &bundle); err != nil {
		return forbidden{"the Bundle cannot be read"}
	}
	within := map[string]json.RawMessage{}
	for _, entry := range bundle.Entry {
		within[entry.FullURL] = entry.Resource
	}
	for i, entry := range bundle.Entry {
		u, err := url.Parse(entry.Request.URL)
		if err != nil || u.IsAbs() {
			return forbidden{fmt.Sprintf("Bundle.entry[%d].request.url: a relative one is wanted", i)}
		}
		asked, err := read(entry.Request.Method, u.Path, u.Query(), entry.Resource)
		if err == nil {
			err = s.may(ctx, granted, asked, within)
		}
		if err != nil {
			return forbidden{fmt.Sprintf("Bundle.entry[%d]: %v", i, err)}
		}
	}
	return nil
}

// read says what a request asks for (FHIR R4, "RESTful API").
func read(method, path string, query url.Values, body []byte) (interaction, error) {
	parts := strings.Split(path, "/")
	i := interaction{resourceType: parts[0], query: query}
	if len(parts) > 1 {
		i.id = parts[1]
	}
	switch {
	case slices.ContainsFunc(parts[1:], func(part string) bool { return strings.HasPrefix(part, "$") }):
	case method == http.MethodGet && (len(parts) == 2 || len(parts) > 2 && parts[2] == "_history"):
		i.letter = "r"
	case method == http.MethodGet && len(parts) == 1 && parts[0] != "", method == http.MethodPost && len(parts) == 2 && parts[1] == "_search":
		i.letter = "s"
	case method == http.MethodPost && len(parts) == 1:
		i.letter, i.resource = "c", body
	case method == http.MethodPut && len(parts) == 2:
		i.letter, i.resource = "u", body
	case method == http.MethodDelete && len(parts) == 2:
		i.letter = "d"
	}
	if i.letter == "" {
		return i, forbidden{fmt.Sprintf("%s of this address is nothing that scopes are for", method)}
	}
	return i, nil
}

// may says whether an app may do something: by a scope of the user's, anything of that kind; by one of the patient's, what is the patient's.
func (s *Server) may(ctx context.Context, granted access, asked interaction, within map[string]json.RawMessage) error {
	if granted.scopes.allow("user", asked.resourceType, asked.letter) {
		return nil
	}
	if !granted.scopes.allow("patient", asked.resourceType, asked.letter) {
		return forbidden{fmt.Sprintf("no scope for %s.%s", asked.resourceType, asked.letter)}
	}
	if asked.letter == "s" {
		return s.maySearch(ctx, granted, asked)
	}
	if asked.resource != nil {
		if owner, err := s.owner(ctx, asked.resource, within); err != nil || owner != granted.patient {
			return forbidden{"what is written is not the patient's"}
		}
	}
	if asked.letter == "c" {
		return nil
	}
	held, status := s.read(ctx, asked.resourceType+"/"+asked.id)
	if status != http.StatusOK {
		return nil // the FHIR server says so
	}
	owner, err := s.owner(ctx, held, nil)
	if err != nil || owner != granted.patient && (owner != "" || asked.letter != "r") {
		return forbidden{fmt.Sprintf("%s/%s is not the patient's", asked.resourceType, asked.id)}
	}
	return nil
}

// maySearch says whether an app may search as it does: Provenances only by what they are of, for nothing else in them names the patient.
func (s *Server) maySearch(ctx context.Context, granted access, asked interaction) error {
	if asked.resourceType != "Provenance" {
		return nil
	}
	of := append(slices.Clone(asked.query["target"]), asked.query["entity"]...)
	if len(of) == 0 {
		return forbidden{"Provenances are searched for by target or entity"}
	}
	for reference := range strings.SplitSeq(strings.Join(of, ","), ",") {
		if owner, err := s.ownerOf(ctx, reference, nil); err != nil || owner != granted.patient {
			return forbidden{fmt.Sprintf("%.80s is not the patient's", reference)}
		}
	}
	return nil
}

// read reads from the FHIR server, below its base.
func (s *Server) read(ctx context.Context, path string) (body []byte, status int) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.fhir+"/"+path, nil)
	if err != nil {
		return nil, 0
	}
	request.Header.Set("Accept", "application/fhir+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, 0
	}
	defer response.Body.Close()
	var read bytes.Buffer
	if _, err := io.Copy(&read, io.LimitReader(response.Body, maxBody)); err != nil {
		return nil, 0
	}
	return read.Bytes(), response.StatusCode
}
