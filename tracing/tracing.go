// Package tracing tells an OpenTelemetry collector how long each part of the work took. No span holds anything of a note: names of routes, stages and
// resource types, counts, statuses, and the types of errors.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The attributes of charthand's spans, beside those of OpenTelemetry's conventions.
const (
	Characters   = attribute.Key("charthand.characters") // of a text, Unicode code points
	Format       = attribute.Key("charthand.format")     // of an attachment
	Entities     = attribute.Key("charthand.entities")   // found so far
	Written      = attribute.Key("charthand.written")    // resources in a Bundle
	Document     = attribute.Key("charthand.document")   // "DocumentReference/42"
	Request      = attribute.Key("charthand.request")    // the request id
	Method       = attribute.Key("http.request.method")
	Route        = attribute.Key("http.route")
	Status       = attribute.Key("http.response.status_code")
	ResourceType = attribute.Key("fhir.resource_type")
)

// tracer makes the spans; until Start it makes none.
var tracer = otel.Tracer("charthand")

// carrier carries the parent of a span between processes (W3C Trace Context).
var carrier = propagation.TraceContext{}

// Begin begins a span within that of the context. end ends it, and says by type, never by its text, which error it ended with, if any.
func Begin(ctx context.Context, name string, attributes ...attribute.KeyValue) (inner context.Context, end func(err error, found ...attribute.KeyValue)) {
	inner, span := tracer.Start(ctx, name, trace.WithAttributes(attributes...))
	return inner, ending(span)
}

// BeginServed begins the span of a request to this server, within that which its caller names.
func BeginServed(r *http.Request, name string, attributes ...attribute.KeyValue) (inner context.Context, end func(err error, found ...attribute.KeyValue)) {
	ctx := carrier.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	// The ids alone: a caller may write any text into tracestate.
	ctx = trace.ContextWithRemoteSpanContext(ctx, trace.SpanContextFromContext(ctx).WithTraceState(trace.TraceState{}))
	inner, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
	return inner, ending(span)
}

// Carry names the span of a request's context to the server that it is sent to.
func Carry(r *http.Request) {
	carrier.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
}

func ending(span trace.Span) func(err error, found ...attribute.KeyValue) {
	return func(err error, found ...attribute.KeyValue) {
		span.SetAttributes(found...)
		if err != nil {
			span.SetStatus(codes.Error, fmt.Sprintf("%T", err))
		}
		span.End()
	}
}

// Config says where spans are sent.
type Config struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP ("http://localhost:4318"). Where it is empty, OpenTelemetry's own variables count
	// (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT); where none is set, nothing is traced. The other variables of OpenTelemetry (headers,
	// certificates, sampler) always count.
	Endpoint string
	// Version is charthand's own.
	Version string
	// Logger is told when spans cannot be sent.
	Logger *slog.Logger
}

// Validate says what is wrong.
func (c Config) Validate() error {
	if c.Endpoint == "" {
		return nil
	}
	if at, err := url.Parse(c.Endpoint); err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return fmt.Errorf("traces.endpoint: %q is no http or https address", c.Endpoint)
	}
	return nil
}

// flushTime is how long the end of the program waits for spans to be sent.
const flushTime = 3 * time.Second

// Start begins to send spans, and gives what sends the last ones and ends that.
func Start(ctx context.Context, config Config) (stop func(), err error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	var options []otlptracehttp.Option
	switch {
	case config.Endpoint != "":
		options = append(options, otlptracehttp.WithEndpointURL(config.Endpoint))
	case os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return func() {}, nil
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("traces.endpoint: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		config.Logger.Warn("traces cannot be sent", "type", fmt.Sprintf("%T", err))
	}))
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "charthand"), attribute.String("service.version", config.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	otel.SetTracerProvider(provider)
	return func() {
		last, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		_ = provider.Shutdown(last) // the error handler has told
	}, nil
}
