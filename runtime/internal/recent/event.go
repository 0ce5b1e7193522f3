package recent

import (
	"strings"

	"meseta/runtime/internal/events"
	"meseta/runtime/internal/funcs"
)

// Event is one of an actor's latest events.
type Event struct {
	Kind events.Kind
	From events.PID
	Name string  // of a message
	Code uintptr // the entry of the function of a call; 0: none
}

// String is the event's line.
func (e *Event) String() string {
	name := e.Name
	if e.Code != 0 {
		name = funcs.Name(e.Code)
	}
	line := strings.TrimSpace(e.Kind.String() + " " + name)
	if !e.From.IsZero() {
		line += " from " + e.From.String()
	}
	return line
}
