package conversation

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Step is one thing that was said or done: a message with its way and its turn, a call, a timer, a request.
type Step struct {
	Kind  string // message, say, call, answer, timer, exit, request, spawn, start, terminate, work, delay, link, unlink, break
	From  string // PID; may be empty
	To    string // PID; of what is said to the client of a stream, only an id
	Name  string
	Title string // in words
	Text  string
	About []string

	Sent, Queued, Begun time.Time // zero: not recorded
	Took                time.Duration
	Over                bool   // its turn is over
	Dropped             string // why it was not handled; empty: it was not dropped
	Again               int    // how often the same was said before
	Called              string // the name of the message that a request holds; empty: it holds none, or nobody read it
	Parent              string // of a request: the traceparent that it came with
	Placed              bool   // what led to it is not seen, and it is below what it most likely follows
	Alone               bool   // only one node was asked, and what others know is not among the records

	ids    []string
	caused string // the event that led to it, of a beginning
	below  []*Step
	above  *Step
}

// isMessage reports whether somebody said something.
func (s *Step) isMessage() bool { return s.Kind == "message" || s.Kind == "say" }

// Place is the PID of the actor that did something.
func (s *Step) Place() string {
	if s.Kind == "say" {
		return s.From
	}
	return s.To
}

// At is when the step was first seen; a timer, when it was due.
func (s *Step) At() time.Time {
	if s.Kind == "timer" && !s.Queued.IsZero() {
		return s.Queued
	}
	for _, t := range []time.Time{s.Sent, s.Queued, s.Begun} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// Below are the steps that this one caused, in the order of their times.
func (s *Step) Below() []*Step { return s.below }

// ID is that of the step's first event.
func (s *Step) ID() string { return s.ids[0] }

// Conversation is steps, each below its cause.
type Conversation struct {
	Roots []*Step
	Skew  map[string]time.Duration // by which clocks of nodes were corrected, by the address of the node
	nodes map[string]bool          // that have told something, by what the ids of their events have in common
}

// Build puts records, which may be of many nodes and come twice, together.
func Build(records []Record) *Conversation {
	b := builder{records: map[string]*Record{}, steps: map[string]*Step{}}
	c := &Conversation{Skew: map[string]time.Duration{}, nodes: map[string]bool{}}
	for i := range records {
		b.records[records[i].ID] = &records[i]
		c.nodes[records[i].Node()] = true
	}
	b.order = make([]*Record, 0, len(b.records))
	for _, r := range b.records {
		b.order = append(b.order, r)
	}
	slices.SortFunc(b.order, func(x, y *Record) int { return cmp.Or(x.Time.Compare(y.Time), strings.Compare(x.ID, y.ID)) })
	b.correct(c.Skew)
	for _, r := range b.order {
		b.stepOf(r)
	}
	for _, r := range b.order {
		s := b.steps[r.ID]
		if s.ids[0] != r.ID {
			continue
		}
		if above := b.steps[r.Cause]; above != nil && above != s && !above.isBelow(s) {
			s.above = above
			above.below = append(above.below, s)
		} else {
			s.caused = r.Cause
			c.Roots = append(c.Roots, s)
		}
	}
	c.join(b.order)
	c.arrange()
	return c
}

type builder struct {
	records map[string]*Record
	order   []*Record        // by their times
	steps   map[string]*Step // by the ids of their events
}

// stepOf returns the step that r belongs to, after what came before it.
func (b *builder) stepOf(r *Record) *Step {
	if s := b.steps[r.ID]; s != nil {
		return s
	}
	s := (*Step)(nil)
	if before := b.records[r.Cause]; before != nil && before != r && continues(before, r) {
		s = b.stepOf(before)
	}
	if s == nil {
		s = &Step{Kind: kindOf(r), From: r.From, To: r.To, Name: r.Name, Title: r.Title}
	}
	s.ids = append(s.ids, r.ID)
	s.take(r)
	b.steps[r.ID] = s
	return s
}

// continues reports whether r is the same thing as before, at a later place of its way.
func continues(before, r *Record) bool {
	switch r.Event {
	case "enqueue":
		return before.Event == "send" || before.Event == "delay" && r.What == "timer"
	case "deliver":
		return before.Event == "enqueue"
	case "hear":
		return before.Event == "deliver"
	case "drop":
		same := before.Name == r.Name && before.To == r.To && before.From == r.From
		return before.Event == "send" || before.Event == "enqueue" || before.Event == "deliver" && same
	}
	return false
}

func kindOf(r *Record) string {
	switch r.Event {
	case "send":
		return "message"
	case "enqueue", "deliver", "drop":
		return r.What
	}
	return r.Event
}

// take notes what r adds to s.
func (s *Step) take(r *Record) {
	if r.Text != "" {
		s.Text = r.Text
	}
	if len(r.About) > 0 {
		s.About = r.About
	}
	switch r.Event {
	case "enqueue":
		s.Kind, s.Queued = r.What, r.Time
		s.Parent, _ = strings.CutPrefix(r.Note, "traceparent ")
	case "deliver":
		s.Kind, s.Begun = r.What, r.Time
		s.Took, s.Over = time.Duration(r.Took), r.Took > 0
	case "hear":
		s.Called = r.Name
		if s.Begun.IsZero() {
			s.Begun = r.Time
		}
	case "drop":
		s.Dropped = cmp.Or(r.Note, "the actor has terminated")
		if s.Sent.IsZero() && s.Queued.IsZero() && s.Begun.IsZero() {
			s.Sent = r.Time
		}
	default:
		s.Sent = r.Time
		if r.Note != "" && s.Text == "" {
			s.Text = r.Note
		}
	}
}

// isBelow reports whether other is s or above it: records that contradict each other must not make a circle.
func (s *Step) isBelow(other *Step) bool {
	for ; s != nil; s = s.above {
		if s == other {
			return true
		}
	}
	return false
}

// correct shifts the times of nodes, so that nothing arrives before it was sent.
func (b *builder) correct(skew map[string]time.Duration) {
	const rounds = 32 // clocks that run at different speeds are never right
	shift := map[string]time.Duration{}
	for range rounds {
		changed := false
		for _, r := range b.order {
			cause := b.records[r.Cause]
			if cause == nil || cause.Node() == r.Node() {
				continue
			}
			if early := cause.Time.Add(shift[cause.Node()]).Sub(r.Time.Add(shift[r.Node()])); early > 0 {
				shift[r.Node()] += early
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	for _, r := range b.order {
		by := shift[r.Node()]
		if by == 0 {
			continue
		}
		r.Time = r.Time.Add(by)
		if r.Event == "enqueue" || r.Event == "deliver" {
			_, addr, _ := strings.Cut(r.To, "@")
			skew[addr] = by
		}
	}
}

func byTime(x, y *Step) int { return cmp.Or(x.At().Compare(y.At()), strings.Compare(x.ID(), y.ID())) }

// arrange orders steps below each other by their times, and counts repetitions.
func (c *Conversation) arrange() {
	slices.SortStableFunc(c.Roots, byTime)
	var messages []*Step
	for s := range c.Steps {
		slices.SortStableFunc(s.below, byTime)
		if s.isMessage() && len(s.About) > 0 {
			messages = append(messages, s)
		}
	}
	slices.SortStableFunc(messages, byTime)
	said := map[string]int{}
	for _, s := range messages {
		words := s.same()
		s.Again = said[words]
		said[words]++
	}
}

// same is equal for messages that say the same. What has a UUID, as status updates have, is the same thing on whichever nodes
// the actors are, after a failover for instance.
func (s *Step) same() string {
	from, to := s.From, s.To
	if strings.Contains(s.Text, "#") {
		from, _, _ = strings.Cut(from, "@")
		to, _, _ = strings.Cut(to, "@")
	}
	return strings.Join([]string{from, to, s.Name, s.Text, strings.Join(s.About, " ")}, "\x00")
}

// Steps yields every step before those below it.
func (c *Conversation) Steps(yield func(*Step) bool) {
	var visit func([]*Step) bool
	visit = func(all []*Step) bool {
		for _, s := range all {
			if !yield(s) || !visit(s.below) {
				return false
			}
		}
		return true
	}
	visit(c.Roots)
}
