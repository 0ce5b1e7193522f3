package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/disk"
)

// maxStepsPerInstant is where Settle gives up: actors that keep each other busy never let time advance.
const maxStepsPerInstant = 10_000_000

// World is a simulated cluster. Make one with [New].
type World struct {
	seed  uint64
	rand  *rand.Rand
	now   time.Duration // since epoch
	steps int
	runq  []step
	due   timers
	hosts map[string]*host // by address: the latest incarnation
	order []*host          // every incarnation, in order of birth
	net   network
	disks map[string]*Disk         // by address
	skew  map[string]time.Duration // of a machine's clock, by address
	log   conversation

	panics []runtime.Panic

	// SlowWork is how long the blocking work of a node may take, up to that. 0: no time.
	SlowWork time.Duration
}

// step is one thing that could happen next.
type step struct {
	host *host
	task runtime.Task // a turn, or
	work func()       // blocking work
}

// epoch is the virtual time at which every world begins.
var epoch = time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)

// New returns an empty world. Equal seeds give equal runs.
func New(seed uint64) *World {
	w := &World{
		seed:  seed,
		rand:  rand.New(rand.NewPCG(seed, 0x6d6573657461)),
		hosts: map[string]*host{},
		disks: map[string]*Disk{},
		skew:  map[string]time.Duration{},
	}
	w.net = network{world: w, conns: map[route]*conn{}, cut: map[route]*partition{}}
	w.net.Network = DefaultNetwork
	return w
}

// Node starts a node at addr ("ip:port"). If there was one that crashed or closed, this is its next incarnation. It panics
// if addr is none, or if a node lives there.
func (w *World) Node(addr string) *runtime.Node { return w.NodeWith(addr, nil) }

// NodeWith is Node with options of its own; configure, which may be nil, must leave Wire, Clock and Scheduler alone. Unless it
// sets a Log the node logs nothing.
func (w *World) NodeWith(addr string, configure func(*runtime.Options)) *runtime.Node {
	if _, err := netip.ParseAddrPort(addr); err != nil {
		panic(fmt.Sprintf("sim: a node needs an IP address and a port: %v", err))
	}
	old := w.hosts[addr]
	if old != nil && !old.dead {
		panic(fmt.Sprintf("sim: there is a node at %s already", addr))
	}
	h := &host{world: w, addr: addr}
	o := runtime.Options{Seed: w.rand.Uint64() | 1, Log: zerolog.Nop(), Fatal: h.fatal}
	if configure != nil {
		configure(&o)
	}
	o.Wire, o.Clock, o.Scheduler = h, (*hostClock)(h), (*hostScheduler)(h)
	w.hosts[addr] = h
	w.order = append(w.order, h)
	n, err := runtime.NewNode(o)
	if err != nil {
		panic(err)
	}
	h.node = n
	disk.Install(n, (*mounted)(h))
	return n
}

// Now is the virtual time.
func (w *World) Now() time.Time { return epoch.Add(w.now) }

// Steps counts the turns taken and blocking works done so far.
func (w *World) Steps() int { return w.steps }

// Settle runs until nothing is left to do at this instant (libprocess: Clock::settle). Messages on their way to another
// node arrive later, see [World.Advance].
func (w *World) Settle() {
	for began := w.steps; ; {
		for len(w.runq) > 0 {
			w.step()
			if w.steps-began > maxStepsPerInstant {
				panic("sim: the actors never settle: time stands still at " + w.now.String())
			}
		}
		if !w.fire(w.now) {
			return
		}
	}
}

// Advance moves time on by d and runs all that falls due meanwhile, in order (libprocess: Clock::advance and settle).
func (w *World) Advance(d time.Duration) {
	w.until(w.now+d, func() bool { return false })
}

// RunUntil moves time on until cond holds, at most by max. It reports whether cond holds. cond is asked whenever the
// world has settled.
func (w *World) RunUntil(cond func() bool, max time.Duration) bool {
	return w.until(w.now+max, cond)
}

