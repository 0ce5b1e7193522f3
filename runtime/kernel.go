package runtime

import (
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
	"google.golang.org/protobuf/proto"
)

// This file is all that touches protoactor-go: its registry holds our actors under their ids, and its processes are
// how they meet programs written on plain protoactor-go, in this process or behind its remote.

// kernel is the node's registry: protoactor-go's, of one bucket. It belongs to an actor system only if the node's
// options name one: making a system allocates 32,768 maps.
type kernel struct {
	registry *actor.ProcessRegistryValue
	shared   *actor.ActorSystem // nil: none
}

func newKernel(n *Node, shared *actor.ActorSystem) kernel {
	k := kernel{shared: shared}
	if shared != nil {
		k.registry = shared.ProcessRegistry
	} else {
		k.registry = &actor.ProcessRegistryValue{
			ActorSystem: &actor.ActorSystem{}, // looking up a name that is not there wants its dead letters
			LocalPIDs:   &actor.SliceMap{LocalPIDs: []cmap.ConcurrentMap{cmap.New()}},
		}
	}
	k.registry.Address = n.addr
	k.registry.RegisterAddressResolver(func(*actor.PID) (actor.Process, bool) { return (*abroad)(n), true })
	return k
}

// add registers a under its id; it reports false when the id is taken.
func (k kernel) add(a *Actor) bool {
	_, ok := k.registry.Add((*process)(a), a.self.ID)
	return ok
}

func (k kernel) remove(a *Actor) {
	k.registry.Remove(actor.NewPID(a.self.Addr, a.self.ID))
}

// find returns our actor of that id, or else the foreign process of that id, or neither. The processes that every actor
// system has of its own are nobody: their ids are well known, so peers can name them, and they act on the goroutine of
// whoever sends.
func (k kernel) find(id string) (*Actor, actor.Process) {
	p, ok := k.registry.GetLocal(id)
	if !ok {
		return nil, nil
	}
	switch p := p.(type) {
	case *process:
		return (*Actor)(p), nil
	case *actor.EventStreamProcess:
		return nil, nil
	}
	if k.shared != nil && p == actor.Process(k.shared.DeadLetter) {
		return nil, nil
	}
	return nil, p
}

// actors returns ours, sorted by id.
func (k kernel) actors() []*Actor {
	var all []*Actor
	for _, bucket := range k.registry.LocalPIDs.LocalPIDs {
		bucket.IterCb(func(_ string, p any) {
			if ours, ok := p.(*process); ok {
				all = append(all, (*Actor)(ours))
			}
		})
	}
	slices.SortFunc(all, func(x, y *Actor) int { return strings.Compare(x.self.ID, y.self.ID) })
	return all
}

// tell sends a message to a foreign process of this node.
func (k kernel) tell(p actor.Process, e Envelope) {
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
	// A PID of protoactor-go caches its process for ever; the name may have a new bearer.
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

// watch asks a foreign process of this node to let a know when it stops; it reports false when there is none.
func (k kernel) watch(a *Actor, to PID) bool {
	_, p := k.find(to.ID)
	if p == nil {
		return false
	}
	p.SendSystemMessage(actor.NewPID(to.Addr, to.ID), &actor.Watch{Watcher: actor.NewPID(a.self.Addr, a.self.ID)})
	return true
}

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
		if p, ok := n.kernel.registry.Get(watcher); ok {
			who := actor.NewPID(a.self.Addr, a.self.ID)
			p.SendSystemMessage(watcher, &actor.Terminated{Who: who, Why: actor.TerminatedReason_Stopped})
		}
	}
	if !a.mailbox.end.onGone(tell) {
		tell()
	}
}

// abroad stands for every process on another node.
type abroad Node

// SendUserMessage implements actor.Process.
func (n *abroad) SendUserMessage(pid *actor.PID, message any) {
	if e, ok := unwrap(message); ok {
		e.To = PID{ID: pid.GetId(), Addr: pid.GetAddress()}
		(*Node)(n).send(e)
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
