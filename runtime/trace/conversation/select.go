package conversation

import (
	"path"
	"slices"
	"strings"
)

// Choice says which steps of a conversation count. The zero Choice is all of them.
type Choice struct {
	About   string // a subject, as in "task:web.1"
	Actor   string // a pattern of the ids of actors
	Message string // a pattern of names, with or without their package
	All     bool   // with everything that led from one to the other
}

// counts reports whether s is what is asked for.
func (c Choice) counts(s *Step) bool {
	actor := func(pid string) bool { id, _, _ := strings.Cut(pid, "@"); return matches(c.Actor, id) }
	switch {
	case c.About != "" && !slices.Contains(s.About, c.About):
		return false
	case c.Actor != "" && !actor(s.From) && !actor(s.To):
		return false
	case c.Message != "" && !matches(c.Message, s.Name) && !matches(c.Message, Short(s.Name)) && !matches(c.Message, s.Title) &&
		!matches(c.Message, s.Called) && !matches(c.Message, Short(s.Called)):
		return false
	}
	return true
}

func matches(pattern, s string) bool {
	ok, err := Match(pattern, s)
	return ok && err == nil
}

// Match is path.Match for names, in which a slash is a letter as any other: "GET *" matches "GET /master/state". The query of a
// request is not of its name, so that who asks for a pattern does not see that he asked.
func Match(pattern, name string) (bool, error) {
	name, _, _ = strings.Cut(name, "?")
	return path.Match(apart.Replace(pattern), apart.Replace(name))
}

// apart replaces what path.Match does not let * and ? match.
var apart = strings.NewReplacer("/", "\x00")

// mostBetween bounds how far up a cause that counts is looked for.
const mostBetween = 256

// Select returns the part of the conversation that a choice is about: the steps that count, those between them that say
// something, and for each beginning what it was that led to it.
func (c *Conversation) Select(choice Choice) *Conversation {
	kept := map[*Step]bool{}
	for s := range c.Steps {
		if choice.counts(s) {
			kept[s] = true
		}
	}
	for s := range c.Steps {
		if choice.counts(s) {
			keepAbove(s, choice, kept)
		}
	}
	return c.only(kept)
}

// Of returns those records that tell of steps of the conversation, each once, in their order.
func (c *Conversation) Of(records []Record) []Record {
	wanted := map[string]bool{}
	for s := range c.Steps {
		for _, id := range s.ids {
			wanted[id] = true
		}
	}
	var all []Record
	for _, r := range records {
		if wanted[r.ID] {
			all = append(all, r)
		}
		wanted[r.ID] = false
	}
	return all
}

// keepAbove keeps what led to s.
func keepAbove(s *Step, choice Choice, kept map[*Step]bool) {
	var between []*Step
	for above := s.above; above != nil && len(between) < mostBetween; above = above.above {
		if choice.counts(above) {
			for _, b := range between {
				if choice.All || b.speaks() {
					kept[b] = true
				}
			}
			return
		}
		between = append(between, above)
	}
	for _, b := range between { // it is a beginning
		if b.speaks() {
			kept[b] = true
			return
		}
		if choice.All {
			kept[b] = true
		}
	}
}

// speaks reports whether people want to see s between two things that they asked for.
func (s *Step) speaks() bool {
	switch s.Kind {
	case "message", "say", "request", "timer", "delay", "exit", "break":
		return true
	}
	return s.Dropped != ""
}

// only returns the conversation of the steps that are kept.
func (c *Conversation) only(kept map[*Step]bool) *Conversation {
	some := &Conversation{Skew: c.Skew}
	copies := map[*Step]*Step{}
	for s := range c.Steps {
		if !kept[s] {
			continue
		}
		one := *s
		one.below, one.above = nil, nil
		copies[s] = &one
		for above := s.above; above != nil; above = above.above {
			one.Placed = one.Placed || copies[above] == nil && above.Placed
			if into := copies[above]; into != nil {
				one.above = into
				into.below = append(into.below, &one)
				break
			}
		}
		if one.above == nil {
			one.Parent, one.caused = s.beginning().Parent, s.beginning().caused // it belongs to the same trace
			some.Roots = append(some.Roots, &one)
		}
	}
	some.relay()
	again := map[*Step]int{}
	for s, one := range copies {
		again[one] = s.Again
	}
	some.arrange()
	for one, n := range again {
		one.Again = n
	}
	return some
}
