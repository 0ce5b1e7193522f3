package runtime

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

// Options configure a [Node]. The zero value is an isolated node on real time.
type Options struct {
	Wire      Wire           // nil: no other nodes
	Clock     Clock          // nil: real time
	Scheduler Scheduler      // nil: goroutines
	Seed      uint64         // of Actor.Rand; 0: random
	Log       zerolog.Logger // zero: silent
	// Fatal is told of a panic in an actor, which ends the node. nil: print it and exit with status 134... as abort does.
	Fatal func(Panic)
}

// Panic describes what ended a node.
type Panic struct {
	Actor  PID
	Reason any
	Stack  []byte
}

// String is what is printed about it.
func (p Panic) String() string {
	return fmt.Sprintf("actor %s panicked: %v\n%s\n", p.Actor, p.Reason, p.Stack)
}

// Scheduler runs turns and blocking work.
type Scheduler interface {
	// Schedule runs t soon, never at once.
	Schedule(t Task)
	// Go runs blocking work.
	Go(f func())
}

// Task is an actor that has something to do.
type Task interface {
	// Run takes at most max turns (0: all there are) and reports whether more are due; then the scheduler must call it
	// again.
	Run(max int) (more bool)
}

// Driver is implemented by schedulers that take turns only when asked to, as the simulator's. Drive takes turns until
// done, or until nothing can happen any more.
type Driver interface{ Drive(done func() bool) }

type goroutines struct{}

func (goroutines) Schedule(t Task) { go t.Run(0) }
func (goroutines) Go(f func())     { go f() }

// Node is one member of the actor network: it has an address, and actors live on it.
type Node struct {
	wire      Wire
	clock     Clock
	scheduler Scheduler
	rand      *rand.Rand
	log       zerolog.Logger
	fatal     func(Panic)

	mu     sync.Mutex
	actors map[string]*Actor
	gates  map[string]chan struct{}
	serial map[string]int
	links  map[PID][]*Actor
}

