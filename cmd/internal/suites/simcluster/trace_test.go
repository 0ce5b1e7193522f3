package simcluster_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"meseta/cmd/internal/suites/simcluster"
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
		"trace-chrome":   func() string { return strings.ReplaceAll(string(shown.Chrome()), "},{", "},\n{") },
	} {
		runtimetest.Golden(t, name, numbered(draw()))
	}
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

// random is what is drawn at random: UUIDs, the beginnings of some, and ids of events.
var random = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|#(35;)?[0-9a-f]{8}\b`)

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
