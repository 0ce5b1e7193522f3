package conversation

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Names calls actors by what people call them: the id alone where no two nodes have an actor of that name, and the PID
// otherwise.
type Names struct{ ambiguous map[string]bool }

// NamesIn returns the names of the actors in c.
func NamesIn(c *Conversation) Names {
	seen, n := map[string]string{}, Names{map[string]bool{}}
	for s := range c.Steps {
		for _, pid := range []string{s.From, s.To} {
			id, addr, _ := strings.Cut(pid, "@")
			if known, ok := seen[id]; ok && known != addr {
				n.ambiguous[id] = true
			}
			seen[id] = addr
		}
	}
	return n
}

// Of is what the actor is called.
func (n Names) Of(pid string) string {
	id, addr, _ := strings.Cut(pid, "@")
	switch {
	case id == "":
		return addr
	case n.ambiguous[id]:
		return pid
	}
	return id
}

// Text draws the conversation as lines: the seconds since its beginning, and who told whom what, each below its cause. Behind
// it stands how long the message took to arrive, how long it waited and how long its turn was; and what became of it if it
// was not handled.
func (c *Conversation) Text() string {
	var b strings.Builder
	if len(c.Roots) == 0 {
		return ""
	}
	t := textOf{out: &b, names: NamesIn(c), began: c.began()}
	for _, s := range c.Roots {
		t.draw(s, 0)
	}
	return b.String()
}

// began is the time of the first step.
func (c *Conversation) began() time.Time {
	var first time.Time
	for s := range c.Steps {
		if at := s.At(); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

type textOf struct {
	out   *strings.Builder
	names Names
	began time.Time
}

func (t textOf) draw(s *Step, depth int) {
	fmt.Fprintf(t.out, "%10.6f  %s%s", s.At().Sub(t.began).Seconds(), strings.Repeat("  ", depth), s.Line(t.names))
	if remarks := s.Remarks(); len(remarks) > 0 {
		fmt.Fprintf(t.out, "  [%s]", strings.Join(remarks, ", "))
	}
	t.out.WriteByte('\n')
	for _, below := range s.below {
		t.draw(below, depth+1)
	}
}

// Line is what was said or done, without times.
func (s *Step) Line(n Names) string {
	who := n.Of(s.To)
	if s.From != "" && s.From != s.To {
		who = n.Of(s.From) + " → " + who
	}
	return strings.TrimRight(who+"  "+s.Words(), " ")
}

// Words is what was said or done, without who.
func (s *Step) Words() string {
	title := cmp.Or(s.Title, s.Name)
	switch s.Kind {
	case "message", "say", "hear":
		title = cmp.Or(Short(s.Name), title)
	case "request":
	default:
		title = strings.TrimSpace(s.Kind + " " + title)
	}
	if s.Text != "" {
		title += " " + s.Text
	}
	return title
}

// Remarks say how long the parts of the step took, and what is unusual about it.
func (s *Step) Remarks() []string {
	var all []string
	add := func(what string, d time.Duration) {
		if d := brief(d); d != "0s" {
			all = append(all, what+" "+d)
		}
	}
	if s.Kind == "message" && !s.Sent.IsZero() && !s.Queued.IsZero() && s.travels() {
		add("arrived after", s.Queued.Sub(s.Sent))
	}
	if !s.Queued.IsZero() && !s.Begun.IsZero() {
		add("waited", s.Begun.Sub(s.Queued))
	}
	if s.Over {
		add("took", s.Took)
	}
	switch {
	case s.Placed && s.Alone:
		all = append(all, "cause on another node")
	case s.Placed:
		all = append(all, "cause not seen")
	}
	if s.Again > 0 {
		all = append(all, fmt.Sprintf("AGAIN, time %d", s.Again+1))
	}
	if trace, _ := s.Foreign(); trace != "" {
		all = append(all, "of the foreign trace "+trace)
	}
	if fate := s.Fate(); fate != "" {
		all = append(all, fate)
	} else if s.isAway() {
		all = append(all, "to another node")
	}
	return all
}

// isAway reports whether s was sent to a node that may know what became of it and was not asked.
func (s *Step) isAway() bool {
	return s.Kind == "message" && s.Alone && s.travels() && s.Dropped == "" && s.Queued.IsZero() && s.Begun.IsZero()
}

// travels reports whether the step went from one node to another.
func (s *Step) travels() bool {
	_, from, _ := strings.Cut(s.From, "@")
	_, to, _ := strings.Cut(s.To, "@")
	return from != to
}

// Fate says what became of a step that was not handled in full; empty: it was, or has no turn.
func (s *Step) Fate() string {
	switch {
	case s.Dropped != "":
		return "DROPPED: " + s.Dropped
	case s.isAway(), s.Kind == "hear": // of a request that was not asked for
		return ""
	case s.Kind == "delay" && s.Queued.IsZero():
		return "not due, or cancelled"
	case s.Kind == "message" && s.Queued.IsZero() && s.Begun.IsZero():
		return "not seen to arrive"
	case !s.Queued.IsZero() && s.Begun.IsZero():
		return "WAITS in the queue"
	case !s.Begun.IsZero() && !s.Over:
		return "its turn is not over"
	}
	return ""
}

// brief writes a duration in three digits or so.
func brief(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(100 * time.Nanosecond).String()
}
