package sim

import (
	"slices"
	"strings"
	"time"
)

// Partition stops everything between two addresses. Connections hold what is sent; when the partition lasts longer
// than [Network.Detection] they break.
func (w *World) Partition(a, b string) {
	w.note("partition %s | %s", a, b)
	w.cut(route{a, b})
	w.cut(route{b, a})
}

// PartitionOneWay is Partition for what is sent on connections that from has opened to the other address.
func (w *World) PartitionOneWay(from, to string) {
	w.note("partition %s → %s", from, to)
	w.cut(route{from, to})
}

func (w *World) cut(r route) {
	if w.net.cut[r] != nil {
		return
	}
	p := &partition{r}
	w.net.cut[r] = p
	if c := w.net.conns[r]; c != nil {
		w.net.detect(c, p)
	}
}

// Heal ends a partition. What living connections held is sent on.
func (w *World) Heal(a, b string) {
	w.note("heal %s | %s", a, b)
	for _, r := range []route{{a, b}, {b, a}} {
		delete(w.net.cut, r)
		if c := w.net.conns[r]; c != nil && !c.broken {
			w.net.heal(c)
		}
	}
}

// Crash ends the machine at addr at once: its actors get no turn any more, its timers never fire, its peers see their
// connections break, and its disk loses what was not synced. Crashing a dead node does nothing.
func (w *World) Crash(addr string) {
	if d := w.disks[addr]; w.stop(addr, "crash") && d != nil {
		d.crash()
	}
}

// Kill ends the node at addr at once, as Crash does, but its machine goes on: the disk loses nothing.
func (w *World) Kill(addr string) { w.stop(addr, "kill") }

// Exit is Kill for a node that ends by itself, as the log says then.
func (w *World) Exit(addr string) { w.stop(addr, "exit") }

// stop reports whether there was a living node.
func (w *World) stop(addr, how string) bool {
	h := w.hosts[addr]
	if h == nil || h.dead {
		return false
	}
	w.note("%s %s", how, addr)
	w.end(h)
	return true
}

// Pause stops the node at addr until [World.Resume], as SIGSTOP stops a process: its actors get no turn and its timers do not
// fire. What others send to it is kept, and they notice nothing.
func (w *World) Pause(addr string) {
	if h := w.hosts[addr]; h != nil && !h.dead && !h.paused {
		w.note("pause %s", addr)
		h.paused = true
	}
}

// Resume lets a node that was paused go on: with what it had to do and what others have sent meanwhile, and then with the
// timers that were due, in order.
func (w *World) Resume(addr string) {
	h := w.hosts[addr]
	if h == nil || h.dead || !h.paused {
		return
	}
	w.note("resume %s", addr)
	h.paused = false
	w.runq = append(w.runq, h.held...)
	for _, t := range h.late {
		t.at = w.now
		w.due.add(t)
	}
	h.held, h.late = nil, nil
}

// SetClock makes the clock of the machine at addr jump, to by ahead of the world's, or behind it if by is negative. Timers
// are not affected: they measure what has passed.
func (w *World) SetClock(addr string, by time.Duration) { w.skew[addr] = by }

// end takes h off the network.
func (w *World) end(h *host) {
	if h.dead {
		return
	}
	h.dead = true
	var touched []*conn
	for _, c := range w.net.conns {
		if c.dialler == h || c.acceptor == h {
			touched = append(touched, c)
		}
	}
	slices.SortFunc(touched, func(x, y *conn) int {
		return strings.Compare(x.from+" "+x.to, y.from+" "+y.to)
	})
	for _, c := range touched {
		if c.dialler == h {
			delete(w.net.conns, c.route)
			continue
		}
		if w.net.cut[c.route] == nil { // behind a partition nobody notices yet
			w.net.breakAfter(c, w.net.delay())
		}
	}
}

// HealAll ends all partitions.
func (w *World) HealAll() {
	var all []route
	for r := range w.net.cut {
		all = append(all, r)
	}
	slices.SortFunc(all, func(x, y route) int { return strings.Compare(x.from+" "+x.to, y.from+" "+y.to) })
	for _, r := range all {
		w.Heal(r.from, r.to)
	}
}
