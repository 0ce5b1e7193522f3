// Package handlers holds what an actor has installed for messages.
package handlers

import (
	"reflect"
	"slices"
	"strings"

	"meseta/runtime/internal/events"
)

// Handler handles the messages of a name. It is one allocation, since there may be a hundred thousand actors with some each.
type Handler struct {
	Name    string
	Message reflect.Type // of the messages of that name, once one came; the actor's own
	taker
}

type taker interface {
	// Decode makes of a message from the wire what Take takes. It keeps nothing of body, and may be called from any goroutine.
	Decode(name string, body []byte) (payload any, err error)
	// Take handles a message, unless it turns out not to be what its name says, which is the error.
	Take(from events.PID, payload any) error
}

// Table is what an actor has installed, in an order that is quick to search: by the length of the name, then by name. It is
// replaced, not changed, because wires look at it, too.
type Table []*Handler

func (t Table) search(name string) (int, bool) {
	return slices.BinarySearchFunc(t, name, func(h *Handler, name string) int {
		if d := len(h.Name) - len(name); d != 0 {
			return d
		}
		return strings.Compare(h.Name, name)
	})
}

// Find returns the handler of that name, or nil.
func (t Table) Find(name string) *Handler {
	if i, found := t.search(name); found {
		return t[i]
	}
	return nil
}

// With returns a copy of t with h in place of the handler of the same name.
func (t Table) With(h *Handler) Table {
	t = slices.Clone(t)
	i, found := t.search(h.Name)
	if !found {
		t = slices.Insert(t, i, nil)
	}
	t[i] = h
	return t
}

// Names returns the names, sorted.
func (t Table) Names() []string {
	var names []string
	for _, h := range t {
		names = append(names, h.Name)
	}
	slices.Sort(names)
	return names
}
