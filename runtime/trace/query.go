package trace

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"meseta/runtime"
	"meseta/runtime/trace/conversation"
)

// Query selects events. The zero value selects all.
type Query struct {
	Actor   string            // pattern of an actor's id
	Message string            // pattern of a message's or function's name, with or without its package
	Since   time.Time         // not before
	Cause   runtime.EventID   // that event and what followed from it
	About   string            // a subject, as in "task:web.1", and what led to the messages that are about it
	Effects []runtime.EventID // these events and what led to them; none: all
	After   runtime.EventID   // what happened later than this event of the node
	Follow  bool              // what happens from now on, instead of what is remembered
}

// ParseQuery reads a query from the parameters of a request made at now.
func ParseQuery(v url.Values, now time.Time) (Query, error) {
	q := Query{Actor: v.Get("actor"), Message: v.Get("message")}
	for _, pattern := range []string{q.Actor, q.Message} {
		if _, err := conversation.Match(pattern, ""); err != nil {
			return Query{}, fmt.Errorf("%q is not a pattern", pattern)
		}
	}
	var err error
	if q.Cause, err = runtime.ParseEventID(v.Get("cause")); err != nil {
		return Query{}, fmt.Errorf("%q is not an event id", v.Get("cause"))
	}
	if q.After, err = runtime.ParseEventID(v.Get("after")); err != nil {
		return Query{}, fmt.Errorf("%q is not an event id", v.Get("after"))
	}
	for _, id := range strings.FieldsFunc(v.Get("effect"), func(r rune) bool { return r == ',' }) {
		effect, err := runtime.ParseEventID(id)
		if err != nil {
			return Query{}, fmt.Errorf("%q is not an event id", id)
		}
		q.Effects = append(q.Effects, effect)
	}
	if q.About = v.Get("about"); q.About != "" && !strings.Contains(q.About, ":") {
		return Query{}, fmt.Errorf("%q is not a subject; want one such as task:web.1", q.About)
	}
	if format := v.Get("format"); format != "" && format != "html" && format != "json" {
		return Query{}, fmt.Errorf("format=%s: want json or html; mesos trace draws other pictures", format)
	}
	if follow := v.Get("follow"); follow != "" {
		if q.Follow, err = strconv.ParseBool(follow); err != nil {
			return Query{}, fmt.Errorf("follow=%s: want true or false", follow)
		}
	}
	if q.Follow && (v.Has("since") || v.Has("after") || v.Has("effect")) {
		return Query{}, errors.New("follow=true is about what happens from now on; since=, after= and effect= are about what is remembered")
	}
	if since := v.Get("since"); since != "" {
		if ago, err := time.ParseDuration(since); err == nil {
			q.Since = now.Add(-ago)
		} else if q.Since, err = time.Parse(time.RFC3339Nano, since); err != nil {
			return Query{}, fmt.Errorf("%q is neither a duration nor a time", since)
		}
	}
	return q, nil
}

// Select returns the events that q is about, in their order. What they are about, lens tells.
func (q Query) Select(events []runtime.Event, lens Lens) []runtime.Event {
	if !q.After.IsZero() {
		for i, e := range events {
			if e.ID == q.After {
				events = events[i+1:]
				break
			}
		}
	}
	if q.About != "" {
		events = related(events, func(e runtime.Event) bool { return slices.Contains(lens.About(e), q.About) })
	}
	if len(q.Effects) > 0 {
		events = related(events, func(e runtime.Event) bool { return slices.Contains(q.Effects, e.ID) })
	}
	follows := map[runtime.EventID]bool{q.Cause: true}
	var selected []runtime.Event
	for _, e := range events {
		if !q.Cause.IsZero() {
			if !follows[e.Cause] && e.ID != q.Cause {
				continue
			}
			follows[e.ID] = true
		}
		if q.matches(e) {
			selected = append(selected, e)
		}
	}
	return selected
}

// mostCauses bounds how far back the causes of an event are looked for: timers that book timers have no beginning.
const mostCauses = 256

// related returns the events that count and what led to them.
func related(events []runtime.Event, counts func(runtime.Event) bool) []runtime.Event {
	place := make(map[runtime.EventID]int, len(events))
	for i := range events {
		place[events[i].ID] = i
	}
	kept := make([]bool, len(events))
	for i := range events {
		if !counts(events[i]) {
			continue
		}
		for n, at, known := 0, i, true; known && !kept[at] && n < mostCauses; n++ {
			kept[at] = true
			at, known = place[events[at].Cause]
		}
	}
	var all []runtime.Event
	for i := range events {
		if kept[i] {
			all = append(all, events[i])
		}
	}
	return all
}

func (q Query) matches(e runtime.Event) bool {
	if q.Actor != "" && !match(q.Actor, e.From.ID) && !match(q.Actor, e.To.ID) {
		return false
	}
	if q.Message != "" && !match(q.Message, e.Name) && !match(q.Message, Short(e.Name)) && !match(q.Message, Title(e.Name)) {
		return false
	}
	return !e.Time.Before(q.Since)
}

func match(pattern, s string) bool {
	ok, err := conversation.Match(pattern, s)
	return ok && err == nil
}

// Short is a message's name without its package.
func Short(name string) string { return conversation.Short(name) }
