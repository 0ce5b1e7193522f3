package trace

import (
	"encoding/json"
	"time"

	"meseta/runtime"
)

// Record is an event as JSON.
type Record struct {
	ID    string    `json:"id"`
	Cause string    `json:"cause,omitempty"`
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
	What  string    `json:"what,omitempty"`
	From  string    `json:"from,omitempty"`
	To    string    `json:"to,omitempty"`
	Name  string    `json:"name,omitempty"`
	Note  string    `json:"note,omitempty"`
}

// RecordOf converts e.
func RecordOf(e runtime.Event) Record {
	r := Record{
		ID: e.ID.String(), Cause: e.Cause.String(), Time: e.Time, Event: e.Kind.String(),
		From: e.From.String(), To: e.To.String(), Name: e.Name, Note: e.Note,
	}
	if e.Kind == runtime.EventBreak {
		r.To = e.To.Addr
	}
	if queued(e) {
		r.What = e.What.String()
	}
	return r
}

// queued reports whether e is about something in an actor's queue.
func queued(e runtime.Event) bool {
	return e.Kind == runtime.EventEnqueue || e.Kind == runtime.EventDeliver || e.Kind == runtime.EventDrop
}

// Lines writes events as JSON, one per line.
func Lines(events []runtime.Event) []byte {
	var b []byte
	for _, e := range events {
		line, err := json.Marshal(RecordOf(e))
		if err != nil {
			panic(err) // a Record is strings and a time
		}
		b = append(append(b, line...), '\n')
	}
	return b
}
