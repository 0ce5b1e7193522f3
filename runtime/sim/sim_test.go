package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// greeter greets whom it is told to, and links to them.
type greeter struct {
	runtime.Actor
	peer   runtime.PID
	heard  []string
	exited []runtime.PID
}

func (g *greeter) Initialize() {
	runtime.Install(g, g.greeted)
	if !g.peer.IsZero() {
		g.Link(g.peer)
		g.greet()
	}
}

func (g *greeter) greet() {
	g.Send(g.peer, wrapperspb.String("hello"))
	g.Delay(time.Second, g.greet)
}

func (g *greeter) greeted(from runtime.PID, m *wrapperspb.StringValue) {
	g.heard = append(g.heard, m.GetValue())
	if m.GetValue() == "hello" {
		g.Reply(wrapperspb.String("hello yourself"))
	}
}

func (g *greeter) Exited(pid runtime.PID) { g.exited = append(g.exited, pid) }

const (
	alice = "10.0.0.1:1"
	bob   = "10.0.0.2:1"
)

// pair starts bob, and alice, which greets bob.
func pair(t *testing.T, seed uint64) (w *sim.World, a, b *greeter) {
	w = sim.New(seed)
	b = &greeter{}
	ref, err := runtime.Spawn(w.Node(bob), "bob", b)
	if err != nil {
		t.Fatal(err)
	}
	a = &greeter{peer: ref.PID()}
	if _, err := runtime.Spawn(w.Node(alice), "alice", a); err != nil {
		t.Fatal(err)
	}
	return w, a, b
}

func TestANodeNeedsAnAddressOfItsOwn(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	t.Cleanup(w.Close)
	w.Node("10.0.0.1:1")
	for addr, want := range map[string]string{"localhost:1": "an IP address", "a1": "an IP address", "10.0.0.1:1": "already"} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("%s: %s", addr, got)
				}
			}()
			w.Node(addr)
		}()
	}
}

func TestMessagesTravel(t *testing.T) {
	t.Parallel()
	w, a, b := pair(t, 1)
	w.Advance(9500 * time.Millisecond)
	if len(a.heard) != 10 || len(b.heard) != 10 {
		t.Fatalf("alice heard %d, bob %d; want 10\n%s", len(a.heard), len(b.heard), w.Log())
	}
}

func TestSameSeedSameLog(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		w, _, _ := pair(t, seed)
		w.Advance(time.Minute)
		return w.Log()
	}
	if first, again := run(1), run(1); first != again {
		t.Error("seed 1 differs from itself")
	}
	if run(1) == run(2) {
		t.Error("seeds 1 and 2 agree")
	}
}

func TestCrashBreaksLinks(t *testing.T) {
	t.Parallel()
	w, a, _ := pair(t, 1)
	w.Advance(time.Second)
	w.Crash(bob)
	if !w.RunUntil(func() bool { return len(a.exited) > 0 }, time.Second) {
		t.Fatalf("alice was not told\n%s", w.Log())
	}
	w.Advance(time.Minute)
	if len(a.exited) != 1 || a.exited[0].ID != "bob" {
		t.Errorf("exited: %v", a.exited)
	}
}

func TestShortPartitionDelays(t *testing.T) {
	t.Parallel()
	w, a, b := pair(t, 1)
	w.Advance(500 * time.Millisecond)
	w.Partition(alice, bob)
	w.Advance(5 * time.Second)
	if len(b.heard) != 1 {
		t.Fatalf("bob heard %d during the partition", len(b.heard))
	}
	w.Heal(alice, bob)
	w.Advance(500 * time.Millisecond)
	if len(b.heard) != 6 || len(a.exited) != 0 {
		t.Fatalf("bob heard %d; exited %v\n%s", len(b.heard), a.exited, w.Log())
	}
}

