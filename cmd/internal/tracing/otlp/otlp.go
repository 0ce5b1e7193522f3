// Package otlp sends conversations to collectors of OpenTelemetry, by OTLP over HTTP.
package otlp

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"meseta/runtime/trace/conversation"
)

// Check returns an error if endpoint is not the URL of a collector, as in "http://127.0.0.1:4318".
func Check(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not the URL of a collector; want one such as http://127.0.0.1:4318", endpoint)
	}
	return nil
}

// Send sends the spans of c to the collector at endpoint, and returns how many they are. A URL without a path gets /v1/traces,
// as the protocol has it. The environment variables OTEL_EXPORTER_OTLP_… that the OpenTelemetry libraries read, for headers
// and certificates for instance, count.
func Send(ctx context.Context, endpoint string, c *conversation.Conversation) (spans int, err error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return 0, err
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	client := otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(u.String()), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
		Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: 10 * time.Second,
	}))
	if err := client.Start(ctx); err != nil {
		return 0, err
	}
	all, spans := Spans(c)
	if err := client.UploadTraces(ctx, all); err != nil {
		return 0, fmt.Errorf("%s: %w", endpoint, err)
	}
	return spans, client.Stop(ctx)
}

// Spans returns the steps of c as spans, by the nodes on which they happened, and how many they are. Each beginning, with all
// that followed from it, is a trace. It has the id of its first event, or, if a request with a traceparent began it, that of
// the foreign trace.
func Spans(c *conversation.Conversation) (byNode []*tracepb.ResourceSpans, spans int) {
	b := builder{nodes: map[string]*node{}}
	for _, s := range c.Roots {
		trace, parent := s.Foreign()
		if trace == "" {
			trace = s.ID()
		}
		b.add(s, digits(trace), digits(parent))
	}
	addrs := make([]string, 0, len(b.nodes))
	for addr := range b.nodes {
		addrs = append(addrs, addr)
	}
	slices.Sort(addrs)
	for _, addr := range addrs {
		n := b.nodes[addr]
		byNode = append(byNode, n.resource(addr))
		spans += len(n.spans)
	}
	return byNode, spans
}

type builder struct{ nodes map[string]*node }

// node is what happened on one node.
type node struct {
	spans []*tracepb.Span
	is    string // which program it is, as far as its actors tell
}

// add adds s and what is below it.
func (b *builder) add(s *conversation.Step, trace, parent []byte) {
	id, addr, _ := strings.Cut(s.Place(), "@")
	n := b.nodes[addr]
	if n == nil {
		n = &node{is: "mesos"}
		b.nodes[addr] = n
	}
	if program := programOf(id); program != "" {
		n.is = program
	}
	span := spanOf(s, trace, parent)
	n.spans = append(n.spans, span)
	for _, below := range s.Below() {
		b.add(below, trace, span.SpanId)
	}
}

// programOf is the program that an actor of this id lives in, as far as that is known.
func programOf(id string) string {
	switch name, _, _ := strings.Cut(id, "("); {
	case name == "master", name == "slave", name == "executor":
		return "mesos-" + strings.Replace(name, "slave", "agent", 1)
	case strings.HasPrefix(name, "scheduler"):
		return "mesos-scheduler"
	}
	return ""
}

func (n *node) resource(addr string) *tracepb.ResourceSpans {
	return &tracepb.ResourceSpans{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", n.is), text("service.instance.id", addr)}},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "meseta"}, Spans: n.spans}},
	}
}

func spanOf(s *conversation.Step, trace, parent []byte) *tracepb.Span {
	span := &tracepb.Span{
		TraceId: trace, SpanId: digits(s.Span()), ParentSpanId: parent, Name: s.Words(), Kind: kindOf(s),
		StartTimeUnixNano: uint64(s.At().UnixNano()), EndTimeUnixNano: uint64(max(s.At().UnixNano(), s.End().UnixNano())),
		Attributes: attributes(s), Status: &tracepb.Status{},
	}
	if s.Dropped != "" {
		span.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: s.Fate()}
	}
	if s.Kind == "work" { // what it sent by HTTP names it by its own event
		span.Links = []*tracepb.Span_Link{{TraceId: digits(s.ID()), SpanId: span.SpanId}}
	}
	return span
}

func kindOf(s *conversation.Step) tracepb.Span_SpanKind {
	switch s.Kind {
	case "message":
		return tracepb.Span_SPAN_KIND_CONSUMER
	case "say":
		return tracepb.Span_SPAN_KIND_PRODUCER
	case "request":
		return tracepb.Span_SPAN_KIND_SERVER
	}
	return tracepb.Span_SPAN_KIND_INTERNAL
}

// attributes say what the picture of a conversation says, too.
func attributes(s *conversation.Step) []*commonpb.KeyValue {
	all := []*commonpb.KeyValue{text("meseta.event", s.ID()), text("meseta.kind", s.Kind), text("meseta.to", s.To)}
	for _, a := range []struct{ key, value string }{
		{"meseta.from", s.From}, {"meseta.about", strings.Join(s.About, " ")}, {"meseta.remarks", strings.Join(s.Remarks(), ", ")},
	} {
		if a.value != "" {
			all = append(all, text(a.key, a.value))
		}
	}
	return all
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: strings.ToValidUTF8(value, "�")}}}
}

// digits reads hexadecimal digits; others are none.
func digits(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
