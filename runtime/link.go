package runtime

import (
	"meseta/runtime/internal/events"
	"meseta/runtime/internal/links"
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
	a.node.links.Remove(a, links.Peer(to))
	a.node.trace.note(a.lane, events.Memo{Cause: a.turn, Kind: EventUnlink, From: a.self, To: to})
}

// Links names, sorted, those that each actor of n is linked to. When no actor is left it is empty.
func (n *Node) Links() map[PID][]PID {
	all := map[PID][]PID{}
	for a, peers := range n.links.All() {
		for _, to := range peers {
			all[a.self] = append(all[a.self], PID(to))
		}
	}
	return all
}

// removeLinks ends the links of an actor that is gone.
func (n *Node) removeLinks(a *Actor) {
	for to := range a.links {
		n.links.Remove(a, links.Peer(to))
	}
}

func (n *Node) link(a *Actor, to PID, renewed bool) {
	n.trace.note(a.lane, events.Memo{Cause: a.turn, Kind: EventLink, From: a.self, To: to})
	if a.links == nil {
		a.links = map[PID]uint64{}
	}
	a.links[to] = n.links.Add(a, links.Peer(to))
	// Looked up after the link is there, so that an end which is missed here takes it. Not under the lock: a foreign
	// process may answer at once.
	reachable := n.wire != nil
	if to.Addr == n.addr {
		reachable = n.find(to.ID) != nil || n.kernel.Watch(to.ID, a.self.ID)
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
	if !n.links.Connect(a, links.Peer(to), uint64(c), renewed) {
		n.exit([]links.Exit[*Actor]{{Linker: a, Peer: links.Peer(to), Link: a.links[to]}}, a.turn)
	}
}

// exitActor tells the linkers of an actor that is gone.
func (n *Node) exitActor(pid PID, cause EventID) {
	n.exit(n.links.Take(links.Peer(pid)), cause)
}

// Exited implements [Receiver].
func (n *Node) Exited(addr string, c Connection) {
	broken := n.trace.note(0, events.Memo{Cause: n.causeHere(), Kind: EventBreak, To: PID{Addr: addr}})
	n.exit(n.links.TakeNode(addr, uint64(c)), broken)
}

func (n *Node) exit(exits []links.Exit[*Actor], cause EventID) {
	for _, e := range exits {
		n.put(e.Linker, item{kind: OnExit, from: PID(e.Peer), payload: e.Link}, cause)
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
