package trace

import (
	"cmp"
	"slices"
	"time"

	"meseta/runtime"
	"meseta/runtime/web"
)

// ActorRecord is an actor as /trace/actors shows it. Its messages, timers and links are those that it has; what is counted and
// timed is of those events that the node remembers.
type ActorRecord struct {
	PID     string   `json:"pid"`
	Handles []string `json:"handles,omitempty"` // names of messages
	Turns   int      `json:"turns"`
	Rate    float64  `json:"turns_per_second"`
	Busy    float64  `json:"busy"` // the share of the time that its turns took
	Longest float64  `json:"longest_turn_ms"`
	Slowest string   `json:"longest_turn,omitempty"` // what it was about
	Waiting int      `json:"waiting"`
	Oldest  float64  `json:"oldest_waiting_ms"`
	Running string   `json:"running,omitempty"` // what the turn that runs is about
	RunsFor float64  `json:"running_ms,omitempty"`
	Timers  []string `json:"timers,omitempty"` // booked, in this order, and neither over nor cancelled
	Links   []string `json:"links,omitempty"`
}

// actors lists the actors of the node.
func (t *tracer) actors(req *web.Request) runtime.Future[*web.Response] {
	return runtime.Ready(web.JSON(req, Actors(t.Node())))
}

// Actors describes the actors of n, sorted by their PIDs.
func Actors(n *runtime.Node) []ActorRecord {
	c := census{now: n.Clock().Now(), actors: map[runtime.PID]*ActorRecord{}, waits: map[runtime.EventID]runtime.Event{}, running: map[runtime.EventID]bool{}}
	links := n.Links()
	for _, pid := range n.PIDs() {
		a := &ActorRecord{PID: pid.String(), Handles: n.Handlers(pid)}
		for _, b := range n.Bookings(pid) {
			a.Timers = append(a.Timers, Title(b.Name)+" "+b.After.String())
		}
		for _, to := range links[pid] {
			a.Links = append(a.Links, to.String())
		}
		c.actors[pid] = a
	}
	for _, turn := range n.Trace().Running() {
		c.running[turn] = true
	}
	for _, e := range n.Trace().Events() {
		c.count(e)
	}
	return c.close()
}

// census counts the events of actors.
type census struct {
	now, first time.Time
	actors     map[runtime.PID]*ActorRecord
	waits      map[runtime.EventID]runtime.Event // what is queued
	running    map[runtime.EventID]bool
}

func (c *census) count(e runtime.Event) {
	if c.first.IsZero() {
		c.first = e.Time
	}
	a := c.actors[e.To]
	switch e.Kind {
	case runtime.EventEnqueue:
		c.waits[e.ID] = e
	case runtime.EventDrop:
		delete(c.waits, e.Cause)
	case runtime.EventDeliver:
		delete(c.waits, e.Cause)
		if a != nil {
			c.turn(a, e)
		}
	}
}

func (c *census) turn(a *ActorRecord, e runtime.Event) {
	about := cmp.Or(Title(Short(e.Name)), e.What.String())
	if !isMessage(e) {
		about = cmp.Or(Title(e.Name), e.What.String())
	}
	a.Turns++
	a.Busy += e.Took.Seconds()
	if ms := millis(e.Took); ms > a.Longest {
		a.Longest, a.Slowest = ms, about
	}
	if c.running[e.ID] {
		a.Running, a.RunsFor = about, millis(c.now.Sub(e.Time))
	}
}

// close returns the actors.
func (c *census) close() []ActorRecord {
	for _, e := range c.waits {
		if a := c.actors[e.To]; a != nil {
			a.Waiting++
			a.Oldest = max(a.Oldest, millis(c.now.Sub(e.Time)))
		}
	}
	all := make([]ActorRecord, 0, len(c.actors))
	for _, a := range c.actors {
		if span := c.now.Sub(c.first).Seconds(); span > 0 {
			a.Rate, a.Busy = float64(a.Turns)/span, a.Busy/span
		}
		all = append(all, *a)
	}
	slices.SortFunc(all, func(x, y ActorRecord) int { return cmp.Compare(x.PID, y.PID) })
	return all
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
