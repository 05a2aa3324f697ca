package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"charthand/cds"
	"charthand/fhir"
	"charthand/server/access"

	"github.com/gin-gonic/gin"
)

// CDS serves decision support to CDS clients (CDS Hooks 2.0).
type CDS struct {
	Finder *cds.Finder
	// Guard lets clients in, by the tokens that they sign themselves; nil for this machine alone.
	Guard Guard
	// Server gives the FHIR server of an address, to be asked with a client's token, or where that is empty as charthand itself; it says why it is nil. No
	// other server is ever asked.
	Server func(address, token string) (server cds.Server, why string)
	// Feedback is told what became of a card; nil where nobody counts.
	Feedback func(outcome cds.Outcome)
}

// The routes of CDS Hooks.
const (
	servicesRoute = "/cds-services"
	serviceRoute  = "/cds-services/:id"
	feedbackRoute = "/cds-services/:id/feedback"
)

// gatherTime bounds how long a call waits for a FHIR server: a chart is being opened.
const gatherTime = 10 * time.Second

// cdsRoutes adds the routes of CDS Hooks.
func (s *Server) cdsRoutes(router *gin.Engine) {
	guard := s.config.CDS.Guard
	if guard == nil {
		guard = access.New(access.Config{})
	}
	router.GET(servicesRoute, func(c *gin.Context) { c.JSON(http.StatusOK, cds.Discover()) })
	router.POST(serviceRoute, s.admitBy(guard, "", ""), s.call(s.cards))
	router.POST(feedbackRoute, s.admitBy(guard, "", ""), s.call(s.feedback))
}

// call answers a call of a service with what work makes of its body, in a place among the calls.
func (s *Server) call(work func(c *gin.Context, body []byte) (answer any, err error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !enter(s.calls) {
			s.busy(c)
			return
		}
		defer leave(s.calls)
		body, ok := s.called(c)
		if !ok {
			return
		}
		answer, err := work(c, body)
		var lacks missing
		switch {
		case errors.As(err, &lacks):
			s.fail(c, http.StatusPreconditionFailed, fhir.CodeRequired, lacks.Error())
		case err != nil:
			s.refuse(c, err)
		default:
			c.JSON(http.StatusOK, answer)
		}
	}
}

// missing is an error that names what a call did not send, and what cannot be searched.
type missing struct{ error }

// called reads the body of a call of a service; where that comes to nothing, it has answered so.
func (s *Server) called(c *gin.Context) (body []byte, ok bool) {
	if c.Param("id") != cds.ID {
		s.fail(c, http.StatusNotFound, fhir.CodeNotFound, "there is no such service; "+servicesRoute+" has those that there are")
		return nil, false
	}
	if !acceptsJSON(c.GetHeader("Content-Type"), true) {
		s.fail(c, http.StatusUnsupportedMediaType, fhir.CodeNotSupported, "the body has to be application/json")
		return nil, false
	}
	return s.body(c)
}

// cards is POST /cds-services/{id}.
func (s *Server) cards(c *gin.Context, body []byte) (any, error) {
	request, err := cds.ReadRequest(body)
	if err != nil {
		return nil, err
	}
	c.Set(patientKey, "Patient/"+request.Context.PatientID)
	ctx, cancel := context.WithTimeout(c.Request.Context(), gatherTime)
	defer cancel()
	server, why := s.asked(request)
	resources, err := cds.Gather(ctx, request, server, why)
	if err != nil {
		return nil, missing{err}
	}
	found := s.config.CDS.Finder.Cards(ctx, request, resources, server)
	told := make([]cds.Feedback, 0, len(found))
	for _, card := range found {
		told = append(told, cds.Feedback{Card: card.UUID})
	}
	c.Set(cardsKey, told)
	limitAnswer(c)
	return map[string]any{"cards": found}, nil
}

// asked gives the server that a call lets charthand ask, nil where there is none, and why.
func (s *Server) asked(r *cds.Request) (server cds.Server, why string) {
	switch {
	case r.FHIRServer == "":
		return nil, "it was not sent, and no fhirServer is named"
	case s.config.CDS.Server == nil:
		return nil, "it was not sent, and charthand stands beside no FHIR server"
	}
	token := ""
	if r.Authorization != nil {
		token = r.Authorization.AccessToken
	}
	return s.config.CDS.Server(r.FHIRServer, token)
}

// feedback is POST /cds-services/{id}/feedback.
func (s *Server) feedback(c *gin.Context, body []byte) (any, error) {
	told, err := cds.ReadFeedback(body)
	if err != nil {
		return nil, err
	}
	c.Set(cardsKey, told)
	if count := s.config.CDS.Feedback; count != nil {
		for _, one := range told {
			count(one.Outcome)
		}
	}
	return json.RawMessage("{}"), nil
}

// cardsOf gives the cards that a request was about, for the audit.
func cardsOf(c *gin.Context) []cds.Feedback {
	told, _ := c.Get(cardsKey)
	list, _ := told.([]cds.Feedback)
	return list
}
