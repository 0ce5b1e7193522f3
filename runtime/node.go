package runtime

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"

	"meseta/runtime/internal/chance"
	"meseta/runtime/internal/links"
	"meseta/runtime/internal/names"
	"meseta/runtime/internal/registry"
	"meseta/runtime/internal/slots"
	"meseta/runtime/internal/stderrlog"
	"meseta/runtime/internal/watch"
	"meseta/runtime/internal/workers"
)

// Options configure a [Node]. The zero value is an isolated node on real time.
type Options struct {
	Wire      Wire      // nil: no other nodes
	Clock     Clock     // nil: real time
	Scheduler Scheduler // nil: goroutines, reused
	// Seed is what Actor.Rand and event ids follow from. 0: it is drawn at random, so that nodes which are given none differ;
	// there is no seed 0.
	Seed uint64
	// Log is told what goes wrong on the node. zero: warnings and errors go to standard error;
	// zerolog.Nop() is silent.
	Log zerolog.Logger
	// Dropped is called for every message that no actor will handle, on the goroutine that finds out: it must be
	// quick and must not call the runtime. What a [Node.Filter] keeps back does not count. nil: only traces tell.
	Dropped func(Drop)
	// Fatal is told of a panic in an actor. The actor gets no turn any more; Fatal is expected to end the node. nil:
	// print it and exit with status 2, as a Go program does.
	Fatal func(Panic)
	// TraceRing is how many events the node remembers, see [Node.Trace]. 0: none; tracing can be turned on later.
	TraceRing int
	// ActorSystem is a protoactor-go system that is to share the node's names and address: programs written on plain
	// protoactor-go in this process may then send to our actors, ask them and watch them, and ours may send and link to
	// theirs. It must not have been used yet. nil: there is none.
	ActorSystem *actor.ActorSystem
}

// Node is one member of the actor network: it has an address, and actors live on it. Its methods may be called from
// any goroutine.
type Node struct {
	addr      string
	wire      Wire
	clock     Clock
	scheduler Scheduler
	rand      *rand.Rand
	log       zerolog.Logger
	fatal     func(Panic)
	dropped   func(Drop)
	kernel    kernel
	links     links.Book[*Actor]
	trace     Trace
	working   atomic.Int64 // blocking works that are not done
	timers    atomic.Int64 // that are booked
	owed      atomic.Int64 // promises that are pending
	broken    atomic.Bool  // by a panic
	ending    atomic.Bool  // by Close

	extensions sync.Map // of pointers, by what they point to; see Extension
	extending  sync.Mutex

	recent  *slots.Slots[Actor] // a cache in front of the registry
	serials names.Serials
}

// isolated is the address of nodes without a wire.
const isolated = "127.0.0.1:0"

// NewNode starts a node. Its wire is the node's from then on, and closed with it; if NewNode fails, because the wire cannot
// start or an option makes no sense, it is still the caller's to close.
func NewNode(o Options) (*Node, error) {
	if o.TraceRing < 0 {
		return nil, fmt.Errorf("runtime: Options.TraceRing is %d; want a number of events, 0 for none", o.TraceRing)
	}
	n := &Node{
		addr: isolated, wire: o.Wire, clock: o.Clock, scheduler: o.Scheduler, log: stderrlog.Default(o.Log), fatal: o.Fatal,
		dropped: o.Dropped, recent: slots.New[Actor](),
	}
	if n.clock == nil {
		n.clock = watch.System{}
	}
	if n.scheduler == nil {
		n.scheduler = workers.New()
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	if n.fatal == nil {
		n.fatal = exitProgram
	}
	n.rand = chance.New(o.Seed)
	if err := n.start(o); err != nil {
		return nil, err
	}
	return n, nil
}

// start opens the node to the world. The wire may deliver before it returns.
func (n *Node) start(o Options) error {
	if n.wire != nil {
		n.addr = n.wire.Addr()
	}
	n.kernel = registry.New[*process](n.addr, o.ActorSystem, (*abroad)(n))
	n.trace.init(n, o)
	if n.wire == nil {
		return nil
	}
	if err := n.wire.Start(n); err != nil {
		return err
	}
	if addr := n.wire.Addr(); addr != n.addr {
		return fmt.Errorf("runtime: the wire's address changed from %s to %s when it started", n.addr, addr)
	}
	return nil
}

// Addr is the node's advertised "ip:port".
func (n *Node) Addr() string { return n.addr }

// Clock is the node's time.
func (n *Node) Clock() Clock { return n.clock }

// Rand is the node's source of randomness, for what is drawn before there is an actor. In the simulator it follows from
// the seed.
func (n *Node) Rand() *rand.Rand { return n.rand }

// NewID returns prefix(1), prefix(2), … (libprocess: ID::generate).
func (n *Node) NewID(prefix string) string { return n.serials.Next(prefix) }

// PIDs names the actors of the node, sorted.
func (n *Node) PIDs() []PID {
	var pids []PID
	for _, p := range n.kernel.Own() {
		pids = append(pids, p.self)
	}
	return pids
}

// Waiting is how many events wait for an actor of the node, without the one that it handles. While the node is not traced it is off
// by up to 63, which an actor with much to do takes from its queue together.
func (n *Node) Waiting(pid PID) int {
	if a := n.local(pid); a != nil {
		return a.mailbox.queue.Len()
	}
	return 0
}

// Busy names, sorted, the actors of the node that have events to handle, or handle one. It is for tests.
func (n *Node) Busy() []PID {
	var pids []PID
	for _, p := range n.kernel.Own() {
		if !p.mailbox.queue.Idle() {
			pids = append(pids, p.self)
		}
	}
	return pids
}

// Ending reports whether [Node.Close] has begun, so that an actor that is not there says nothing about others of its kind.
func (n *Node) Ending() bool { return n.ending.Load() }

// Close terminates all actors, waits for them, and closes the wire. After a panic it only closes the wire.
func (n *Node) Close(ctx context.Context) error {
	n.ending.Store(true)
	for pids := n.PIDs(); len(pids) > 0 && !n.broken.Load(); pids = n.PIDs() {
		for _, pid := range pids {
			n.Terminate(pid)
		}
		for _, pid := range pids {
			if err := n.Wait(ctx, pid); err != nil {
				return err
			}
		}
	}
	if w, ok := n.scheduler.(*workers.Pool); ok {
		w.Close()
	}
	if n.wire != nil {
		return n.wire.Close(ctx)
	}
	return nil
}

// find returns the living actor named id.
func (n *Node) find(id string) *Actor {
	slot := n.recent.Of(id)
	if a := slot.Load(); a != nil && a.self.ID == id && !a.flags.absent.Load() {
		return a
	}
	p, _ := n.kernel.Find(id)
	if p == nil {
		return nil
	}
	a := (*Actor)(p)
	slot.Store(a)
	if a.flags.absent.Load() { // it may have cleared the slot before we filled it
		slot.CompareAndSwap(a, nil)
		return nil
	}
	return a
}
