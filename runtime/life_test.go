package runtime_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// What the package comment promises about an actor's life and about order is tested here, except for:
//
//	use before Spawn panics              TestUseBeforeSpawnIsExplained
//	one queue, nothing overtakes         TestEverythingIsOneQueue
//	Terminate, from outside and inside   TestTerminateHandlesWhatIsQueued, TestTerminateFromInsideOvertakes
//	the context has ended in Finalize    TestAContextAskedForInFinalizeHasEnded
//	Exited is told once                  TestExitsBelongToOneConnection
//	unencodable messages are refused     TestWhatCannotBeEncodedIsRefusedAlike
//	discards travel to the source        TestDiscardTravelsUp, TestDiscardTravelsThroughContinuations
//	a client that hangs up               libprocess: TestRequestsOfAClientThatHungUpAreDiscarded
//	panics off a turn                    TestPanicsOffATurnEndTheNode

// seeds is in how many interleavings an order must hold.
const seeds = 50

// pairOf puts two scribes on one node, or on two.
func pairOf(t *testing.T, w *sim.World, nodes int) (from, to runtime.Ref[*scribe]) {
	t.Helper()
	n := w.Node("10.0.0.1:1")
	from = spawn(t, n, "from", &scribe{})
	if nodes == 2 {
		n = w.Node("10.0.0.2:1")
	}
	return from, spawn(t, n, "to", &scribe{})
}

func heard(t *testing.T, w *sim.World, s runtime.Ref[*scribe]) []string {
	t.Helper()
	got, err := sim.Await(w, runtime.Dispatch(s, (*scribe).read), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func numbered(n int) []string {
	want := []string{"initialize"}
	for i := range n {
		want = append(want, fmt.Sprint("message ", i))
	}
	return want
}

func TestMessagesOfOneSenderArriveInOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		for _, nodes := range []int{1, 2} {
			w := sim.New(seed)
			from, to := pairOf(t, w, nodes)
			for turn := range 10 {
				runtime.Tell(from, func(a *scribe) {
					for i := range 10 {
						a.Send(to.PID(), wrapperspb.String(fmt.Sprint(10*turn+i)))
					}
				})
			}
			w.Advance(time.Second)
			if got := heard(t, w, to); !slices.Equal(got, numbered(100)) {
				t.Errorf("seed %d, %d nodes: %q", seed, nodes, got)
			}
		}
	}
}

// Within a node calls keep their place among messages.
func TestCallsKeepTheirPlaceAmongMessages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		w := sim.New(seed)
		from, to := pairOf(t, w, 1)
		runtime.Tell(from, func(a *scribe) {
			for i := 0; i < 30; i += 3 {
				a.Send(to.PID(), wrapperspb.String(fmt.Sprint(i)))
				runtime.Tell(to, func(b *scribe) { b.write("message %d", i+1) })
				runtime.Dispatch(to, func(b *scribe) int { b.write("message %d", i+2); return 0 })
			}
		})
		w.Settle()
		if got := heard(t, w, to); !slices.Equal(got, numbered(30)) {
			t.Errorf("seed %d: %q", seed, got)
		}
	}
}

func TestAnExitFollowsWhatWasSentWithinANode(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		w := sim.New(seed)
		from, to := pairOf(t, w, 1)
		runtime.Tell(to, func(b *scribe) { b.Link(from.PID()) })
		w.Settle()
		runtime.Tell(from, func(a *scribe) {
			for i := range 10 {
				a.Send(to.PID(), wrapperspb.String(fmt.Sprint(i)))
			}
			a.Terminate()
		})
		w.Settle()
		if got, want := heard(t, w, to), append(numbered(10), "exited from"); !slices.Equal(got, want) {
			t.Errorf("seed %d: %q", seed, got)
		}
	}
}

// Messages that arrive before Initialize wait for it.
func TestInitializeIsTheFirstTurn(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		w := sim.New(seed)
		n := w.Node("10.0.0.1:1")
		s := &scribe{}
		early := runtime.PID{ID: "late", Addr: n.Addr()}
		from := spawn(t, n, "from", &scribe{})
		runtime.Tell(from, func(a *scribe) {
			if _, err := runtime.Spawn(n, "late", s); err != nil {
				t.Error(err)
			}
			a.Send(early, wrapperspb.String("0"))
		})
		w.Settle()
		ref, _ := runtime.Find[*scribe](n, "late")
		if got := heard(t, w, ref); !slices.Equal(got, numbered(1)) {
			t.Errorf("seed %d: %q", seed, got)
		}
	}
}

// What Finalize sends leaves; what it awaits, books or queues does not come back; what waits fails afterwards.
func TestFinalizeIsTheLastTurn(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	a := &scribe{}
	n := w.Node("10.0.0.1:1")
	from, to := spawn(t, n, "from", a), spawn(t, w.Node("10.0.0.2:1"), "to", &scribe{})
	var order []string
	linked := spawn(t, n, "linked", &scribe{onExit: func() {
		_, there := runtime.Find[*scribe](n, "from")
		order = append(order, fmt.Sprint("exited; found: ", there))
	}})
	runtime.Tell(linked, func(l *scribe) { l.Link(from.PID()) })
	w.Settle()
	a.onEnd = func() {
		queued := runtime.Dispatch(from, (*scribe).read)
		queued.OnAny(func(_ []string, err error) {
			order = append(order, fmt.Sprint("call failed: ", errors.Is(err, runtime.ErrTerminated)))
		})
		owed := runtime.Owe[int](a)
		owed.Future().OnAny(func(_ int, err error) {
			order = append(order, fmt.Sprint("promise failed: ", errors.Is(err, runtime.ErrTerminated)))
		})
		a.Send(to.PID(), wrapperspb.String("0"))
		runtime.Await(a, runtime.Ready(1), func(int, error) { t.Error("a continuation ran after Finalize") })
		a.Delay(0, func() { t.Error("a timer fired after Finalize") })
		order = append(order, "finalized")
	}
	n.Terminate(from.PID())
	w.Advance(time.Second)
	expect(t, order, "call failed: true", "finalized", "promise failed: true", "exited; found: false")
	expect(t, heard(t, w, to), numbered(1)...)
	expect(t, heard(t, w, linked), "initialize", "exited from")
}
