package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"charthand/fhir"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

// Settings that cannot be used are named by their place.
func TestCDSSettings(t *testing.T) {
	key := ehrKey(t)
	keys := save(t, "keys.json", keySet(t, key))
	for settings, want := range map[string]string{
		"cds: {base: 'https://charthand.example', clients: [{issuer: 'https://ehr.example', keySet: " + keys + "}], fhirServers: ['https://fhir.example/r4']}": "the settings can be used",
		"cds: {base: 'https://charthand.example', clients: [{issuer: 'https://ehr.example', keySet: 'https://ehr.example/jwks.json'}]}":                        "the settings can be used",
		"cds: {base: 'charthand.example'}":                                                       `cds.base: "charthand.example" is no public address`,
		"cds: {clients: [{issuer: a, keySet: " + keys + "}]}":                                    `cds.base: "" is no public address`,
		"cds: {clients: [{issuer: a, keySet: 'http://ehr.example/k'}]}":                          `cds.clients[0].keySet: "http://ehr.example/k" is no https address`,
		"cds: {clients: [{issuer: a, keySet: /nowhere/keys}]}":                                   "cds.clients[0].keySet: open /nowhere/keys",
		"cds: {clients: [{issuer: a, keySet: " + save(t, "none.json", `{"keys":[]}`) + "}]}":     "cds.clients[0].keySet: no public key with a kid is in it",
		"cds: {clients: [{keySet: " + keys + "}]}":                                               "cds.clients[0].issuer: it is needed",
		"cds: {clients: [{issuer: a, keySet: " + keys + "}, {issuer: a, keySet: " + keys + "}]}": `cds.clients[1].issuer: "a" is there already`,
		"cds: {fhirServers: ['https://fhir.example/r4', fhir.example]}":                          `cds.fhirServers[1]: "fhir.example" is no address of a FHIR server`,
		"cds: {client: []}": "unknown field",
	} {
		out, messages, code := program(t, "", "config", "check", "--config", save(t, "site.yaml", settings+"\n"))
		if !strings.Contains(out+messages, want) || (code == exitDone) != (want == "the settings can be used") {
			t.Errorf("%s: %d %s%s", settings, code, out, messages)
		}
	}
}

// The address of a FHIR server is compared as a whole.
func TestCDSServers(t *testing.T) {
	in, err := (siteFlags{fetchFlags: fetchFlags{FHIRBase: "https://FHIR.example/r4/"}}).read()
	if err != nil {
		t.Fatal(err)
	}
	defer in.fetcher.Close()
	servers := cdsServers{own: in.fetcher, ownBase: baseOf(in.FHIRBase)}
	for address, isOwn := range map[string]bool{
		"https://fhir.example/r4": true, "https://fhir.example:443/r4/": true, "https://Fhir.Example/r4": true,
		"http://fhir.example/r4": false, "https://fhir.example:8443/r4": false, "https://fhir.example/r4/x": false, "https://fhir.example/r4?x": false, "https://fhir.example/R4": false,
		"https://a@fhir.example/r4": false, "https://fhir.example.evil/r4": false, "//fhir.example/r4": false, "": false, "https://evil.example/#https://fhir.example/r4": false,
	} {
		for _, token := range []string{"", "token"} {
			if server, why := servers.server(address, token); (server != nil) != isOwn || (why == "") != isOwn {
				t.Errorf("%q: %v %s", address, server, why)
			}
		}
	}
}

// ehrKey makes a key of a CDS client.
func ehrKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: "one", Use: "sig"}
}

