package conversation

import (
	"encoding/json"
	"strings"
	"time"
)

// chromeEvent is an event of Chrome's trace format, which Perfetto reads, too.
//
// Its source: the document "Trace Event Format" of the Chromium project.
type chromeEvent struct {
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Phase    string         `json:"ph"`
	At       float64        `json:"ts"` // microseconds
	Duration *float64       `json:"dur,omitempty"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	ID       string         `json:"id,omitempty"`
	Bind     string         `json:"bp,omitempty"`
	Args     map[string]any `json:"args,omitempty"`
}

// Chrome writes the conversation for Perfetto (ui.perfetto.dev) and chrome://tracing: nodes are processes, actors are threads,
// turns are slices, and arrows lead from causes to effects.
func (c *Conversation) Chrome() []byte {
	w := chrome{processes: map[string]int{}, threads: map[string]int{}}
	for s := range c.Steps {
		w.step(s)
	}
	text, err := json.Marshal(map[string]any{"traceEvents": append([]chromeEvent{}, w.events...)})
	if err != nil {
		panic(err) // strings and numbers
	}
	return append(text, '\n')
}

type chrome struct {
	processes, threads map[string]int
	events             []chromeEvent
}

// place returns the numbers of an actor and its node, and names them.
func (w *chrome) place(pid string) (process, thread int) {
	id, addr, _ := strings.Cut(pid, "@")
	process, known := w.processes[addr]
	if !known {
		process = len(w.processes) + 1
		w.processes[addr] = process
		w.named("process_name", addr, process, 0)
	}
	thread, known = w.threads[pid]
	if !known {
		thread = len(w.threads) + 1
		w.threads[pid] = thread
		w.named("thread_name", id, process, thread)
	}
	return process, thread
}

func (w *chrome) named(what, name string, process, thread int) {
	w.events = append(w.events, chromeEvent{Name: what, Phase: "M", Process: process, Thread: thread, Args: map[string]any{"name": name}})
}

func (w *chrome) step(s *Step) {
	process, thread := w.place(s.Place())
	begun := s.Begun
	if begun.IsZero() {
		begun = s.At()
	}
	took := micros(s.Took)
	w.events = append(w.events, chromeEvent{
		Name: s.Words(), Category: s.Kind, Phase: "X", At: microsOf(begun), Duration: &took, Process: process, Thread: thread,
		Args: map[string]any{"from": s.From, "about": s.About, "remarks": s.Remarks(), "event": s.ID()},
	})
	if s.above == nil {
		return
	}
	from, fromThread := w.place(s.above.Place())
	cause := s.above.Begun
	if cause.IsZero() {
		cause = s.above.At()
	}
	w.events = append(w.events,
		chromeEvent{Name: "cause", Category: "cause", Phase: "s", ID: s.ID(), At: microsOf(cause), Process: from, Thread: fromThread},
		chromeEvent{Name: "cause", Category: "cause", Phase: "f", Bind: "e", ID: s.ID(), At: microsOf(begun), Process: process, Thread: thread})
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func microsOf(t time.Time) float64 {
	return float64(t.UnixNano()/1000) + float64(t.UnixNano()%1000)/1e3
}
