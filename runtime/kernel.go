package runtime

import (
	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"meseta/runtime/internal/registry"
)

// This file, with package registry, is all that touches protoactor-go: its registry holds our actors under their ids, and
// its processes are how they meet programs written on plain protoactor-go, in this process or behind its remote.

// kernel is the node's registry.
type kernel = registry.Registry[*process]

// tell sends a message to a foreign process of this node.
func tell(p actor.Process, e Envelope) {
	to, from := actor.NewPID(e.To.Addr, e.To.ID), actor.NewPID(e.From.Addr, e.From.ID)
	p.SendUserMessage(to, &actor.MessageEnvelope{Message: e.Message, Sender: from})
}

// process is an Actor as protoactor-go sees it.
type process Actor

// SendUserMessage implements actor.Process. Only protobuf messages make sense to our actors.
func (p *process) SendUserMessage(_ *actor.PID, message any) {
	e, ok := unwrap(message)
	if !ok {
		return
	}
	a := (*Actor)(p)
	e.To = a.self
	// A PID of protoactor-go caches its process forever; another process may have the name now.
	a.node.sendLocal(e)
}

// SendSystemMessage implements actor.Process. Watchers are told as protoactor-go does it.
func (p *process) SendSystemMessage(_ *actor.PID, message any) {
	a := (*Actor)(p)
	switch m := message.(type) {
	case *actor.Watch:
		a.node.watched(a, m.Watcher)
	case *actor.Terminated:
		a.node.watchedExited(PID{ID: m.Who.GetId(), Addr: m.Who.GetAddress()})
	case *actor.Stop:
		a.node.Terminate(a.self)
	}
}

// Stop implements actor.Process: what is queued is not handled.
func (p *process) Stop(*actor.PID) { p.mailbox.interrupt(p.node.causeHere()) }

// watchedExited ends the links to a foreign process of this node. What foreign processes say of our actors, or of other
// nodes, does not count: their ends are ours to see.
func (n *Node) watchedExited(who PID) {
	if who.Addr == n.addr && n.find(who.ID) == nil {
		n.exitActor(who, EventID{})
	}
}

// watched lets a foreign process of this node know when a terminates.
func (n *Node) watched(a *Actor, watcher *actor.PID) {
	tell := func() {
		if p, ok := n.kernel.At(watcher); ok {
			who := actor.NewPID(a.self.Addr, a.self.ID)
			p.SendSystemMessage(watcher, &actor.Terminated{Who: who, Why: actor.TerminatedReason_Stopped})
		}
	}
	if !a.mailbox.end.Tell(tell) {
		tell()
	}
}

// abroad stands for every process on another node.
type abroad Node

// SendUserMessage implements actor.Process.
func (n *abroad) SendUserMessage(pid *actor.PID, message any) {
	if e, ok := unwrap(message); ok {
		e.To = PID{ID: pid.GetId(), Addr: pid.GetAddress()}
		(*Node)(n).send(nil, e)
	}
}

// SendSystemMessage implements actor.Process. Watching across nodes is for [Actor.Link].
func (n *abroad) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (n *abroad) Stop(*actor.PID) {}

func unwrap(message any) (Envelope, bool) {
	_, body, sender := actor.UnwrapEnvelope(message)
	m, ok := body.(proto.Message)
	if !ok {
		return Envelope{}, false
	}
	e := Envelope{Name: nameOf(m), Message: m}
	if sender != nil {
		e.From = PID{ID: sender.GetId(), Addr: sender.GetAddress()}
	}
	return e, true
}
