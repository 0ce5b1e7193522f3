package trace

import (
	"fmt"
	"slices"
	"strings"

	"meseta/runtime"
)

// Tree draws events, which may be of several nodes, below what caused them. Each enqueuing is one line with its turn;
// siblings are in the order of their times.
func Tree(events []runtime.Event) string {
	t := tree{known: map[runtime.EventID]bool{}, children: map[runtime.EventID][]runtime.Event{}}
	for _, e := range events {
		t.known[e.ID] = true
	}
	for _, e := range events {
		cause := e.Cause
		if !t.known[cause] {
			cause = runtime.EventID{}
		}
		t.children[cause] = append(t.children[cause], e)
	}
	for _, siblings := range t.children {
		slices.SortStableFunc(siblings, func(x, y runtime.Event) int { return x.Time.Compare(y.Time) })
	}
	t.draw(runtime.EventID{}, 0)
	return t.text.String()
}

type tree struct {
	known    map[runtime.EventID]bool
	children map[runtime.EventID][]runtime.Event
	text     strings.Builder
}

func (t *tree) draw(cause runtime.EventID, depth int) {
	for _, e := range t.children[cause] {
		if e.Kind == runtime.EventEnqueue {
			t.draw(e.ID, depth) // its turn says it all
			continue
		}
		fmt.Fprintf(&t.text, "%s%s\n", strings.Repeat("  ", depth), line(e))
		t.draw(e.ID, depth+1)
	}
}

// line describes e in a few words.
func line(e runtime.Event) string {
	name := e.Name
	if isMessage(e) {
		name = Short(name)
	}
	words := []string{e.Kind.String()}
	if queued(e) {
		words = append(words, e.What.String())
	}
	words = append(words, name)
	if e.Note != "" {
		words = append(words, "("+e.Note+")")
	}
	switch {
	case e.Kind == runtime.EventBreak:
		words = append(words, e.To.Addr)
	case e.From.IsZero():
		words = append(words, "at", e.To.ID)
	default:
		words = append(words, e.From.ID, "->", e.To.ID)
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}
