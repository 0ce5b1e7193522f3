package trace

import (
	"cmp"
	"slices"
	"time"

	"meseta/runtime"
	"meseta/runtime/web"
)

// ActorRecord is an actor as /trace/actors shows it. Its messages, timers and links, the length of its queue and its running turn
// are those that it has; what else is counted and timed is of those events that the node remembers. What began before is shown
// as if it had begun with them.
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
	c := census{now: n.Clock().Now(), actors: map[runtime.PID]*ActorRecord{}, queued: map[runtime.PID][]time.Time{}, running: map[runtime.EventID]*ActorRecord{}}
	ids, links := map[string]*ActorRecord{}, n.Links()
	for _, pid := range n.PIDs() {
		a := &ActorRecord{PID: pid.String(), Handles: n.Handlers(pid), Waiting: n.Waiting(pid)}
		for _, b := range n.Bookings(pid) {
			a.Timers = append(a.Timers, Title(b.Name)+" "+b.After.String())
		}
		for _, to := range links[pid] {
			a.Links = append(a.Links, to.String())
		}
		c.actors[pid], ids[pid.ID] = a, a
	}
	for actor, turn := range n.Trace().Running() {
		if a := ids[actor]; a != nil {
			a.Running, c.running[turn] = forgotten, a
		}
	}
	for _, e := range n.Trace().Events() {
		c.count(e)
	}
	return c.close()
}

// forgotten is what a turn is about whose beginning is not remembered.
const forgotten = "what began before all that is remembered"

// census counts the events of actors.
type census struct {
	now, first time.Time
	actors     map[runtime.PID]*ActorRecord
	queued     map[runtime.PID][]time.Time // when what was queued for an actor was, as far as it is remembered
	running    map[runtime.EventID]*ActorRecord
}

func (c *census) count(e runtime.Event) {
	if c.first.IsZero() {
		c.first = e.Time
	}
	a := c.actors[e.To]
	switch {
	case a == nil:
	case e.Kind == runtime.EventEnqueue && !e.Time.After(c.now):
		c.queued[e.To] = append(c.queued[e.To], e.Time)
	case e.Kind == runtime.EventDeliver:
		c.turn(a, e)
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
	if c.running[e.ID] == a {
		a.Running, a.RunsFor = about, millis(c.now.Sub(e.Time))
	}
}

// close returns the actors.
func (c *census) close() []ActorRecord {
	for pid, a := range c.actors {
		if a.Waiting > 0 {
			a.Oldest = c.since(c.latest(c.queued[pid], a.Waiting))
		}
		if a.Running == forgotten {
			a.RunsFor = c.since(c.first)
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

// latest is when the first of the latest n was queued: an actor takes them in their order.
func (c *census) latest(queued []time.Time, n int) time.Time {
	if n > len(queued) {
		return c.first
	}
	return queued[len(queued)-n]
}

// since is how long ago something was, in milliseconds. Nothing is remembered of the zero time.
func (c *census) since(then time.Time) float64 {
	if then.IsZero() {
		return 0
	}
	return max(0, millis(c.now.Sub(then)))
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
