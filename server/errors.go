package server

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"charthand/fhir"
	"charthand/nlp"

	"github.com/gin-gonic/gin"
)

// refuse answers with what an error means to the caller. It is the one place where an error becomes a status; what is not
// the caller's business stays in the log under an id that both have.
func (s *Server) refuse(c *gin.Context, err error) {
	var fault *fhir.Fault
	switch {
	case errors.As(err, &fault):
		status := http.StatusBadRequest
		if fault.Kind == fhir.Unprocessable {
			status = http.StatusUnprocessableEntity
		}
		s.answer(c, status, fault.Outcome())
	case c.Request.Context().Err() != nil:
		// The caller has gone; nobody reads this.
		s.fail(c, statusGone, fhir.CodeException, "the request was cancelled")
	default:
		s.internal(c, "error", chain(err))
	}
}

// statusGone is in the log and the metrics for a caller who has gone before the answer: no fault of the server's.
const statusGone = 499

// chain names the types of an error and of all that it wraps; the innermost tells most.
func chain(err error) string {
	var types []string
	for ; err != nil; err = errors.Unwrap(err) {
		if stage, ok := err.(*nlp.StageError); ok { //nolint:errorlint // the chain is walked here
			types = append(types, stage.Stage)
			continue
		}
		types = append(types, fmt.Sprintf("%T", err))
	}
	return strings.Join(types, " < ")
}

// internal answers 500 with an id and logs under the same id. An error's text could hold a note's: only types are logged,
// and for a panic the functions that led to it.
func (s *Server) internal(c *gin.Context, what, kind string, stack ...string) {
	id := c.GetString(requestKey)
	s.logger(c).Error("internal "+what, "type", kind, "stack", strings.Join(stack, " < "))
	s.fail(c, http.StatusInternalServerError, fhir.CodeException, "internal error; the log has it under the request id "+id)
}

func (s *Server) busy(c *gin.Context) {
	c.Header("Retry-After", strconv.Itoa(s.gate.refuse()))
	s.fail(c, http.StatusTooManyRequests, fhir.CodeThrottled, "busy: as many requests as this server takes are under way")
}

func (s *Server) tooLarge(c *gin.Context) {
	c.Header("Connection", "close")
	s.fail(c, http.StatusRequestEntityTooLarge, fhir.CodeTooLong, fmt.Sprintf("the body is larger than %d bytes", s.config.MaxBody))
}

// fail answers with an OperationOutcome of one error.
func (s *Server) fail(c *gin.Context, status int, code fhir.IssueCode, diagnostics string) {
	outcome := &fhir.Outcome{}
	outcome.Add(fhir.SeverityError, code, "", diagnostics)
	s.answer(c, status, outcome)
}

func (s *Server) answer(c *gin.Context, status int, outcome *fhir.Outcome) {
	body, err := fhir.Encode(outcome)
	if err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	c.Abort()
	limitAnswer(c)
	c.Data(status, fhirJSON, body)
}

// recover turns a panic in a handler into a 500. The panic's value could hold text of a note: only its type is logged.
func (s *Server) recover(c *gin.Context) {
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			s.internal(c, "panic", fmt.Sprintf("%T", v), callers()...)
		}
	}()
	c.Next()
}

// callers names the functions and lines that led to a panic, without their arguments.
func callers() []string {
	pcs := make([]uintptr, 24)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var names []string
	for {
		frame, more := frames.Next()
		names = append(names, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		if !more {
			return names
		}
	}
}

// log writes one record for each request: never a query or a body.
func (s *Server) log(c *gin.Context) {
	began := time.Now()
	c.Next()
	route := c.FullPath()
	if route == "" {
		route = "none"
	}
	s.logger(c).Info("request", "method", c.Request.Method, "route", route, "status", c.Writer.Status(),
		"ms", time.Since(began).Milliseconds(), "read", c.Request.ContentLength, "written", c.Writer.Size())
	s.audit(c, began)
	if s.config.Observe != nil {
		s.config.Observe(route, c.Request.Method, c.Writer.Status(), time.Since(began))
	}
}
