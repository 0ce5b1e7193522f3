package runtime_test

import (
	"slices"
	"sync"
	"testing"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// A package beside runtime keeps what it likes for each node, made once however many ask at the same time.
func TestExtensionsAreMadeOncePerNode(t *testing.T) {
	t.Parallel()
	type kept struct{ node *runtime.Node }
	type other struct{ int }
	n, made := runtimetest.Node(t), 0
	get := func() *kept {
		return runtime.Extension(n, func(n *runtime.Node) *kept { made++; return &kept{n} })
	}
	var all sync.WaitGroup
	got := make([]*kept, 10)
	for i := range got {
		all.Go(func() { got[i] = get() })
	}
	all.Wait()
	if made != 1 || len(slices.Compact(got)) != 1 || got[0].node != n {
		t.Errorf("made %d of %v", made, got)
	}
	if o := runtime.Extension(n, func(*runtime.Node) *other { return &other{7} }); o.int != 7 {
		t.Errorf("another type gave %v", o)
	}
	if other := runtimetest.Node(t); runtime.Extension(other, func(n *runtime.Node) *kept { return &kept{n} }).node != other {
		t.Error("two nodes share one")
	}
}

// noted is what somebody keeps for an actor.
type noted struct{ count int }

func TestLocalsBelongToTheirActor(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:1")
	add := func(b *bystander) int {
		l := runtime.Local[noted](b)
		l.count++
		return l.count
	}
	a, b := runtimetest.Spawn(t, n, "a", &bystander{}), runtimetest.Spawn(t, n, "b", &bystander{})
	calls := []runtime.Future[int]{runtime.Dispatch(a, add), runtime.Dispatch(a, add), runtime.Dispatch(b, add)}
	w.Settle()
	for i, want := range []int{1, 2, 1} {
		if got, _, _ := calls[i].Peek(); got != want {
			t.Errorf("call %d counted %d, want %d", i, got, want)
		}
	}
}

type bystander struct{ runtime.Actor }

// words says what a request is about.
type words string

func (w words) String() string { return string(w) }

// A request waits and is traced under the words that its client chose, of which only so many are kept.
func TestRequestsAreKnownByWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:1")
	n.Trace().Record(100)
	ref := runtimetest.Spawn(t, n, "a", &bystander{})
	long := words(make([]byte, 10000))
	var waiting []runtime.Waiting
	var counted runtime.Queue
	runtime.Tell(ref, func(a *bystander) {
		runtime.DispatchRequest(ref, words("GET /state"), func(*bystander) int { return 0 })
		runtime.DispatchRequest(ref, long, func(*bystander) int { return 0 })
		waiting, counted = slices.Collect(runtime.QueueOf(a)), a.Queued()
	})
	w.Settle()
	if len(waiting) != 2 || waiting[0].Kind != runtime.OnRequest || waiting[0].About != words("GET /state") || counted.Requests != 2 {
		t.Errorf("%v wait, counted as %+v", waiting, counted)
	}
	var names []string
	for _, e := range n.Trace().Events() {
		if e.Kind == runtime.EventDeliver && e.What == runtime.OnRequest {
			names = append(names, e.Name)
		}
	}
	if len(names) != 2 || names[0] != "GET /state" || len(names[1]) > 300 {
		t.Errorf("traced as %.400q", names)
	}
}