// A node that is paused does nothing, and loses nothing of what others say. Its timers are late, those that follow from each other
// also by that. Nobody notices.
func TestPause(t *testing.T) {
	t.Parallel()
	w, a, b := pair(t, 1)
	w.Advance(500 * time.Millisecond)
	w.Pause(bob)
	w.Advance(time.Minute)
	if len(b.heard) != 1 || len(a.heard) != 1 || len(a.exited) != 0 {
		t.Fatalf("bob, who is paused, heard %d, and alice %d; exited %v", len(b.heard), len(a.heard), a.exited)
	}
	w.Resume(bob)
	w.Advance(100 * time.Millisecond)
	if len(b.heard) != 61 || len(a.heard) != 61 {
		t.Errorf("bob heard %d of 61, alice %d", len(b.heard), len(a.heard))
	}
	w.Pause(alice)
	w.Advance(time.Minute)
	w.Resume(alice)
	w.Advance(100 * time.Millisecond)
	if len(b.heard) != 62 {
		t.Errorf("bob heard %d of 62", len(b.heard))
	}
	w.Advance(time.Second)
	if len(b.heard) != 63 {
		t.Errorf("bob heard %d of 63", len(b.heard))
	}
	w.Pause(bob)
	w.Crash(bob)
	w.Resume(bob)
	if w.Advance(time.Second); len(b.heard) != 63 || len(a.exited) != 1 {
		t.Errorf("bob, who is dead, heard %d; exited %v", len(b.heard), a.exited)
	}
	w.Pause(alice)
	w.Close()
	if living := w.Living(); len(living) != 1 || len(living[0].PIDs()) != 0 {
		t.Errorf("there are %d nodes after the world was closed", len(living))
	}
}

func TestLongPartitionBreaksLinks(t *testing.T) {
	t.Parallel()
	w, a, _ := pair(t, 1)
	w.Advance(time.Second)
	w.Partition(bob, alice)
	if !w.RunUntil(func() bool { return len(a.exited) == 1 }, time.Minute) {
		t.Fatalf("alice was not told\n%s", w.Log())
	}
	w.Heal(bob, alice)
	before := len(a.heard)
	w.Advance(2 * time.Second)
	if len(a.heard) == before {
		t.Errorf("alice hears nothing after healing\n%s", w.Log())
	}
}

func TestPanicCrashesTheNode(t *testing.T) {
	t.Parallel()
	w, a, _ := pair(t, 1)
	w.Advance(time.Second)
	ref, err := runtime.Spawn(w.Node("10.0.0.3:1"), "carol", &greeter{peer: runtime.PID{ID: "alice", Addr: alice}})
	if err != nil {
		t.Fatal(err)
	}
	runtime.Tell(ref, func(*greeter) { panic("carol has a bug") })
	w.Advance(time.Second)
	if !strings.Contains(w.Log(), "crash 10.0.0.3:1") {
		t.Errorf("no crash\n%s", w.Log())
	}
	if len(a.exited) != 0 {
		t.Errorf("alice had no link to carol and was told %v", a.exited)
	}
}

func TestCrashBehindAPartition(t *testing.T) {
	t.Parallel()
	w, a, _ := pair(t, 1)
	w.Advance(time.Second)
	w.Partition(alice, bob)
	w.Crash(bob)
	w.Advance(10 * time.Second)
	if len(a.exited) != 0 {
		t.Fatalf("alice cannot know yet\n%s", w.Log())
	}
	w.Heal(alice, bob)
	w.Advance(time.Second)
	if len(a.exited) != 1 {
		t.Errorf("exited: %v\n%s", a.exited, w.Log())
	}
}

func TestRestartedNodeIsAnotherPeer(t *testing.T) {
	t.Parallel()
	w, a, old := pair(t, 1)
	w.Advance(time.Second)
	w.Crash(bob)
	young := &greeter{}
	if _, err := runtime.Spawn(w.Node(bob), "bob", young); err != nil {
		t.Fatal(err)
	}
	before := len(old.heard)
	w.Advance(10 * time.Second)
	if len(a.exited) != 1 || len(old.heard) != before || len(young.heard) == 0 {
		t.Errorf("exited %v, the dead one heard %d more, the young one %d\n%s",
			a.exited, len(old.heard)-before, len(young.heard), w.Log())
	}
}

func TestIntercept(t *testing.T) {
	t.Parallel()
	w, a, b := pair(t, 1)
	w.Advance(500 * time.Millisecond)
	remove := w.Intercept(func(e runtime.Envelope) sim.Verdict {
		if e.From.ID == "bob" {
			return sim.Drop
		}
		return sim.Pass
	})
	w.Advance(2 * time.Second)
	if len(a.heard) != 1 || len(b.heard) != 3 {
		t.Errorf("alice heard %d, bob %d; want 1 and 3", len(a.heard), len(b.heard))
	}
	remove()
	w.Advance(time.Second)
	if len(a.heard) != 2 {
		t.Errorf("alice heard %d afterwards", len(a.heard))
	}
}

