package simcluster_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/cmd/internal/tracing/otlp"
	"meseta/runtime/runtimetest"
	"meseta/runtime/trace/conversation"
)

// TestATasksTrace shows the life of a task in each way in which "mesos trace task t1" does, from what the nodes remember.
func TestATasksTrace(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Trace: true})
	c.Join()
	f := c.Framework("f1", nil)
	f.Launch(simcluster.Job{ID: "t1", Program: "sleep 10", Executor: "x1"})
	f.Launch(simcluster.Job{ID: "t2", Program: "sleep 10", Executor: "x1"})
	c.Advance(16 * time.Second)

	shown := conversation.Build(c.Records()).Select(conversation.Choice{About: "task:t1"})
	for name, draw := range map[string]func() string{
		"trace":          shown.Text,
		"trace-sequence": shown.Sequence,
		"trace-mermaid":  shown.Mermaid,
		"trace-svg":      shown.SVG,
		"trace-html":     func() string { return shown.HTML("task t1") },
		"trace-otlp":     func() string { return spans(shown) },
		"trace-chrome":   func() string { return strings.ReplaceAll(string(shown.Chrome()), "},{", "},\n{") },
	} {
		runtimetest.Golden(t, name, numbered(draw()))
	}
}

// A task whose executor has ended, and its framework with it, is one tree still: what they said is below what they were told.
func TestATasksTraceWhenItsExecutorIsGone(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Trace: true})
	c.Join()
	f := c.Framework("f1", nil)
	f.Launch(simcluster.Job{ID: "t1", Program: "sleep 10", Executor: "x1"})
	c.Advance(16 * time.Second)

	records, gone := c.Records(), map[string]bool{}
	for _, r := range records {
		if r.Event == "deliver" && (strings.HasPrefix(r.To, "executor(1)@") || strings.HasPrefix(r.To, "scheduler-")) {
			gone[r.Node()] = true
		}
	}
	left := slices.DeleteFunc(records, func(r conversation.Record) bool { return gone[r.Node()] })
	runtimetest.Golden(t, "trace-executor-gone", numbered(conversation.Build(left).Select(conversation.Choice{About: "task:t1"}).Text()))
}

// spans writes what a collector of OpenTelemetry is sent: for each node, its spans with trace, id and parent, and below them their
// attributes.
func spans(c *conversation.Conversation) string {
	var b strings.Builder
	say := func(indent string, all []*commonpb.KeyValue) {
		for _, a := range all {
			fmt.Fprintf(&b, "%s%s: %s\n", indent, a.Key, a.Value.GetStringValue())
		}
	}
	nodes, _ := otlp.Spans(c)
	for _, n := range nodes {
		say("", n.Resource.Attributes)
		for _, s := range n.ScopeSpans[0].Spans {
			begun, over := time.Unix(0, int64(s.StartTimeUnixNano)).UTC(), time.Duration(s.EndTimeUnixNano-s.StartTimeUnixNano)
			status := strings.TrimSpace(strings.TrimPrefix(s.Status.Code.String(), "STATUS_CODE_") + " " + s.Status.Message)
			fmt.Fprintf(&b, "  %x span-%x below span-%x: %s\n    %s, %s for %v, %s\n", s.TraceId, s.SpanId, s.ParentSpanId, s.Name,
				strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"), begun.Format("15:04:05.000"), over, status)
			say("    ", s.Attributes)
		}
	}
	return b.String()
}

// What is said on the streams of schedulers and executors that speak HTTP is in the trace as messages are.
func TestATasksTraceOverHTTP(t *testing.T) {
	t.Parallel()
	c := simcluster.New(t, simcluster.Config{Trace: true})
	c.Join()
	f := c.FrameworkOverHTTP("f1", nil)
	f.Launch(simcluster.Job{ID: "t1", Program: "sleep 10", Executor: "http-x1"})
	c.Advance(16 * time.Second)
	states(t, f, "t1", running, finished)
	shown := conversation.Build(c.Records()).Select(conversation.Choice{About: "task:t1"})
	runtimetest.Golden(t, "trace-over-http", numbered(shown.Text()))
}

// random is what is drawn at random: UUIDs, the beginnings of some, and ids of events and spans.
var random = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|span-[0-9a-f]{16}|#(35;)?[0-9a-f]{8}\b`)

// numbered puts numbers in the place of what is random, in the order in which it comes.
func numbered(text string) string {
	numbers := map[string]string{}
	return random.ReplaceAllStringFunc(text, func(id string) string {
		if numbers[id] == "" {
			numbers[id] = fmt.Sprintf("%%%d", len(numbers)+1)
		}
		return numbers[id]
	})
}
