package server

import (
	"net/http"
	"strings"

	"charthand/fhir"
	"charthand/server/web"

	"github.com/gin-gonic/gin"
)

// page adds the page at /, what it loads, and what it asks. The page holds nothing, so everybody may have it; what it asks does not.
func (s *Server) page(router *gin.Engine) error {
	assets, err := web.New()
	if err != nil {
		return err
	}
	router.POST(annotateRoute, s.admit("DocumentReference", "r"), s.annotate)
	index := func(c *gin.Context) { assets.Page("index.html", c.Writer, c.Request) }
	file := func(c *gin.Context) {
		if !assets.File(c.Param("version"), strings.TrimPrefix(c.Param("name"), "/"), c.Writer, c.Request) {
			s.fail(c, http.StatusNotFound, fhir.CodeNotFound, "there is nothing at this address")
		}
	}
	router.GET("/", index)
	router.HEAD("/", index)
	router.GET("/web/:version/*name", file)
	router.HEAD("/web/:version/*name", file)
	s.app(router, assets)
	return nil
}
