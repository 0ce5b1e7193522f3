package simcluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	processes "meseta/cmd/internal/program"
	"meseta/runtime"
	"meseta/runtime/trace"
)

// Events are all that happened on all nodes so far, in order, if [Config.Trace] is set.
func (c *Cluster) Events() []runtime.Event { return c.events }

// Records are what all nodes remember, as /trace shows it.
func (c *Cluster) Records() []trace.Record {
	var all []trace.Record
	for _, t := range c.traces {
		for _, e := range t.Events() {
			all = append(all, processes.Lens.Record(e))
		}
	}
	return all
}

// Sent returns the first message whose line in the conversation begins with text, as in "Call ACCEPT".
func (c *Cluster) Sent(text string) runtime.Event {
	c.Helper()
	i := slices.IndexFunc(c.events, func(e runtime.Event) bool {
		return e.Kind == runtime.EventSend && strings.HasPrefix(c.said(e), text)
	})
	if i < 0 {
		c.Fatalf("%q was not sent", text)
	}
	return c.events[i]
}

// said is what a sending is called in the conversation.
func (c *Cluster) said(e runtime.Event) string {
	return strings.TrimSpace(trace.Short(e.Name) + " " + c.words.sent[e.ID])
}

// Story draws what followed from an event, across all nodes, as far as people care: the messages, each below the one
// that it answers or results from, with the seconds since the beginning; the executors that were started; and what the
// allocator got back. Every event names its cause: the story is nothing but the traces of all nodes, put together.
func (c *Cluster) Story(root runtime.EventID) string {
	s := story{cluster: c, nodes: map[runtime.EventID]*scene{}}
	for _, e := range (trace.Query{Cause: root}).Select(c.events, trace.Lens{}) {
		s.add(e, root)
	}
	return s.draw()
}

// Untold are those messages between processes, of the events from the first one in a story on, that do not follow from
// its root. Pings are left out.
func (c *Cluster) Untold(root runtime.EventID) []string {
	told, begun := map[runtime.EventID]bool{}, false
	for _, e := range (trace.Query{Cause: root}).Select(c.events, trace.Lens{}) {
		told[e.ID] = true
	}
	var untold []string
	for _, e := range c.events {
		begun = begun || e.ID == root
		_, known := c.words.sent[e.ID]
		if begun && known && !told[e.ID] {
			untold = append(untold, c.line(e))
		}
	}
	return untold
}

// line describes one message.
func (c *Cluster) line(e runtime.Event) string {
	return fmt.Sprintf("%s → %s  %s", c.named(e.From), c.named(e.To), c.said(e))
}

// story is a tree of scenes. Events that are none belong to the scene that led to them.
type story struct {
	cluster *Cluster
	nodes   map[runtime.EventID]*scene // the scene that an event belongs to
	root    *scene
}

// scene is one line of a story.
type scene struct {
	at   time.Time
	text string
	next []*scene
}

func (s *story) add(e runtime.Event, root runtime.EventID) {
	within := s.nodes[e.Cause]
	text := s.text(e)
	if text == "" && e.ID != root {
		s.nodes[e.ID] = within
		return
	}
	n := &scene{at: e.Time, text: text}
	s.nodes[e.ID] = n
	if e.ID == root {
		s.root = n
	} else {
		within.next = append(within.next, n)
	}
}

// text is the line that e is worth; empty if none.
func (s *story) text(e runtime.Event) string {
	switch {
	case e.Kind == runtime.EventSend && s.cluster.words.has(e.ID):
		return s.cluster.line(e)
	case e.Kind == runtime.EventSpawn && e.To.ID == "executor(1)":
		return s.cluster.named(e.To) + " starts"
	case e.Kind == runtime.EventDeliver && strings.Contains(e.Name, "Allocator.Recover"):
		return "master: the allocator takes resources back"
	}
	return ""
}

func (s *story) draw() string {
	var b strings.Builder
	s.root.draw(&b, 0, s.root.at)
	return b.String()
}

func (n *scene) draw(b *strings.Builder, depth int, began time.Time) {
	fmt.Fprintf(b, "%7.3f  %s%s\n", n.at.Sub(began).Seconds(), strings.Repeat("  ", depth), n.text)
	slices.SortStableFunc(n.next, func(x, y *scene) int { return cmp.Or(x.at.Compare(y.at), strings.Compare(x.text, y.text)) })
	for _, next := range n.next {
		next.draw(b, depth+1, began)
	}
}
