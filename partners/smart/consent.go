package smart

import (
	_ "embed" // the page
	"html/template"
	"net/http"
)

//go:embed consent.html
var consentPage string

var consent = template.Must(template.New("consent").Parse(consentPage))

// showConsent shows the page on which a person logs in, chooses a patient where the EHR has none open, and lets the app in or not.
func (s *Server) showConsent(w http.ResponseWriter, r *http.Request, request string, asked *grant) {
	page := struct {
		Client, Request, User string
		Users, Patients       []choice
		Scopes                scopes
	}{asked.client, request, asked.user, s.choices(r, "Practitioner"), nil, asked.scopes}
	if asked.patient == "" && asked.scopes.has("launch/patient") {
		page.Patients = s.choices(r, "Patient")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_ = consent.Execute(w, page) // who is gone needs no page
}