// NewNode starts a node.
func NewNode(o Options) (*Node, error) {
	n := &Node{
		wire: o.Wire, clock: o.Clock, scheduler: o.Scheduler, log: o.Log, fatal: o.Fatal,
		actors: map[string]*Actor{}, gates: map[string]chan struct{}{}, serial: map[string]int{}, links: map[PID][]*Actor{},
	}
	if n.clock == nil {
		n.clock = realClock{}
	}
	if n.scheduler == nil {
		n.scheduler = goroutines{}
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	n.rand = rand.New(&lockedSource{src: rand.NewPCG(o.Seed, 0)})
	if n.fatal == nil {
		n.fatal = func(p Panic) {
			fmt.Fprint(os.Stderr, p.String())
			os.Exit(2)
		}
	}
	if n.wire != nil {
		if err := n.wire.Start(n); err != nil {
			return nil, err
		}
	}
	return n, nil
}

type lockedSource struct {
	mu  sync.Mutex
	src rand.Source
}

func (s *lockedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.src.Uint64()
}

// Addr is the node's advertised "ip:port".
func (n *Node) Addr() string {
	if n.wire == nil {
		return "127.0.0.1:0"
	}
	return n.wire.Addr()
}

// Clock is the node's time.
func (n *Node) Clock() Clock { return n.clock }

// NewID returns prefix(1), prefix(2), … (libprocess: ID::generate).
func (n *Node) NewID(prefix string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.serial[prefix]++
	return fmt.Sprintf("%s(%d)", prefix, n.serial[prefix])
}

// Spawn starts b as the actor id, which must be free on the node.
func Spawn[B Behavior](n *Node, id string, b B) (Ref[B], error) {
	a := b.base()
	if a.impl != nil {
		return Ref[B]{}, fmt.Errorf("runtime: %s is spawned already", a.self)
	}
	n.mu.Lock()
	if _, taken := n.actors[id]; taken {
		n.mu.Unlock()
		return Ref[B]{}, fmt.Errorf("runtime: there is an actor %q already", id)
	}
	a.node, a.impl = n, b
	a.self = PID{ID: id, Addr: n.Addr()}
	a.log = n.log.With().Str("actor", id).Logger()
	a.handlers = map[string]func(Envelope){}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.inbox = &inbox{actor: a}
	n.actors[id] = a
	n.gates[id] = make(chan struct{})
	n.mu.Unlock()
	a.post(func() {
		if i, ok := a.impl.(Initializer); ok {
			i.Initialize()
		}
	})
	return Ref[B]{pid: a.self, behavior: b, actor: a}, nil
}

// Terminate ends the actor after what is queued before the call. Unknown actors are ignored.
func (n *Node) Terminate(pid PID) {
	if a := n.find(pid); a != nil {
		a.inbox.put(item{stop: true})
	}
}

// Wait returns when the actor has terminated, or was never there. Not for actors: they Link.
func (n *Node) Wait(ctx context.Context, pid PID) error {
	n.mu.Lock()
	gate, ok := n.gates[pid.ID]
	n.mu.Unlock()
	if !ok {
		return nil
	}
	if d, ok := n.scheduler.(Driver); ok {
		d.Drive(func() bool { return closed(gate) })
		if !closed(gate) {
			return fmt.Errorf("runtime: %s does not terminate", pid)
		}
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func closed(gate chan struct{}) bool {
	select {
	case <-gate:
		return true
	default:
		return false
	}
}

// PIDs names the actors of the node, sorted.
func (n *Node) PIDs() []PID {
	n.mu.Lock()
	defer n.mu.Unlock()
	var pids []PID
	for _, a := range n.actors {
		pids = append(pids, a.self)
	}
	slices.SortFunc(pids, func(x, y PID) int { return strings.Compare(x.ID, y.ID) })
	return pids
}

// Close terminates all actors, waits for them, and closes the wire.
func (n *Node) Close(ctx context.Context) error {
	pids := n.PIDs()
	for _, pid := range pids {
		n.Terminate(pid)
	}
	for _, pid := range pids {
		if err := n.Wait(ctx, pid); err != nil {
			return err
		}
	}
	if n.wire != nil {
		return n.wire.Close(ctx)
	}
	return nil
}

func (n *Node) find(pid PID) *Actor {
	if pid.Addr != n.Addr() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.actors[pid.ID]
}

func (n *Node) send(e Envelope) {
	if e.To.Addr == n.Addr() {
		n.Deliver(e)
		return
	}
	if n.wire != nil {
		n.wire.Send(e)
	}
}

// Deliver implements [Receiver].
func (n *Node) Deliver(e Envelope) bool {
	a := n.find(PID{ID: e.To.ID, Addr: n.Addr()})
	if a == nil {
		return false
	}
	return a.inbox.put(item{run: func() { a.deliver(e) }})
}

func (a *Actor) deliver(e Envelope) {
	h := a.handlers[e.Name]
	if h == nil {
		return
	}
	a.from, a.current = e.From, e
	h(e)
	a.current = Envelope{}
}

// Exited implements [Receiver].
func (n *Node) Exited(addr string) {
	n.mu.Lock()
	type told struct {
		a   *Actor
		pid PID
	}
	var all []told
	for pid, linkers := range n.links {
		if pid.Addr == addr {
			for _, a := range linkers {
				all = append(all, told{a, pid})
			}
			delete(n.links, pid)
		}
	}
	n.mu.Unlock()
	slices.SortFunc(all, func(x, y told) int {
		return strings.Compare(x.a.self.ID+" "+x.pid.ID, y.a.self.ID+" "+y.pid.ID)
	})
	for _, t := range all {
		t.a.postExited(t.pid)
	}
}

func (a *Actor) postExited(pid PID) {
	a.post(func() {
		if e, ok := a.impl.(Exiter); ok {
			e.Exited(pid)
		}
	})
}

func (n *Node) link(a *Actor, to PID) {
	n.mu.Lock()
	local := to.Addr == n.Addr()
	if local && n.actors[to.ID] == nil {
		n.mu.Unlock()
		a.postExited(to)
		return
	}
	if !slices.Contains(n.links[to], a) {
		n.links[to] = append(n.links[to], a)
	}
	n.mu.Unlock()
	if !local && n.wire != nil {
		n.wire.Link(to.Addr)
	}
}

func (n *Node) relink(a *Actor, to PID) {
	if to.Addr != n.Addr() && n.wire != nil {
		n.wire.Relink(to.Addr)
	}
	n.link(a, to)
}

func (n *Node) unlink(a *Actor, to PID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[to] = slices.DeleteFunc(n.links[to], func(x *Actor) bool { return x == a })
}

// Serve implements [Receiver].
func (n *Node) Serve(req *Request) Future[*Response] {
	notFound := Ready(&Response{Status: 404})
	id, rest, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	a := n.find(PID{ID: id, Addr: n.Addr()})
	if a == nil {
		return notFound
	}
	p := NewPromise[Future[*Response]]()
	ok := a.postOr(func() {
		best := -1
		for i, r := range a.routes {
			path := strings.TrimPrefix(r.path, "/")
			if (rest == path || path == "" || strings.HasPrefix(rest, path+"/")) &&
				(best < 0 || len(r.path) > len(a.routes[best].path)) {
				best = i
			}
		}
		if best < 0 {
			p.Set(notFound)
			return
		}
		req.Route = a.routes[best].path
		p.Set(a.routes[best].h(req))
	}, func() { p.Fail(ErrTerminated) })
	if !ok {
		return notFound
	}
	return Flatten(p.Future())
}

// ---- the inbox: one FIFO per actor ----

type item struct {
	run  func()
	drop func()
	stop bool
}

type inbox struct {
	actor   *Actor
	mu      sync.Mutex
	items   []item
	running bool
	closed  bool
}

func (a *Actor) post(f func()) { a.inbox.put(item{run: f}) }

func (a *Actor) postOr(f, drop func()) bool { return a.inbox.put(item{run: f, drop: drop}) }

func (b *inbox) put(it item) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.items = append(b.items, it)
	start := !b.running
	b.running = true
	b.mu.Unlock()
	if start {
		b.actor.node.scheduler.Schedule(b)
	}
	return true
}

// Run implements [Task].
func (b *inbox) Run(max int) (more bool) {
	a := b.actor
	defer func() {
		if r := recover(); r != nil {
			a.node.fatal(Panic{a.self, r, debug.Stack()})
		}
	}()
	for turns := 1; ; turns++ {
		b.mu.Lock()
		if len(b.items) == 0 {
			b.running = false
			b.mu.Unlock()
			return false
		}
		it := b.items[0]
		b.items = b.items[1:]
		if it.stop {
			b.closed = true
			rest := b.items
			b.items = nil
			b.mu.Unlock()
			a.finalize(rest)
			return false
		}
		b.mu.Unlock()
		it.run()
		a.from = PID{}
		if turns == max {
			return true
		}
	}
}

func (a *Actor) finalize(rest []item) {
	a.cancel()
	for _, it := range rest {
		if it.drop != nil {
			it.drop()
		}
	}
	if f, ok := a.impl.(Finalizer); ok {
		f.Finalize()
	}
	n := a.node
	n.mu.Lock()
	delete(n.actors, a.self.ID)
	linkers := n.links[a.self]
	delete(n.links, a.self)
	for pid, l := range n.links {
		n.links[pid] = slices.DeleteFunc(l, func(x *Actor) bool { return x == a })
	}
	close(n.gates[a.self.ID])
	delete(n.gates, a.self.ID)
	n.mu.Unlock()
	for _, l := range linkers {
		l.postExited(a.self)
	}
}
