package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"time"

	"charthand/fhir"
	"charthand/server/access"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// Guard says who makes a request: *access.Guard does.
type Guard interface {
	Caller(ctx context.Context, r *http.Request) (access.Caller, error)
}

// Keys of what a request's handlers tell each other.
const (
	requestKey   = "request"
	callerKey    = "caller"
	documentsKey = "documents"
	tenantKey    = "tenant"
	patientKey   = "patient"
	cardsKey     = "cards"
)

// requestHeader carries the id of a request, the caller's own or one that is made; the answer has it, and every record in the log.
const requestHeader = "X-Request-Id"

// requestID is what a caller's id may be.
var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify gives a request its id.
func (s *Server) identify(c *gin.Context) {
	id := c.GetHeader(requestHeader)
	if !requestID.MatchString(id) {
		id = uuid.NewString()
	}
	c.Set(requestKey, id)
	c.Header(requestHeader, id)
}

// logger gives the log with the id of a request in every record.
func (s *Server) logger(c *gin.Context) *slog.Logger {
	return s.config.Logger.With("request", c.GetString(requestKey))
}

// protect sets the headers that keep browsers from doing with an answer what nobody wants: showing it in a frame, guessing its type, keeping it, running
// what is in it.
func (s *Server) protect(c *gin.Context) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	} {
		c.Header(name, value)
	}
	if c.Request.TLS != nil {
		c.Header("Strict-Transport-Security", "max-age=31536000")
	}
}

// admit gives a handler that lets a caller on which may use a resource type in some ways ("r"), as often as it may; without a type, any caller that is
// known.
func (s *Server) admit(resourceType, ways string) gin.HandlerFunc {
	return s.admitBy(s.config.Guard, resourceType, ways)
}

// admitBy gives such a handler where another Guard decides.
func (s *Server) admitBy(guard Guard, resourceType, ways string) gin.HandlerFunc {
	return func(c *gin.Context) {
		caller, err := guard.Caller(c.Request.Context(), c.Request)
		switch {
		case errors.Is(err, access.ErrUnknown):
			c.Header("WWW-Authenticate", `Bearer realm="charthand"`)
			s.fail(c, http.StatusUnauthorized, fhir.CodeLogin, "a token or an API key is needed")
			return
		case errors.Is(err, access.ErrRefused):
			s.logger(c).Warn("access refused", "reason", err.Error())
			c.Header("WWW-Authenticate", `Bearer realm="charthand", error="invalid_token"`)
			s.fail(c, http.StatusUnauthorized, fhir.CodeLogin, "the token or key is not valid")
			return
		case err != nil:
			s.logger(c).Error("access cannot be decided", "reason", err.Error())
			c.Header("Retry-After", "10")
			s.fail(c, http.StatusServiceUnavailable, fhir.CodeTransient, "the keys that tokens are checked with cannot be had")
			return
		}
		c.Set(callerKey, caller.Name)
		c.Set(tenantKey, caller.Tenant)
		if resourceType != "" && !caller.May(resourceType, ways) {
			c.Header("WWW-Authenticate", fmt.Sprintf(`Bearer realm="charthand", error="insufficient_scope", scope="system/%s.%s"`, resourceType, ways))
			s.fail(c, http.StatusForbidden, fhir.CodeForbidden, fmt.Sprintf("the token has no scope system/%s.%s", resourceType, ways))
			return
		}
		if s.config.Limiter == nil {
			return
		}
		if wait := s.config.Limiter.Allow(caller.Name); wait > 0 {
			c.Header("Retry-After", fmt.Sprint(int(math.Ceil(wait.Seconds()))))
			s.fail(c, http.StatusTooManyRequests, fhir.CodeThrottled, "too many requests of this caller")
		}
	}
}

// tell notes which documents a request was about, for the audit.
func tell(c *gin.Context, documents []*fhir.Document) {
	names := make([]string, 0, min(len(documents), maxTold))
	for _, document := range documents[:min(len(documents), maxTold)] {
		if document.ID != "" {
			names = append(names, document.Name())
		}
	}
	c.Set(documentsKey, names)
}

// maxTold is how many documents of one request the audit names.
const maxTold = 100

// audit writes who asked for what, and what came of it, for requests that had to be let in: nothing of a note.
func (s *Server) audit(c *gin.Context, began time.Time) {
	route := c.FullPath()
	if _, needed := guarded[route]; !needed {
		return
	}
	record := access.Record{
		Request: c.GetString(requestKey), Caller: c.GetString(callerKey), Address: access.AddressOf(c.Request), Action: c.Request.Method + " " + route,
		Documents: c.GetStringSlice(documentsKey), Patient: c.GetString(patientKey), Status: c.Writer.Status(), Began: began,
	}
	logger := s.logger(c)
	for _, key := range []string{tenantKey, patientKey} {
		if value := c.GetString(key); value != "" {
			logger = logger.With(key, value)
		}
	}
	if cards := cardsOf(c); cards != nil {
		logger = logger.With("cards", cards)
	}
	logger.Info("audit", "caller", record.Caller, "address", record.Address, "action", record.Action,
		"documents", record.Documents, "status", record.Status, "began", began.UTC().Format(time.RFC3339Nano))
	if s.config.Audit != nil {
		s.config.Audit(record)
	}
}

// guarded are the routes that callers have to be let in to.
var guarded = map[string]bool{extractRoute: true, annotateRoute: true, serviceRoute: true, feedbackRoute: true}

const extractRoute = "/fhir/DocumentReference/$extract"
