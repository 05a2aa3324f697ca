package smart_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"charthand/partners/smart"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
)

// An EHR launches an app, which is told what is open, and who is logged in.
func TestLaunchFromEHR(t *testing.T) {
	c := newClinic(t, smart.Settings{Approve: true})
	got := c.do(http.MethodGet, "/launch?patient=1&encounter=4&document=5&app="+url.QueryEscape(launchPage), "", "")
	at, err := url.Parse(got.header.Get("Location"))
	if err != nil || !strings.HasPrefix(at.String(), launchPage+"?") || at.Query().Get("iss") != c.address+"/fhir" {
		t.Fatalf("%v, %v", got, err)
	}
	const scope = "openid fhirUser launch patient/Condition.rs"
	answer := c.code("scope", scope, "launch", at.Query().Get("launch"), "nonce", "once")
	if answer.Get("state") != "a state" || answer.Has("error") {
		t.Fatal(answer)
	}
	told, _ := c.ask(exchange(answer.Get("code")))
	token, identity := told.Access, told.ID
	told.Access, told.ID = "", ""
	want := tokens{Type: "Bearer", Expires: 3600, Scope: scope, Patient: "1", Encounter: "4", Banner: true, FHIRContext: []map[string]string{{"reference": "DocumentReference/5"}}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if got := c.do(http.MethodGet, "/fhir/Condition/10", token, ""); got.status != http.StatusOK {
		t.Error(got)
	}
	// The signature is of a key that is published.
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(c.do(http.MethodGet, "/.well-known/jwks.json", "", "").body), &keys); err != nil {
		t.Fatal(err)
	}
	signed, err := jwt.ParseSigned(identity, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		jwt.Claims
		Nonce    string `json:"nonce"`
		FHIRUser string `json:"fhirUser"`
	}
	if err := signed.Claims(&keys, &claims); err != nil {
		t.Fatal(err)
	}
	if err := claims.Validate(jwt.Expected{Issuer: c.address, AnyAudience: jwt.Audience{"app"}, Time: time.Now()}); err != nil || claims.Nonce != "once" || claims.FHIRUser != c.address+"/fhir/Practitioner/3" {
		t.Errorf("%+v: %v", claims, err)
	}
	for name, query := range map[string]string{"another app": "patient=1&app=https://evil.example.org", "nobody": "app=" + launchPage} {
		if got := c.do(http.MethodGet, "/launch?"+query, "", ""); got.status != http.StatusBadRequest {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Launched by itself, an app lets a person log in, choose a patient, and allow it or not.
func TestConsent(t *testing.T) {
	c := newClinic(t, smart.Settings{})
	ask := func(changes ...string) (request string) {
		got := c.do(http.MethodPost, "/authorize?"+c.asking(changes...).Encode(), "", "") // a form may be sent either way
		_, after, found := strings.Cut(got.body, `name="request" value="`)
		if !found || !strings.Contains(got.body, "Nguyen") || !strings.Contains(got.body, "<li>patient/*.cruds</li>") {
			t.Fatal(got)
		}
		request, _, _ = strings.Cut(after, `"`)
		return request
	}
	decide := func(form url.Values) url.Values {
		at, err := url.Parse(c.do(http.MethodPost, "/decide", "", form.Encode()).header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return at.Query()
	}
	request := ask()
	answer := decide(url.Values{"request": {request}, "patient": {"1"}, "user": {"Practitioner/9"}, "decision": {"allow"}})
	if told, _ := c.ask(exchange(answer.Get("code"))); told.Patient != "1" || told.Access == "" {
		t.Error(told)
	}
	if got := c.do(http.MethodPost, "/decide", "", "request="+request+"&patient=1&decision=allow"); got.status != http.StatusBadRequest {
		t.Errorf("decided twice: %v", got)
	}
	for name, form := range map[string]url.Values{
		"denied": {"request": {ask()}, "patient": {"1"}, "decision": {"deny"}}, "no patient": {"request": {ask()}, "decision": {"allow"}}, "nothing said": {"request": {ask()}, "patient": {"1"}},
	} {
		if got := decide(form); got.Get("error") != "access_denied" || got.Get("state") != "a state" || got.Has("code") {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What is asked for in the wrong way is refused: to the app where that is known for sure, else to the browser.
func TestAuthorizeRefusals(t *testing.T) {
	c := newClinic(t, smart.Settings{Approve: true})
	c.control(`{"patient":"1"}`)
	open := func(app string) string {
		at, err := url.Parse(c.do(http.MethodGet, "/launch?patient=1&app="+url.QueryEscape(app), "", "").header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return at.Query().Get("launch")
	}
	used := open(launchPage)
	if got := c.code("scope", "launch patient/*.rs", "launch", used); !got.Has("code") {
		t.Fatal(got)
	}
	for name, test := range map[string]struct {
		changes []string
		want    string
	}{
		"no state":                      {[]string{"state", "-"}, "invalid_request"},
		"another server":                {[]string{"aud", "https://evil.example.org/fhir"}, "invalid_request"},
		"no server":                     {[]string{"aud", "-"}, "invalid_request"},
		"no PKCE":                       {[]string{"code_challenge", "-", "code_challenge_method", "-"}, "invalid_request"},
		"plain PKCE":                    {[]string{"code_challenge", verifier, "code_challenge_method", "plain"}, "invalid_request"},
		"PKCE that does not say how":    {[]string{"code_challenge_method", "-"}, "invalid_request"},
		"a challenge of another length": {[]string{"code_challenge", "short"}, "invalid_request"},
		"a token at once":               {[]string{"response_type", "token"}, "unsupported_response_type"},
		"nothing known":                 {[]string{"scope", "system/*.rs patient/*.read"}, "invalid_scope"},
		"letters in another order":      {[]string{"scope", "patient/Condition.rsu"}, "invalid_scope"},
		"a patient of nowhere":          {[]string{"scope", "patient/*.rs"}, "invalid_scope"},
		"a launch that was used":        {[]string{"scope", "launch patient/*.rs", "launch", used}, "invalid_request"},
		"a launch of another app":       {[]string{"scope", "launch patient/*.rs", "launch", open("https://other.example.org/launch")}, "invalid_request"},
		"a launch without its scope":    {[]string{"scope", "patient/*.rs", "launch", open(launchPage)}, "invalid_scope"},
	} {
		got := c.code(test.changes...)
		if got.Get("error") != test.want || got.Has("code") || name != "no state" && got.Get("state") != "a state" {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
	for name, query := range map[string]url.Values{
		"an unknown app":     c.asking("client_id", "nobody"),
		"another address":    c.asking("redirect_uri", redirect+"/"),
		"no address":         c.asking("redirect_uri", "-"),
		"another app's":      c.asking("client_id", "other"),
		"something repeated": {"client_id": {"app", "app"}, "redirect_uri": {redirect}},
	} {
		if got := c.do(http.MethodGet, "/authorize?"+query.Encode(), "", ""); got.status != http.StatusBadRequest || got.header.Get("Location") != "" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A code is for one app, one address, one verifier, and one use.
func TestTokenRefusals(t *testing.T) {
	c := newClinic(t, smart.Settings{Approve: true})
	c.control(`{"patient":"1"}`)
	const another = "another-verifier-that-is-long-enough-too-0043"
	for name, test := range map[string]struct {
		form, want string
		headers    []string
	}{
		"another verifier":      {exchange(c.code().Get("code"), "code_verifier", another), "invalid_grant", nil},
		"no verifier":           {exchange(c.code().Get("code"), "code_verifier", "-"), "invalid_grant", nil},
		"a verifier too short":  {exchange(c.code().Get("code"), "code_verifier", "short"), "invalid_grant", nil},
		"another address":       {exchange(c.code().Get("code"), "redirect_uri", redirect+"/"), "invalid_grant", nil},
		"another app":           {exchange(c.code().Get("code"), "client_id", "other"), "invalid_grant", nil},
		"no app":                {exchange(c.code().Get("code"), "client_id", "-"), "invalid_grant", nil},
		"another code":          {exchange("invented"), "invalid_grant", nil},
		"a secret":              {exchange(c.code().Get("code"), "client_secret", "x"), "invalid_client", nil},
		"a secret in a header":  {exchange(c.code().Get("code")), "invalid_client", []string{"Authorization", "Basic YXBwOng="}},
		"another kind of grant": {exchange(c.code().Get("code"), "grant_type", "password"), "unsupported_grant_type", nil},
		"something repeated":    {exchange(c.code().Get("code")) + "&code=x", "invalid_request", nil},
	} {
		if got, status := c.ask(test.form, test.headers...); got.Error != test.want || got.Access != "" || status < 400 {
			t.Errorf("%s: %d %v, want %s", name, status, got, test.want)
		}
	}
	// Used again, it ends what came of it.
	code := c.code().Get("code")
	first, _ := c.ask(exchange(code))
	if got := c.do(http.MethodGet, "/fhir/Condition/10", first.Access, ""); got.status != http.StatusOK {
		t.Fatal(got)
	}
	if got, _ := c.ask(exchange(code)); got.Error != "invalid_grant" {
		t.Errorf("used twice: %v", got)
	}
	if got := c.do(http.MethodGet, "/fhir/Condition/10", first.Access, ""); got.status != http.StatusUnauthorized {
		t.Errorf("after a code was used twice: %v", got)
	}
	if got, _ := c.ask("grant_type=refresh_token&refresh_token=" + first.Refresh); got.Error != "invalid_grant" {
		t.Errorf("after a code was used twice: %v", got)
	}
}

// Tokens end; refresh tokens are good once.
func TestRefresh(t *testing.T) {
	c := newClinic(t, smart.Settings{TokenLife: 1})
	first := c.granted(everything)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := c.do(http.MethodGet, "/fhir/Condition/10", first.Access, "")
		if got.status == http.StatusUnauthorized {
			if !strings.Contains(got.header.Get("WWW-Authenticate"), "invalid_token") {
				t.Error(got)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still good: %v", got)
		}
	}
	c.control(`{"tokenLife":60}`)
	renew := func(token, more string) tokens {
		got, _ := c.ask("grant_type=refresh_token&refresh_token=" + token + more)
		return got
	}
	second := renew(first.Refresh, "&client_id=app")
	if second.Access == "" || second.Patient != "1" || second.Expires != 60 || second.Refresh == first.Refresh {
		t.Fatal(second)
	}
	if got := renew(second.Refresh, "&client_id=other"); got.Error != "invalid_grant" {
		t.Errorf("another app: %v", got)
	}
	if got := renew(second.Refresh, "&scope=user/*.rs"); got.Error != "invalid_scope" {
		t.Errorf("more: %v", got)
	}
	third := renew(second.Refresh, "&scope=openid")
	if third.Scope != "openid" || c.do(http.MethodGet, "/fhir/Condition/10", third.Access, "").status != http.StatusForbidden {
		t.Errorf("less: %v", third)
	}
	if got := renew(first.Refresh, ""); got.Error != "invalid_grant" {
		t.Errorf("used twice: %v", got)
	}
	if got := renew(third.Refresh, ""); got.Error != "invalid_grant" {
		t.Errorf("after one was used twice: %v", got)
	}
	if without := c.granted("launch/patient patient/*.rs"); without.Refresh != "" || without.ID != "" {
		t.Errorf("not asked for: %v", without)
	}
}

// What is granted is no more than what is asked for, and than what may be.
func TestScopes(t *testing.T) {
	c := newClinic(t, smart.Settings{})
	for _, test := range []struct{ asked, most, want string }{
		{"launch/patient patient/Condition.rs", "", "launch/patient patient/Condition.rs"},
		{"launch/patient patient/Condition.rsu patient/Condition.r patient/Condition.read system/*.rs invented", "", "launch/patient patient/Condition.r"},
		{"launch/patient openid patient/*.cruds", "launch/patient patient/*.rs", "launch/patient patient/*.rs"},
		{"launch/patient patient/Condition.cruds patient/Device.rs", "launch/patient patient/Condition.rus", "launch/patient patient/Condition.rus"},
		{"launch/patient patient/*.ru", "launch/patient patient/Condition.u patient/Device.s user/*.r", "launch/patient patient/Condition.u"},
	} {
		c.control(`{"scopes":"` + test.most + `"}`)
		if got := c.granted(test.asked).Scope; got != test.want {
			t.Errorf("%s, at most %q: %s, want %s", test.asked, test.most, got, test.want)
		}
	}
}
