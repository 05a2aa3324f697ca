package smart

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// access is what an access token is for.
type access struct {
	*grant
	scopes scopes
}

// verifierForm is a code verifier (RFC 7636, section 4.1).
var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// token is the token endpoint (RFC 6749, sections 4.1.3 and 6; SMART App Launch 2.2, "Obtain access token").
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	refuse := func(status int, code, why string) {
		answer(w, status, map[string]string{"error": code, "error_description": why})
	}
	if err := r.ParseForm(); err != nil || len(r.URL.RawQuery) > 0 {
		refuse(http.StatusBadRequest, "invalid_request", "everything has to be in the body, as a form")
		return
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			refuse(http.StatusBadRequest, "invalid_request", name+" is there twice")
			return
		}
	}
	if r.Header.Get("Authorization") != "" || r.PostForm.Has("client_secret") || r.PostForm.Has("client_assertion") {
		refuse(http.StatusUnauthorized, "invalid_client", "a public client has no secret")
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var g *grant
	var why string
	granted := scopes(nil)
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		if g, why = s.byCode(r); why == "" {
			granted = g.scopes
		}
	case "refresh_token":
		if g, why = s.byRefresh(r); why == "" {
			granted = g.scopes
			if asked := strings.Fields(r.PostForm.Get("scope")); len(asked) > 0 {
				granted = asked
			}
			for _, scope := range granted {
				if !g.scopes.has(scope) {
					refuse(http.StatusBadRequest, "invalid_scope", "more is asked for than was granted")
					return
				}
			}
		}
	default:
		refuse(http.StatusBadRequest, "unsupported_grant_type", "expected authorization_code or refresh_token")
		return
	}
	if why != "" {
		refuse(http.StatusBadRequest, "invalid_grant", why)
		return
	}
	told, err := s.tokens(issuerOf(r), g, granted)
	if err != nil {
		refuse(http.StatusServiceUnavailable, "temporarily_unavailable", err.Error())
		return
	}
	w.Header().Set("Pragma", "no-cache")
	answer(w, http.StatusOK, told)
}

// byCode gives what a code was issued for, or why it gives nothing. A code that is used again ends what came of it (RFC 6749, section 4.1.2).
func (s *Server) byCode(r *http.Request) (g *grant, why string) {
	form := r.PostForm
	g, known := s.codes.see(form.Get("code"))
	challenge := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case s.settings.Refuse == RefuseToken:
		return nil, "it was told to refuse"
	case !known:
		return nil, "the code is not known, or over"
	case g.used:
		g.revoked = true
		return nil, "the code was used before"
	case form.Get("client_id") != g.client:
		return nil, "the code is for another client"
	case form.Get("redirect_uri") != g.redirect:
		return nil, "redirect_uri is another than the code was asked for with"
	case !verifierForm.MatchString(form.Get("code_verifier")),
		subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(challenge[:])), []byte(g.challenge)) != 1:
		return nil, "code_verifier is not what the code_challenge was made of"
	}
	g.used = true
	return g, ""
}

// byRefresh gives what a refresh token was issued for, or why it gives nothing. Each is good once: one that is used again ends what came of it.
func (s *Server) byRefresh(r *http.Request) (g *grant, why string) {
	token, client := r.PostForm.Get("refresh_token"), r.PostForm.Get("client_id")
	g, known := s.refresh.see(token)
	switch {
	case s.settings.Refuse == RefuseRefresh:
		return nil, "it was told to refuse"
	case !known || g.revoked:
		return nil, "the refresh token is not known, or over"
	case client != "" && client != g.client:
		return nil, "the refresh token is another client's"
	case token != g.refresh:
		g.revoked = true
		return nil, "the refresh token was used before"
	}
	return g, ""
}

// tokens issues what an app is given.
func (s *Server) tokens(issuer string, g *grant, granted scopes) (map[string]any, error) {
	life := time.Duration(s.settings.TokenLife) * time.Second
	token, err := s.access.issue(access{g, granted}, life)
	if err != nil {
		return nil, err
	}
	told := map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": s.settings.TokenLife, "scope": granted.String()}
	maps.Copy(told, g.told(s.settings.Banner))
	if g.scopes.has("offline_access") || g.scopes.has("online_access") {
		if g.refresh, err = s.refresh.issue(g, refreshLife); err != nil {
			return nil, err
		}
		told["refresh_token"] = g.refresh
	}
	if granted.has("openid") {
		if told["id_token"], err = s.identify(issuer, g, granted); err != nil {
			return nil, err
		}
	}
	return told, nil
}

// identify signs who is logged in (OpenID Connect Core 1.0, section 2; SMART App Launch 2.2, "Scopes for requesting identity data").
func (s *Server) identify(issuer string, g *grant, granted scopes) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: s.key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims := map[string]any{"iss": issuer, "sub": g.user, "aud": g.client, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if granted.has("fhirUser") && g.user != "" {
		claims["fhirUser"] = g.base + "/" + g.user
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}
