package runtime

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Link asks to be told by Exited when the actor named to terminates or its node can no longer be reached. Linking
// twice tells once; linking again while an exit is on its way starts afresh.
func (a *Actor) Link(to PID) { a.node.link(a, to) }

// Relink is Link over a new connection, whatever becomes of the old one (libprocess: RemoteConnection::RECONNECT).
func (a *Actor) Relink(to PID) {
	n := a.node
	if to.Addr != n.addr && n.wire != nil {
		n.wire.Relink(to.Addr)
	}
	n.link(a, to)
}

// Unlink takes back a Link: Exited will not be called, even if the exit is on its way.
func (a *Actor) Unlink(to PID) {
	delete(a.links, to)
	a.node.links.remove(a, to)
	a.node.traceLink(EventUnlink, a, to)
}

// links is who wants to know about whom. An entry is taken out when its exit is on its way to the actor.
type links struct {
	mu     sync.Mutex
	serial uint64
	byAddr map[string]map[PID]map[*Actor]uint64
}

func (l *links) init() { l.byAddr = map[string]map[PID]map[*Actor]uint64{} }

// add makes sure that a is linked to to, and returns the number of that link.
func (l *links) add(a *Actor, to PID) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	pids := l.byAddr[to.Addr]
	if pids == nil {
		pids = map[PID]map[*Actor]uint64{}
		l.byAddr[to.Addr] = pids
	}
	linkers := pids[to]
	if linkers == nil {
		linkers = map[*Actor]uint64{}
		pids[to] = linkers
	}
	if linkers[a] == 0 {
		l.serial++
		linkers[a] = l.serial
	}
	return linkers[a]
}

func (l *links) remove(a *Actor, to PID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	linkers := l.byAddr[to.Addr][to]
	delete(linkers, a)
	if len(linkers) == 0 {
		l.forget(to)
	}
}

func (l *links) removeActor(a *Actor) {
	for to := range a.links {
		l.remove(a, to)
	}
}

func (l *links) forget(to PID) {
	delete(l.byAddr[to.Addr], to)
	if len(l.byAddr[to.Addr]) == 0 {
		delete(l.byAddr, to.Addr)
	}
}

// exit is one linker to be told.
type exit struct {
	linker *Actor
	pid    PID
	link   uint64
}

// take removes and returns the links to pid, in the order in which they were made.
func (l *links) take(pid PID) []exit {
	var exits []exit
	for a, link := range l.byAddr[pid.Addr][pid] {
		exits = append(exits, exit{a, pid, link})
	}
	l.forget(pid)
	slices.SortFunc(exits, func(x, y exit) int { return cmp.Compare(x.link, y.link) })
	return exits
}

// takeNode does it for all actors at addr.
func (l *links) takeNode(addr string) []exit {
	l.mu.Lock()
	defer l.mu.Unlock()
	pids := make([]PID, 0, len(l.byAddr[addr]))
	for pid := range l.byAddr[addr] {
		pids = append(pids, pid)
	}
	slices.SortFunc(pids, func(x, y PID) int { return strings.Compare(x.ID, y.ID) })
	var exits []exit
	for _, pid := range pids {
		exits = append(exits, l.take(pid)...)
	}
	return exits
}

func (n *Node) link(a *Actor, to PID) {
	n.traceLink(EventLink, a, to)
	if a.links == nil {
		a.links = map[PID]uint64{}
	}
	a.links[to] = n.links.add(a, to)
	// Looked up after the link is there, so that an end which is missed here takes it. Not under the lock: a foreign
	// process may answer at once.
	reachable := n.wire != nil
	if to.Addr == n.addr {
		reachable = n.find(to.ID) != nil || n.kernel.watch(a, to)
	}
	switch {
	case !reachable:
		n.exitActor(to, a.turn)
	case to.Addr != n.addr:
		n.wire.Link(to.Addr)
	}
}

// exitActor tells the linkers of an actor that is gone.
func (n *Node) exitActor(pid PID, cause EventID) {
	n.links.mu.Lock()
	exits := n.links.take(pid)
	n.links.mu.Unlock()
	n.exit(exits, cause)
}

// Exited implements [Receiver].
func (n *Node) Exited(addr string) {
	var broken EventID
	if o := n.trace.observers.Load(); o != nil {
		broken = n.trace.record(o, Event{Cause: n.causeHere(), Kind: EventBreak, To: PID{Addr: addr}})
	}
	n.exit(n.links.takeNode(addr), broken)
}

func (n *Node) exit(exits []exit, cause EventID) {
	for _, e := range exits {
		n.put(e.linker, item{kind: OnExit, cause: cause, from: e.pid, payload: e.link})
	}
}

// exited is the turn in which a learns that pid is gone, unless it no longer wants to know.
func (a *Actor) exited(pid PID, link uint64) {
	if a.links[pid] != link {
		return
	}
	delete(a.links, pid)
	if e, ok := a.impl.(Exiter); ok {
		e.Exited(pid)
	}
}
