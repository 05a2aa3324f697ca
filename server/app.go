package server

import (
	"context"
	"net/http"

	"charthand/server/web"

	"github.com/gin-gonic/gin"
)

// App is what the SMART app has to know, which is the same for everybody.
type App struct {
	// ClientID is what the authorisation servers know the app by.
	ClientID string `json:"clientId"`
	// FHIRServers are those that it may be launched with.
	FHIRServers []string `json:"fhirServers"`
	// Scope is what it asks for instead of what it needs.
	Scope string `json:"scope,omitempty"`
	// TokenIssuer is whose tokens the server's Guard takes: the app shows it those, and no others.
	TokenIssuer string `json:"tokenIssuer,omitempty"`
	// Origins gives those of the FHIR servers and of their authorisation servers: the only ones that the app may ask beside this server.
	Origins func(ctx context.Context) []string `json:"-"`
}

// app adds the SMART app at /app, which is where authorisation servers send browsers back to, and where it is launched.
func (s *Server) app(router *gin.Engine, assets *web.Assets) {
	page := func(name string) gin.HandlerFunc {
		return func(c *gin.Context) {
			var origins []string
			if s.config.App.Origins != nil {
				origins = s.config.App.Origins(c.Request.Context())
			}
			assets.Page(name, c.Writer, c.Request, origins...)
		}
	}
	for path, name := range map[string]string{"/app": "app.html", "/app/launch": "launch.html"} {
		router.GET(path, page(name))
		router.HEAD(path, page(name))
	}
	told := s.config.App
	if told.FHIRServers == nil {
		told.FHIRServers = []string{} // not null, in JSON
	}
	router.GET("/app/config.json", func(c *gin.Context) { c.JSON(http.StatusOK, told) })
}
