package server

import (
	"time"

	"github.com/gin-gonic/gin"
)

// Routes gives the method and path of everything that a server without Origins answers.
func (s *Server) Routes() gin.RoutesInfo {
	router, is := s.handler.(*gin.Engine)
	if !is {
		return nil
	}
	return router.Routes()
}

// SetTimeouts makes a server that has not run yet less patient.
func (s *Server) SetTimeouts(header, body, idle time.Duration) {
	s.timeouts = timeouts{header: header, body: body, idle: idle}
}

// SetFew says how many may wait for the model of a server while it is overloaded.
func (s *Server) SetFew(few int) { s.gate.few = few }
