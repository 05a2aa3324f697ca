package smart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
)

// tokenKey is where a request that is forwarded has its access.
type tokenKey struct{}

// newProxy makes what asks the FHIR server for an app. It keeps the host that the app knows, so that addresses in the answers lead back here.
func (s *Server) newProxy() (*httputil.ReverseProxy, error) {
	base, err := url.Parse(s.fhir)
	if err != nil || base.Host == "" {
		return nil, errors.New("smart: the FHIR server has no address")
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			path := strings.TrimPrefix(r.In.URL.Path, "/fhir")
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.Path = base.Scheme, base.Host, base.Path+path
			r.Out.Host = r.In.Host
			for _, header := range []string{"Authorization", "Origin", "Cookie", "Accept-Encoding"} {
				r.Out.Header.Del(header)
			}
		},
		ModifyResponse: s.answered,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			var is forbidden
			if errors.As(err, &is) {
				refuse(w, http.StatusForbidden, "forbidden", is.why)
				return
			}
			refuse(w, http.StatusBadGateway, "transient", "the FHIR server does not answer")
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}, nil
}

// forward asks the FHIR server; without an access it is asked for its CapabilityStatement.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, granted *access, body []byte) {
	r = r.WithContext(context.WithValue(r.Context(), tokenKey{}, granted))
	if body != nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	s.proxy.ServeHTTP(w, r)
}

// answered looks at an answer of the FHIR server before the app gets it.
func (s *Server) answered(response *http.Response) error {
	granted, _ := response.Request.Context().Value(tokenKey{}).(*access)
	isWriting := response.Request.Method == http.MethodPut || response.Request.Method == http.MethodDelete
	if response.StatusCode != http.StatusOK || isWriting {
		return nil // what was just written, or a fault
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return err
	}
	response.Body.Close()
	if granted == nil {
		body, err = declare(body, "http://"+response.Request.Host)
		if err != nil {
			return err
		}
	} else if !granted.shows(body) {
		return forbidden{"there are resources in the answer that no scope is for"}
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// declare adds to a CapabilityStatement where to ask for a token (SMART App Launch 1.0 had it there; some apps still look).
func declare(statement []byte, issuer string) ([]byte, error) {
	var decoded map[string]any
	if err := json.Unmarshal(statement, &decoded); err != nil {
		return nil, err
	}
	rest, _ := decoded["rest"].([]any)
	if len(rest) == 0 {
		rest = []any{map[string]any{"mode": "server"}}
		decoded["rest"] = rest
	}
	if first, ok := rest[0].(map[string]any); ok {
		uri := func(name string) map[string]any { return map[string]any{"url": name, "valueUri": issuer + "/" + name} }
		first["security"] = map[string]any{
			"cors": true,
			"service": []any{map[string]any{"coding": []any{map[string]any{
				"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR",
			}}}},
			"extension": []any{map[string]any{
				"url":       "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
				"extension": []any{uri("authorize"), uri("token")},
			}},
		}
	}
	return json.Marshal(decoded)
}
