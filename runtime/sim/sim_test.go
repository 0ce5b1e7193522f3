package sim_test

import (
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

// pair starts bob, and alice who greets him.
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
	if run(1) != run(1) {
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
