package trace

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"meseta/runtime"
)

// Query selects events. The zero value selects all.
type Query struct {
	Actor   string          // pattern of an actor's id
	Message string          // pattern of a message's or function's name, with or without its package
	Since   time.Time       // not before
	Cause   runtime.EventID // that event and what followed from it
}

// ParseQuery reads a query from the parameters of a request made at now.
func ParseQuery(v url.Values, now time.Time) (Query, error) {
	q := Query{Actor: v.Get("actor"), Message: v.Get("message")}
	for _, pattern := range []string{q.Actor, q.Message} {
		if _, err := path.Match(pattern, ""); err != nil {
			return Query{}, fmt.Errorf("%q is not a pattern", pattern)
		}
	}
	var err error
	if q.Cause, err = runtime.ParseEventID(v.Get("cause")); err != nil {
		return Query{}, fmt.Errorf("%q is not an event id", v.Get("cause"))
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

// Select returns the events that q is about, in their order.
func (q Query) Select(events []runtime.Event) []runtime.Event {
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

func (q Query) matches(e runtime.Event) bool {
	if q.Actor != "" && !match(q.Actor, e.From.ID) && !match(q.Actor, e.To.ID) {
		return false
	}
	if q.Message != "" && !match(q.Message, e.Name) && !match(q.Message, Short(e.Name)) {
		return false
	}
	return !e.Time.Before(q.Since)
}

func match(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}

// Short is a message's name without its package.
func Short(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
