package runtime

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Link asks to be told by Exited when the actor named to terminates or its node can no longer be reached. Linking
// twice tells once; linking again while an exit is on its way starts afresh.
func (a *Actor) Link(to PID) { a.home().link(a, to, false) }

// Relink is Link over a new connection, whatever becomes of the old one (libprocess: RemoteConnection::RECONNECT).
func (a *Actor) Relink(to PID) {
	n := a.home()
	if to.Addr != n.addr && n.wire != nil {
		n.wire.Relink(to.Addr)
	}
	n.link(a, to, true)
}

// Unlink takes back a Link: Exited will not be called, even if the exit is on its way.
func (a *Actor) Unlink(to PID) {
	a.home()
	delete(a.links, to)
	a.node.links.remove(a, to)
	a.node.traceLink(EventUnlink, a, to)
}

// links is who wants to know about whom. An entry is taken out when its exit is on its way to the actor.
type links struct {
	mu     sync.Mutex
	serial uint64
	byAddr map[string]map[PID]map[*Actor]*link
}

// link is one actor's interest in another.
type link struct {
	serial uint64
	over   Connection // of another node; zero while that is being found out
	ended  Connection // the latest that ended meanwhile
}

// Linked names, sorted, those that actors of n want to know about. When no actor is left it is empty. It is for tests.
func (n *Node) Linked() []PID {
	n.links.mu.Lock()
	defer n.links.mu.Unlock()
	var all []PID
	for _, pids := range n.links.byAddr {
		for pid := range pids {
			all = append(all, pid)
		}
	}
	slices.SortFunc(all, func(x, y PID) int { return strings.Compare(x.String(), y.String()) })
	return all
}

func (l *links) init() { l.byAddr = map[string]map[PID]map[*Actor]*link{} }

// add makes sure that a is linked to to, and returns the number of that link.
func (l *links) add(a *Actor, to PID) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	pids := l.byAddr[to.Addr]
	if pids == nil {
		pids = map[PID]map[*Actor]*link{}
		l.byAddr[to.Addr] = pids
	}
	linkers := pids[to]
	if linkers == nil {
		linkers = map[*Actor]*link{}
		pids[to] = linkers
	}
	if linkers[a] == nil {
		l.serial++
		linkers[a] = &link{serial: l.serial}
	}
	return linkers[a].serial
}

// over notes the connection of a link, unless it has one that is as good. It reports false, and takes the link out, if
// that connection has ended already.
func (l *links) over(a *Actor, to PID, c Connection, renewed bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.byAddr[to.Addr][to][a]
	if k == nil || k.over != 0 && !renewed {
		return true
	}
	k.over = c
	if c == 0 || k.ended < c {
		return true
	}
	l.drop(a, to)
	return false
}

func (l *links) remove(a *Actor, to PID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(a, to)
}

func (l *links) drop(a *Actor, to PID) {
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
		exits = append(exits, exit{a, pid, link.serial})
	}
	l.forget(pid)
	slices.SortFunc(exits, func(x, y exit) int { return cmp.Compare(x.link, y.link) })
	return exits
}

// takeOver does it for those links to pid that went over c or an earlier connection.
func (l *links) takeOver(pid PID, c Connection) []exit {
	var exits []exit
	for a, link := range l.byAddr[pid.Addr][pid] {
		switch {
		case link.over == 0:
			link.ended = max(link.ended, c)
		case link.over <= c:
			exits = append(exits, exit{a, pid, link.serial})
		}
	}
	for _, e := range exits {
		l.drop(e.linker, pid)
	}
	slices.SortFunc(exits, func(x, y exit) int { return cmp.Compare(x.link, y.link) })
	return exits
}

// takeNode does it for all actors at addr.
func (l *links) takeNode(addr string, c Connection) []exit {
	l.mu.Lock()
	defer l.mu.Unlock()
	pids := make([]PID, 0, len(l.byAddr[addr]))
	for pid := range l.byAddr[addr] {
		pids = append(pids, pid)
	}
	slices.SortFunc(pids, func(x, y PID) int { return strings.Compare(x.ID, y.ID) })
	var exits []exit
	for _, pid := range pids {
		exits = append(exits, l.takeOver(pid, c)...)
	}
	return exits
}

func (n *Node) link(a *Actor, to PID, renewed bool) {
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
		n.connected(a, to, n.wire.Link(to.Addr), renewed)
	}
}

// connected notes over which connection a is linked to another node.
func (n *Node) connected(a *Actor, to PID, c Connection, renewed bool) {
	if !n.links.over(a, to, c, renewed) {
		n.exit([]exit{{a, to, a.links[to]}}, a.turn)
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
func (n *Node) Exited(addr string, c Connection) {
	var broken EventID
	if o := n.trace.observers.Load(); o != nil {
		broken = n.trace.record(o, Event{Cause: n.causeHere(), Kind: EventBreak, To: PID{Addr: addr}})
	}
	n.exit(n.links.takeNode(addr, c), broken)
}

func (n *Node) exit(exits []exit, cause EventID) {
	for _, e := range exits {
		n.put(e.linker, item{kind: OnExit, from: e.pid, payload: e.link}, cause)
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
