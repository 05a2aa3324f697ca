// Package server is charthand over HTTP: the FHIR operation $extract and what an operator asks a service.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"charthand/extract"
	"charthand/fhir"
	"charthand/server/access"

	"github.com/gin-gonic/gin"
	"github.com/rs/cors"
	"golang.org/x/net/netutil"
)

// Extractor is what the server needs of the line from document to Bundle.
type Extractor interface {
	// Fetch gives a document with what has to be fetched for it.
	Fetch(ctx context.Context, document *fhir.Document) *fhir.Document
	Extract(ctx context.Context, document *fhir.Document) (*extract.Result, error)
}

// Config is what a Server needs. Extractor is required; zero values take the defaults.
type Config struct {
	Extractor Extractor
	// Annotator answers POST /api/annotate, which the page at / asks; nil where there is neither.
	Annotator Annotator
	// Version is charthand's own, for the CapabilityStatement.
	Version string
	// MaxBody bounds a request's body, in bytes: 10 MB by default.
	MaxBody int64
	// MaxExtractions bounds how many extractions run or wait for the model at once, 16 for each processor by default, and
	// 32 at least; twice as many requests may be arriving or being answered. One more of either is refused at once with 429, and
	// one more extraction is an overload, in which less is let in until it has passed.
	MaxExtractions int
	// Drain is how long a shutdown waits for what was accepted: 30 s by default.
	Drain time.Duration
	// Hooks take the notifications of a FHIR server; nil where there are none.
	Hooks *Hooks
	// CDS serves cards to CDS clients; nil where there is none.
	CDS *CDS
	// App says what the SMART app may be launched with; the zero value that it is not set up.
	App App
	// Ready says why new work is not welcome, beside a shutdown; nil where nothing else decides that.
	Ready func(ctx context.Context) error
	// Keys are the public keys of SMART Backend Services, a JWK set in JSON; nil where there are none.
	Keys []byte
	// Guard lets callers in: by default those of this machine alone.
	Guard Guard
	// Limiter bounds how often one caller may ask; nil for no bound of its own.
	Limiter *access.Limiter
	// Origins are the web pages that browsers may ask from ("https://app.example.org"); none by default.
	Origins []string
	// Audit is told of each access that callers have to be let in for, beside the log; nil where nobody else is.
	Audit func(access.Record)
	// Observe is told of each request that was answered: its route as the server has it, never what was asked; nil where nobody counts.
	Observe func(route, method string, status int, took time.Duration)
	// Metrics answers GET /metrics to callers who are let in; nil where there is none.
	Metrics http.Handler
	// TLS is what connections begin with; nil for plain HTTP.
	TLS *tls.Config
	// Logger takes one record for each request, without anything of a note. By default nothing is logged.
	Logger *slog.Logger
}

