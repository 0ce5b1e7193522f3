package agents

import (
	"meseta/master/book"
	"meseta/master/observer"
	"meseta/messages/ids"
)

// coming are agents that returned to a master which took over, and that have no observer yet. When thousands return at once,
// nothing is known better by pinging each of them at once, too.
type coming struct {
	queue []ids.Agent
	batch int // how many of them get an observer at a time
	due   bool
}

// batches is the number of times in an interval between pings at which observers begin. Their pings are spread over the intervals
// that follow, too.
const batches = 64

// beginSoon is begin for one of many agents: at once for the first, and within an interval between pings for the others.
//
// Differs: Mesos pings each agent at once, and therefore all that return to a new leader at the same moments from then on.
func (w *Watch) beginSoon(a *book.Agent) {
	if !w.due {
		w.begin(a)
		w.wait()
		return
	}
	w.queue = append(w.queue, a.ID)
	w.batch = max(w.batch, (len(w.queue)+batches-1)/batches)
}

func (w *Watch) wait() {
	w.due = true
	w.Delay(w.interval/batches, w.next)
}

// next begins to observe the next agents that are still there, and are not observed because they have moved.
func (w *Watch) next() {
	now := w.queue[:min(w.batch, len(w.queue))]
	for _, id := range now {
		_, observed := w.observers[id]
		a := w.book.Agent(id)
		if a == nil || observed {
			continue
		}
		w.begin(a)
		if !a.Connected {
			w.tell(id, (*observer.Observer).Disconnected)
		}
	}
	if w.queue = w.queue[len(now):]; len(now) == 0 {
		w.coming = coming{}
		return
	}
	w.wait()
}