func keySet(t *testing.T, key jose.JSONWebKey) string {
	t.Helper()
	encoded, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// cardsOnHAPI: charthand names what it has found in a note and the lists on the server lack, however the client gives it the lists.
func cardsOnHAPI(t *testing.T, s *site) {
	s.patient = s.create("Patient", `{"resourceType":"Patient"}`)
	s.subscribe("cards", "--kind", "r4", "--payload", "full")
	s.read(s.create("DocumentReference", s.note("Has pneumonia. Has gout. Takes ceftriaxone. Takes lisinopril. Takes warfarin.", "")))
	s.unsubscribe("cards")
	subject := fmt.Sprintf(`"subject":{"reference":%q}`, s.patient)
	s.create("Condition", `{"resourceType":"Condition","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Gout"},`+subject+`}`)
	drug := s.create("Medication", `{"resourceType":"Medication","code":{"text":"Lisinopril 10 MG Oral Tablet"}}`)
	s.create("MedicationRequest", `{"resourceType":"MedicationRequest","status":"active","intent":"order","medicationReference":{"reference":"`+drug+`"},`+subject+`}`)
	for _, raw := range s.find("MedicationStatement?subject=" + s.patient) { // a person confirms the warfarin
		if strings.Contains(string(raw), `"warfarin"`) {
			s.create("Provenance", verification(fhir.NameOf(raw)))
		}
	}
	key := ehrKey(t)
	s.stop()
	const base, issuer = "https://charthand.example", "https://ehr.example"
	s.serve("--config", save(t, "site.yaml", fmt.Sprintf("cds: {base: '%s', clients: [{issuer: '%s', keySet: %s}]}\n", base, issuer, save(t, "keys.json", keySet(t, key)))))
	token := func() string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := jwt.Signed(signer).Claims(map[string]any{
			"iss": issuer, "aud": base + "/cds-services/charthand", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": uuid.NewString(),
		}).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	post := func(path, token, body string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(answer)
	}
	id := strings.TrimPrefix(s.patient, "Patient/")
	call := func(more string) string {
		return fmt.Sprintf(`{"hook":"patient-view","hookInstance":%q,"context":{"patientId":%q,"userId":"Practitioner/1"}%s}`, uuid.NewString(), id, more)
	}
	prefetched := map[string]json.RawMessage{}
	for key, query := range map[string]string{
		"conditions": "Condition?patient=" + id, "medicationStatements": "MedicationStatement?patient=" + id + "&_include=MedicationStatement:medication",
		"medicationRequests": "MedicationRequest?patient=" + id + "&_include=MedicationRequest:medication", "allergies": "AllergyIntolerance?patient=" + id,
	} {
		answer, err := s.client.Do(t.Context(), http.MethodGet, query, nil, nil)
		if err != nil {
			t.Fatal(refusedBy(err))
		}
		prefetched[key] = answer.Body
	}
	all, err := json.Marshal(prefetched)
	if err != nil {
		t.Fatal(err)
	}
	server := fmt.Sprintf(`,"fhirServer":%q`, s.fhir.Base)
	const authorization = `,"fhirAuthorization":{"access_token":"abc","token_type":"Bearer","expires_in":60,"scope":"patient/*.read","subject":"charthand"}`
	const problem, drugs = "1 problem in notes, not on the problem list: pneumonia", "1 medication in notes, not on the medication list: ceftriaxone"
	for name, test := range map[string]struct {
		body   string
		status int
		want   []string
	}{
		"no prefetch":                {call(server), 200, []string{problem, drugs}},
		"no prefetch, with a token":  {call(server + authorization), 200, []string{problem, drugs}},
		"a part":                     {call(server + fmt.Sprintf(`,"prefetch":{"conditions":%s}`, prefetched["conditions"])), 200, []string{problem, drugs}},
		"all, and nothing to search": {call(`,"prefetch":` + string(all)), 200, []string{problem, "2 medications in notes, not on the medication list: ceftriaxone, warfarin"}},
		"another server":             {call(`,"fhirServer":"http://127.0.0.1:9/fhir"` + authorization), 412, nil},
	} {
		status, answer := post("/cds-services/charthand", token(), test.body)
		if status != test.status || strings.Count(answer, `"summary"`) != len(test.want) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
		for _, want := range test.want {
			if !strings.Contains(answer, `"summary":"`+want+`"`) {
				t.Errorf("%s: no %q in %s", name, want, answer)
			}
		}
	}
	once := token()
	for _, want := range []int{http.StatusPreconditionFailed, http.StatusUnauthorized} { // used again
		if status, answer := post("/cds-services/charthand", once, call("")); status != want {
			t.Errorf("%d %s", status, answer)
		}
	}
	if status, answer := post("/cds-services/charthand/feedback", token(), `{"feedback":[{"card":"`+uuid.NewString()+`","outcome":"overridden","outcomeTimestamp":"2026-11-30T12:00:00Z"}]}`); status != http.StatusOK {
		t.Errorf("feedback: %d %s", status, answer)
	}
}