// Validate fills the defaults and says what is wrong.
func (c *Config) Validate() error {
	if c.Extractor == nil {
		return errors.New("server: no extractor")
	}
	if c.MaxBody < 0 || c.MaxExtractions < 0 || c.Drain < 0 {
		return errors.New("server: a limit is negative")
	}
	if c.MaxBody == 0 {
		c.MaxBody = 10 << 20
	}
	if c.MaxExtractions == 0 {
		c.MaxExtractions = max(32, 16*runtime.GOMAXPROCS(0))
	}
	if c.Drain == 0 {
		c.Drain = 30 * time.Second
	}
	if c.Guard == nil {
		c.Guard = access.New(access.Config{})
	}
	for _, origin := range c.Origins {
		if err := CheckOrigin(origin); err != nil {
			return fmt.Errorf("server: %w", err)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// CheckOrigin says what is wrong with one of Origins.
func CheckOrigin(origin string) error {
	if u, err := url.Parse(origin); err != nil || u.Host == "" || u.Path != "" || u.Scheme != "https" && u.Scheme != "http" || strings.Contains(origin, "*") {
		return fmt.Errorf("%q is no origin: expected something like https://app.example.org", origin)
	}
	return nil
}

// Server answers requests.
type Server struct {
	config    Config
	handler   http.Handler
	described described
	timeouts  timeouts
	draining  atomic.Bool
	// refusedHooks counts the notifications without the right secret.
	refusedHooks atomic.Int64
	// A place in each for every request and every extraction that may be under way.
	requests, extractions chan struct{}
	// calls are the same for CDS Hooks, which wait for another server: none of them keeps a note waiting.
	calls chan struct{}
	gate  *gate
}

// Limits on slow and oversized requests.
const (
	requestsPerExtraction = 2

	answerTimeout = time.Minute
	maxHeader     = 64 << 10
	// maxConnections is how many connections may be open; more wait for one to end.
	maxConnections = 4096
)

// timeouts are how long a connection may take for a request's headers, for the whole of it, and until the next.
type timeouts struct{ header, body, idle time.Duration }

var defaultTimeouts = timeouts{header: 10 * time.Second, body: time.Minute, idle: 2 * time.Minute}

// New makes a Server.
func New(config Config) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		config:      config,
		timeouts:    defaultTimeouts,
		requests:    make(chan struct{}, requestsPerExtraction*config.MaxExtractions),
		extractions: make(chan struct{}, config.MaxExtractions),
		calls:       make(chan struct{}, config.MaxExtractions),
		gate:        newGate(),
	}
	var err error
	if s.described, err = describe(config.Version, len(config.Origins) > 0); err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.HandleMethodNotAllowed = true
	router.RedirectTrailingSlash = false // gin would answer by itself: without a line in the log, an id, and the headers that protect
	router.Use(s.identify, s.trace, s.log, s.recover, s.protect)
	router.POST(extractRoute, s.admit("DocumentReference", "r"), s.extract)
	router.GET("/fhir/metadata", s.metadata)
	router.GET("/fhir/OperationDefinition/:id", s.definition)
	if config.Annotator != nil {
		if err := s.page(router); err != nil {
			return nil, err
		}
	}
	if config.Hooks != nil {
		router.PUT("/hooks/:name/:type/:id", s.hook)
		router.POST("/hooks/:name", s.hook)
	}
	if config.CDS != nil {
		s.cdsRoutes(router)
	}
	if config.Keys != nil {
		router.GET("/.well-known/jwks.json", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", config.Keys) })
	}
	router.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	router.GET("/readyz", s.ready)
	if config.Metrics != nil {
		router.GET("/metrics", s.admit("", ""), gin.WrapH(config.Metrics))
	}
	router.NoRoute(func(c *gin.Context) {
		s.fail(c, http.StatusNotFound, fhir.CodeNotFound, "there is nothing at this address")
	})
	router.NoMethod(func(c *gin.Context) {
		s.fail(c, http.StatusMethodNotAllowed, fhir.CodeNotSupported, "this address does not take "+c.Request.Method)
	})
	s.handler = router
	if len(config.Origins) > 0 {
		s.handler = cors.New(cors.Options{
			AllowedOrigins: config.Origins, AllowedMethods: []string{http.MethodGet, http.MethodPost}, AllowedHeaders: []string{"Authorization", "Content-Type", "Accept", "Prefer", "X-API-Key", requestHeader},
			ExposedHeaders: []string{"Retry-After", requestHeader}, MaxAge: 600,
		}).Handler(router)
	}
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// ready says whether new work is welcome.
func (s *Server) ready(c *gin.Context) {
	if s.draining.Load() {
		c.String(http.StatusServiceUnavailable, "shutting down\n")
		return
	}
	if s.config.Ready != nil {
		if err := s.config.Ready(c.Request.Context()); err != nil {
			c.String(http.StatusServiceUnavailable, "not ready\n")
			return
		}
	}
	c.String(http.StatusOK, "ok\n")
}

// Run serves on the listener until the context ends, then finishes what it has accepted, for as long as Drain says. It
// returns when nothing runs any more; the error is nil after an orderly shutdown.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	listener = netutil.LimitListener(listener, maxConnections)
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.timeouts.header,
		ReadTimeout:       s.timeouts.body,
		IdleTimeout:       s.timeouts.idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() {
		if s.config.TLS != nil {
			server.TLSConfig = s.config.TLS
			failed <- server.ServeTLS(listener, "", "")
			return
		}
		failed <- server.Serve(listener)
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.draining.Store(true)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Drain)
	defer cancel()
	err := server.Shutdown(drain)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests were still running after %s", s.config.Drain), server.Close())
	}
	if closed := <-failed; !errors.Is(closed, http.ErrServerClosed) {
		err = errors.Join(err, closed)
	}
	// A handler may outlive its connection: wait until native code has let go.
	for range cap(s.extractions) {
		s.extractions <- struct{}{}
	}
	return err
}
