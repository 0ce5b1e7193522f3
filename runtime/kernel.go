package runtime

import (
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
	"google.golang.org/protobuf/proto"
)

// This file is all that touches protoactor-go: its registry holds our actors under their ids, and its processes are
// how they meet programs written on plain protoactor-go, in this process or behind its remote.

func init() {
	// The registry shards by itself; with the default each actor system would allocate 32,768 maps.
	cmap.SHARD_COUNT = 1
}

// kernel is the protoactor-go system beneath a node.
type kernel struct{ system *actor.ActorSystem }

func newKernel(n *Node) kernel {
	silent := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
	k := kernel{actor.NewActorSystem(actor.WithLoggerFactory(silent))}
	k.system.ProcessRegistry.Address = n.addr
	k.system.ProcessRegistry.RegisterAddressResolver(func(*actor.PID) (actor.Process, bool) { return (*abroad)(n), true })
	return k
}

// ActorSystem is the protoactor-go system beneath the node, for programs written on plain protoactor-go that share the
// process: they may send to our actors, ask them, and watch them, and ours may send and link to theirs.
func (n *Node) ActorSystem() *actor.ActorSystem { return n.kernel.system }

// add registers a under its id; it reports false when the id is taken.
func (k kernel) add(a *Actor) bool {
	_, ok := k.system.ProcessRegistry.Add((*process)(a), a.self.ID)
	return ok
}

func (k kernel) remove(a *Actor) {
	k.system.ProcessRegistry.Remove(actor.NewPID(a.self.Addr, a.self.ID))
}

// find returns our actor of that id, or else the foreign process of that id, or neither.
func (k kernel) find(id string) (*Actor, actor.Process) {
	p, ok := k.system.ProcessRegistry.GetLocal(id)
	if !ok {
		return nil, nil
	}
	if ours, ok := p.(*process); ok {
		return (*Actor)(ours), nil
	}
	return nil, p
}

// actors returns ours, sorted by id.
func (k kernel) actors() []*Actor {
	var all []*Actor
	for _, bucket := range k.system.ProcessRegistry.LocalPIDs.LocalPIDs {
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
		a.node.exitActor(PID{ID: m.Who.GetId(), Addr: m.Who.GetAddress()}, 0)
	case *actor.Stop:
		a.node.Terminate(a.self)
	}
}

// Stop implements actor.Process.
func (p *process) Stop(*actor.PID) { p.node.TerminateNow(p.self) }

// watch asks a foreign process of this node to let a know when it stops; it reports false when there is none.
func (k kernel) watch(a *Actor, to PID) bool {
	_, p := k.find(to.ID)
	if p == nil {
		return false
	}
	p.SendSystemMessage(actor.NewPID(to.Addr, to.ID), &actor.Watch{Watcher: actor.NewPID(a.self.Addr, a.self.ID)})
	return true
}

// watched lets a foreign process of this node know when a terminates.
func (n *Node) watched(a *Actor, watcher *actor.PID) {
	tell := func() {
		if p, ok := n.kernel.system.ProcessRegistry.Get(watcher); ok {
			who := actor.NewPID(a.self.Addr, a.self.ID)
			p.SendSystemMessage(watcher, &actor.Terminated{Who: who, Why: actor.TerminatedReason_Stopped})
		}
	}
	if !a.mailbox.onClosed(tell) {
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