func TestInterceptorsRepeatAndAreHeardInOneVoice(t *testing.T) {
	t.Parallel()
	w, a, b := pair(t, 1)
	w.Advance(500 * time.Millisecond)
	verdict := func(name string, v sim.Verdict) {
		w.Intercept(func(e runtime.Envelope) sim.Verdict {
			if e.From.ID == name {
				return v
			}
			return sim.Pass
		})
	}
	verdict("alice", sim.Repeat)
	verdict("bob", sim.Repeat)
	verdict("bob", sim.Drop)
	w.Advance(2 * time.Second)
	if len(a.heard) != 1 || len(b.heard) != 5 {
		t.Errorf("alice heard %d, bob %d; want 1 and 5", len(a.heard), len(b.heard))
	}
}

func TestTheLogSaysWhatItIsToldTo(t *testing.T) {
	t.Parallel()
	w, _, _ := pair(t, 1)
	w.Describe(func(e runtime.Envelope) (string, bool) { return "…", e.From.ID == "bob" })
	w.Note("the sun rises over %s", "both")
	w.Advance(500 * time.Millisecond)
	if log := w.Log(); strings.Contains(log, "hello") || strings.Count(log, "\n") != 2 ||
		!strings.Contains(log, "-- the sun rises over both") || !strings.Contains(log, "StringValue …") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestLossAndReordering(t *testing.T) {
	t.Parallel()
	type outcome struct{ arrived, overtaken int }
	try := func(change func(*sim.Network)) (o outcome) {
		w, a, b := pair(t, 7)
		network := sim.DefaultNetwork
		change(&network)
		w.SetNetwork(network)
		w.Settle()
		runtime.Tell(runtime.RefOf(a), func(a *greeter) {
			for i := range 1000 {
				a.Send(a.peer, wrapperspb.String(fmt.Sprintf("%03d", i)))
			}
		})
		w.Advance(900 * time.Millisecond)
		heard := slices.DeleteFunc(b.heard, func(s string) bool { return s == "hello" })
		o.arrived = len(heard)
		for i := 1; i < len(heard); i++ {
			if heard[i] < heard[i-1] {
				o.overtaken++
			}
		}
		return o
	}
	if o := try(func(*sim.Network) {}); o != (outcome{1000, 0}) {
		t.Errorf("by default: %+v", o)
	}
	if o := try(func(n *sim.Network) { n.Loss = 0.5 }); o.arrived < 400 || o.arrived > 600 || o.overtaken != 0 {
		t.Errorf("losing half: %+v", o)
	}
	if o := try(func(n *sim.Network) { n.Repeat = 0.5 }); o.arrived < 1400 || o.arrived > 1600 || o.overtaken != 0 {
		t.Errorf("repeating half: %+v", o)
	}
	if o := try(func(n *sim.Network) { n.Reorder = true }); o.arrived != 1000 || o.overtaken < 100 {
		t.Errorf("reordering: %+v", o)
	}
}

func TestNodesCloseInTheSimulator(t *testing.T) {
	t.Parallel()
	w, a, _ := pair(t, 1)
	w.Advance(time.Second)
	for _, n := range w.Living() {
		if n.Addr() == bob {
			if err := n.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Advance(time.Second)
	if len(a.exited) != 1 {
		t.Errorf("exited: %v\n%s", a.exited, w.Log())
	}
}

func TestWhatTheNetworkLosesIsTracedByTheSender(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	n := w.NodeWith(alice, func(o *runtime.Options) { o.TraceRing = 100 })
	w.Node(bob)
	w.Intercept(func(runtime.Envelope) sim.Verdict { return sim.Drop })
	if _, err := runtime.Spawn(n, "alice", &greeter{peer: runtime.PID{ID: "bob", Addr: bob}}); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	var sent runtime.EventID
	for _, e := range n.Trace().Events() {
		switch e.Kind {
		case runtime.EventSend:
			sent = e.ID
		case runtime.EventDrop:
			if e.Cause != sent || e.Note != "dropped by the network" {
				t.Errorf("dropped %+v, sent as %s", e, sent)
			}
			return
		}
	}
	t.Error("no drop was traced")
}