// until runs to the instant end, or to where cond holds.
func (w *World) until(end time.Duration, cond func() bool) bool {
	for {
		w.Settle()
		if cond() {
			return true
		}
		next, ok := w.due.next()
		if !ok || next > end {
			w.now = end
			return false
		}
		w.now = next
	}
}

// step takes one of the possible next steps, as the seed will have it.
func (w *World) step() {
	i, last := w.rand.IntN(len(w.runq)), len(w.runq)-1
	s := w.runq[i]
	w.runq[i] = w.runq[last]
	w.runq[last] = step{}
	w.runq = w.runq[:last]
	if s.host.dead {
		return
	}
	if s.host.paused {
		s.host.held = append(s.host.held, s)
		return
	}
	w.steps++
	switch {
	case s.work != nil:
		s.work()
	case s.task.Run(0, 1):
		w.runq = append(w.runq, s)
	}
}

// Await runs the world until f is complete, at most for max of virtual time, and returns its result;
// [runtime.ErrTimeout] if it still is not.
func Await[T any](w *World, f runtime.Future[T], max time.Duration) (T, error) {
	w.RunUntil(func() bool { _, done, _ := f.Peek(); return done }, max)
	v, done, err := f.Peek()
	if !done {
		err = runtime.ErrTimeout
	}
	return v, err
}

// Panics returns the panics that ended nodes so far. They are printed when they happen; a test that expects none should
// ask, see runtimetest.World.
func (w *World) Panics() []runtime.Panic { return w.panics }

// Living returns the nodes that have neither crashed nor closed, in order of birth.
func (w *World) Living() []*runtime.Node {
	var nodes []*runtime.Node
	for _, h := range w.order {
		if !h.dead {
			nodes = append(nodes, h.node)
		}
	}
	return nodes
}

// Lives reports whether there is a node at addr that has neither crashed nor closed.
func (w *World) Lives(addr string) bool {
	h := w.hosts[addr]
	return h != nil && !h.dead
}

// Close resumes every node, terminates every actor of every living one and settles.
func (w *World) Close() {
	for _, n := range w.Living() {
		w.Resume(n.Addr())
		for _, pid := range n.PIDs() {
			n.Terminate(pid)
		}
	}
	w.Settle()
}

// host is one incarnation of a node: what is simulated of it.
type host struct {
	world    *World
	addr     string
	node     *runtime.Node
	receiver runtime.Receiver
	dead     bool

	paused bool
	held   []step   // since then
	late   []*timer // due since then
}

// fatal makes a panic the end of the simulated node.
func (h *host) fatal(p runtime.Panic) {
	h.world.panics = append(h.world.panics, p)
	fmt.Fprint(os.Stderr, p.String())
	h.world.note("%s", p.Summary())
	h.world.stop(h.addr, "crash")
}

type hostScheduler host

func (s *hostScheduler) Schedule(t runtime.Task, _ uint32) {
	s.world.runq = append(s.world.runq, step{host: (*host)(s), task: t})
}

func (s *hostScheduler) Go(f func()) {
	begin := func() { s.world.runq = append(s.world.runq, step{host: (*host)(s), work: f}) }
	var wait time.Duration
	if slow := s.world.SlowWork; slow > 0 {
		wait = time.Duration(s.world.rand.Int64N(int64(slow)))
	}
	if d := s.world.disks[s.addr]; d != nil {
		wait = max(wait, d.stalled-s.world.now)
	}
	if wait > 0 || s.world.SlowWork > 0 {
		s.world.after(wait, begin).host = (*host)(s)
		return
	}
	begin()
}

// Drive lets Node.Wait and Node.Close work in the simulator: they run the world instead of blocking.
func (s *hostScheduler) Drive(done func() bool) {
	for w := s.world; !done(); {
		w.Settle()
		next, ok := w.due.next()
		if done() || !ok {
			return
		}
		w.now = next
	}
}
