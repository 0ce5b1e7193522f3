package runtime

import (
	"cmp"
	"context"
	"fmt"

	"meseta/runtime/internal/hooks"
	"meseta/runtime/internal/names"
)

// Ref is a typed handle of an actor of this node: it can be dispatched to. It stays valid when the actor has terminated;
// calls fail then. The zero Ref refers to nobody, and calling it is a mistake that panics.
type Ref[B Behavior] struct {
	pid      PID
	behavior B
	actor    *Actor
}

// PID returns the actor's name, which travels.
func (r Ref[B]) PID() PID { return r.pid }

// IsZero reports whether r refers to nobody.
func (r Ref[B]) IsZero() bool { return r.actor == nil }

func (r Ref[B]) target() *Actor {
	if r.actor == nil {
		panic("runtime: a call to the zero Ref, behind which there is no actor")
	}
	return r.actor
}

// RefOf returns the handle of b, for actors that give others a way to call back. b must have been spawned.
func RefOf[B Behavior](b B) Ref[B] {
	a := b.base()
	if a.impl == nil {
		panic(fmt.Sprintf("runtime: RefOf a %T that is not spawned", b))
	}
	return Ref[B]{pid: a.self, behavior: b, actor: a}
}

// Find returns the handle of the actor id, for services that every node has under a well-known name. It reports false
// when there is no such actor, or when it is not a B.
func Find[B Behavior](n *Node, id string) (Ref[B], bool) {
	a := n.find(id)
	if a == nil {
		return Ref[B]{}, false
	}
	b, ok := a.impl.(B)
	if !ok {
		return Ref[B]{}, false
	}
	return Ref[B]{pid: a.self, behavior: b, actor: a}, true
}

// Spawn starts b as the actor id; [Node.NewID] makes ids. b belongs to the actor from then on. It is an error if id is
// taken or cannot be part of a PID (it is printable ASCII without spaces and any of /@?#%), if b was spawned before, or if
// one of its hooks has a signature other than that of [Initializer], [Finalizer] or [Exiter] and so would never be called.
func Spawn[B Behavior](n *Node, id string, b B) (Ref[B], error) {
	a := b.base()
	if a.impl != nil {
		return Ref[B]{}, fmt.Errorf("runtime: %s is spawned already", a.self)
	}
	if err := cmp.Or(names.CheckActor(id), checkHooks(b)); err != nil {
		return Ref[B]{}, err
	}
	a.node, a.impl, a.self = n, b, PID{ID: id, Addr: n.addr}
	a.mailbox.actor, a.lane = a, n.trace.lane.Add(1)
	// Queued before anybody can find the actor, so that Initialize is the first turn.
	start := a.mailbox.queue.Begin(&buffers, item{kind: OnStart})
	if !n.kernel.Add((*process)(a), id) {
		a.node, a.impl, a.self, a.mailbox = nil, nil, PID{}, mailbox{}
		return Ref[B]{}, fmt.Errorf("runtime: there is an actor %q already", id)
	}
	start.cause = n.traceSpawn(a).Seq // known only when the id is its own
	n.scheduler.Schedule(&a.mailbox, a.lane)
	return Ref[B]{pid: a.self, behavior: b, actor: a}, nil
}

// checkHooks refuses methods that have the name of a hook, but not its signature.
func checkHooks(b Behavior) error {
	_, initializes := b.(Initializer)
	_, finalizes := b.(Finalizer)
	_, hears := b.(Exiter)
	return hooks.Check(b, hooks.Hook{Name: "Initialize", Has: initializes, Want: "Initialize()"},
		hooks.Hook{Name: "Finalize", Has: finalizes, Want: "Finalize()"},
		hooks.Hook{Name: "Exited", Has: hears, Want: "Exited(runtime.PID)"})
}

// Terminate ends an actor of this node after what is queued before the call. Its calls that are queued later fail with
// [ErrTerminated]. Unknown actors are ignored.
func (n *Node) Terminate(pid PID) {
	if a := n.local(pid); a != nil {
		n.put(a, item{kind: OnTerminate}, n.causeHere())
	}
}

// Wait returns when the actor has terminated, or was never there. Not for actors: they Link. In the simulator it runs
// the world.
func (n *Node) Wait(ctx context.Context, pid PID) error {
	a := n.local(pid)
	if a == nil {
		return nil
	}
	if d, ok := n.scheduler.(Driver); ok {
		if d.Drive(a.mailbox.end.Gone); !a.mailbox.end.Gone() {
			return fmt.Errorf("runtime: %s does not terminate", pid)
		}
		return nil
	}
	gone := make(chan struct{})
	if !a.mailbox.end.Tell(func() { close(gone) }) {
		return nil
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("runtime: waiting for %s to terminate: %w", pid, ctx.Err())
	}
}

// local returns the actor if it lives here.
func (n *Node) local(pid PID) *Actor {
	if pid.Addr != n.addr {
		return nil
	}
	return n.find(pid.ID)
}
