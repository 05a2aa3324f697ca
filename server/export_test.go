package server

import "github.com/gin-gonic/gin"

// Routes gives the method and path of everything that a server without Origins answers.
func (s *Server) Routes() gin.RoutesInfo {
	router, is := s.handler.(*gin.Engine)
	if !is {
		return nil
	}
	return router.Routes()
}
