package server

import (
	"fmt"
	"net/http"

	"charthand/tracing"

	"github.com/gin-gonic/gin"
)

// untraced are the routes that are asked every few seconds by who watches over charthand.
var untraced = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}

// trace makes a span of a request.
func (s *Server) trace(c *gin.Context) {
	route := c.FullPath()
	if untraced[route] {
		return
	}
	if route == "" {
		route = "none"
	}
	ctx, end := tracing.BeginServed(c.Request, route, tracing.Route.String(route), tracing.Request.String(c.GetString(requestKey)))
	c.Request = c.Request.WithContext(ctx)
	c.Next()
	var failed error
	if status := c.Writer.Status(); status >= http.StatusInternalServerError {
		failed = statusError(status)
	}
	end(failed, tracing.Status.Int(c.Writer.Status()))
}

// statusError is an answer that is charthand's own fault.
type statusError int

// Error implements error.
func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }
