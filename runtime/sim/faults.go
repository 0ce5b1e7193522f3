package sim

import (
	"slices"
	"strings"
)

// Partition stops everything between two addresses. Connections hold what is sent; when the partition lasts longer
// than [Network.Detection] they break.
func (w *World) Partition(a, b string) {
	w.note("partition %s | %s", a, b)
	for _, r := range []route{{a, b}, {b, a}} {
		if w.net.cut[r] != nil {
			continue
		}
		p := &partition{r}
		w.net.cut[r] = p
		if c := w.net.conns[r]; c != nil {
			w.net.detect(c, p)
		}
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

// Crash ends the node at addr at once: its actors get no turn any more, its timers never fire, its peers see their
// connections break. Crashing a dead node does nothing.
func (w *World) Crash(addr string) { w.stop(addr, "crash") }

// Exit is Crash for a node that ends by itself, as the log says then.
func (w *World) Exit(addr string) { w.stop(addr, "exit") }

func (w *World) stop(addr, how string) {
	h := w.hosts[addr]
	if h == nil || h.dead {
		return
	}
	w.note("%s %s", how, addr)
	w.end(h)
}

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
