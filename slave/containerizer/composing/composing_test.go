package composing_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/composing"
	"meseta/slave/slavetest"
)

// house is two joined fake containerizers.
type house struct {
	containerizer.Containerizer
	t     *testing.T
	world *sim.World
	first *fake
	other *fake
	asked []string
}

// fake is a containerizer that answers when the test says so.
type fake struct {
	slavetest.Containers
	house     *house
	name      string
	answers   map[ids.Container]runtime.Promise[struct{}] // to launches
	recovered []ids.Container                             // running before Recover
	ended     []ids.Container                             // ended before Recover
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, world: runtimetest.World(t, 1)}
	h.first, h.other = h.fake("first"), h.fake("other")
	c, err := composing.New(h.world.Node("10.0.0.1:5051"), h.first, h.other)
	if err != nil {
		t.Fatal(err)
	}
	h.Containerizer = c
	return h
}

func (h *house) fake(name string) *fake {
	return &fake{house: h, name: name, answers: map[ids.Container]runtime.Promise[struct{}]{}}
}

func (f *fake) note(what string, id ids.Container) {
	f.house.asked = append(f.house.asked, fmt.Sprintf("%s: %s %s", f.name, what, id))
}

func (f *fake) Launch(l containerizer.Launch) runtime.Future[struct{}] {
	f.note("launch", l.ID)
	p := runtime.NewPromise[struct{}]()
	f.answers[l.ID] = p
	return p.Future()
}

// answer completes a launch.
func (f *fake) answer(id ids.Container, err error) {
	f.house.t.Helper()
	f.house.world.Settle()
	p, asked := f.answers[id]
	switch {
	case !asked:
		f.house.t.Fatalf("%s was not asked to launch %s", f.name, id)
	case err != nil:
		p.Fail(err)
	default:
		f.Containers.Launch(containerizer.Launch{ID: id})
		p.Set(struct{}{})
	}
	f.house.world.Settle()
}

func (f *fake) Destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	f.note("destroy", id)
	return f.Containers.Destroy(id)
}

func (f *fake) Signal(id ids.Container, s syscall.Signal) runtime.Future[struct{}] {
	f.note("signal", id)
	return f.Containers.Signal(id, s)
}

func (f *fake) Recover(known []containerizer.Survivor) runtime.Future[[]ids.Container] {
	f.note("recover", "")
	for _, id := range f.recovered {
		f.Containers.Launch(containerizer.Launch{ID: id})
	}
	for _, id := range f.ended {
		f.Containers.Launch(containerizer.Launch{ID: id})
		f.Containers.End(id, 256)
	}
	return f.Containers.Recover(known)
}

func (h *house) launch(id ids.Container) runtime.Future[struct{}] {
	return h.Launch(containerizer.Launch{ID: id, Config: &slavepb.ContainerConfig{}})
}

// wantAsked compares the calls of the joined containerizers since the last comparison.
func (h *house) wantAsked(want ...string) {
	h.t.Helper()
	h.world.Settle()
	if !slices.Equal(h.asked, want) {
		h.t.Errorf("asked:\n%s\nwant:\n%s", strings.Join(h.asked, "\n"), strings.Join(want, "\n"))
	}
	h.asked = nil
}

// wantError compares the error of a future; nil means that it succeeds.
func wantError[T any](h *house, f runtime.Future[T], want error) T {
	h.t.Helper()
	v, err := sim.Await(h.world, f, time.Minute)
	if !errors.Is(err, want) && (err == nil || want == nil || err.Error() != want.Error()) {
		h.t.Errorf("got %v, want %v", err, want)
	}
	return v
}

// pending fails the test if a future is complete.
func pending[T any](h *house, f runtime.Future[T]) {
	h.t.Helper()
	h.world.Settle()
	if _, done, err := f.Peek(); done {
		h.t.Errorf("complete, with %v", err)
	}
}

// A single containerizer is returned unchanged.
func TestOneAloneIsThePort(t *testing.T) {
	t.Parallel()
	h := &house{t: t, world: runtimetest.World(t, 1)}
	only, n := h.fake("only"), h.world.Node("10.0.0.1:5051")
	if c, err := composing.New(n, only); c != containerizer.Containerizer(only) || err != nil {
		t.Errorf("got %v, %v", c, err)
	}
	for _, pid := range n.PIDs() {
		if strings.HasPrefix(pid.ID, "composing") {
			t.Errorf("%v was spawned", pid)
		}
	}
}

// Each containerizer is asked after the one before has refused the container's kind.
func TestLaunchAsksInOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	launched := h.launch("c1")
	h.wantAsked("first: launch c1")
	wantError(h, h.launch("c1"), containerizer.ErrExists)
	pending(h, launched)
	h.first.answer("c1", containerizer.ErrUnsupported)
	h.wantAsked("other: launch c1")
	ended := h.Wait("c1")
	pending(h, ended)
	h.other.answer("c1", nil)
	wantError(h, launched, nil)
	wantError(h, h.launch("c1"), containerizer.ErrExists)
	pending(h, ended)

	wantError(h, h.Signal("c1", syscall.SIGTERM), nil)
	h.wantAsked("other: signal c1")
	if end := wantError(h, ended, nil); end.GetStatus() != int32(syscall.SIGTERM) {
		t.Errorf("ended with %v", end)
	}
	wantError(h, h.Wait("c1"), containerizer.ErrUnknown)
	wantError(h, h.Status("c1"), containerizer.ErrUnknown)
}

// A container that all refuse is refused, and forgotten.
func TestNobodyTakesIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	launched := h.launch("c1")
	ended := h.Wait("c1")
	h.first.answer("c1", containerizer.ErrUnsupported)
	h.other.answer("c1", containerizer.ErrUnsupported)
	wantError(h, launched, containerizer.ErrUnsupported)
	wantError(h, ended, containerizer.ErrUnknown)
	wantError(h, h.Destroy("c1"), containerizer.ErrUnknown)
	h.wantAsked("first: launch c1", "other: launch c1")
	h.launch("c1")
	h.wantAsked("first: launch c1")
}

// After a failure no other containerizer is asked, and the container is destroyed where it failed.
func TestFailureIsNoRefusal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	broken := errors.New("no such user")
	launched := h.launch("c1")
	h.first.answer("c1", broken)
	wantError(h, launched, broken)
	h.Destroy("c1")
	h.wantAsked("first: launch c1", "first: destroy c1")
}

// A container that is destroyed during its launch is offered to no other containerizer.
func TestDestroyedWhileAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer error
		want   string
	}{
		{"that would have refused it", containerizer.ErrUnsupported, "Container was destroyed while launching"},
		{"that gives up", errors.New("killed"), "killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			launched := h.launch("c1")
			h.Destroy("c1")
			h.wantAsked("first: launch c1", "first: destroy c1")
			h.first.answer("c1", c.answer)
			wantError(h, launched, errors.New(c.want))
			wantError(h, h.Wait("c1"), containerizer.ErrUnknown)
			h.wantAsked()
		})
	}
	t.Run("that runs it already", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		h.launch("c1")
		h.Destroy("c1")
		h.first.answer("c1", nil)
		h.Destroy("c1")
		wantError(h, h.Wait("c1"), nil)
		h.wantAsked("first: launch c1", "first: destroy c1", "first: destroy c1")
	})
}

// Nested containers, at any depth, are launched where their outermost container is.
func TestNestedFollowTheirRoot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	wantError(h, h.launch("c1.n1"), errors.New("Root container c1 not found"))
	h.launch("c1")
	h.first.answer("c1", containerizer.ErrUnsupported)
	h.other.answer("c1", nil)
	h.launch("c1.n1")
	h.other.answer("c1.n1", nil)
	h.launch("c1.n1.m1")
	h.other.answer("c1.n1.m1", nil)
	h.wantAsked("first: launch c1", "other: launch c1", "other: launch c1.n1", "other: launch c1.n1.m1")
	wantError(h, h.Destroy("c1.n1.m1"), nil)
	wantError(h, h.Wait("c1.n1.m1"), nil)
	wantError(h, h.Wait("c1.n1.m1"), nil)
	wantError(h, h.Remove("c1.n1.m1"), nil)
	wantError(h, h.Attach("c1.n1"), containerizer.ErrUnattachable)
	wantError(h, h.Usage("c1.n1"), nil)
	h.wantAsked("other: destroy c1.n1.m1")
	if all := wantError(h, h.List(), nil); !slices.Equal(all, []ids.Container{"c1", "c1.n1"}) {
		t.Errorf("listed %v", all)
	}
	wantError(h, h.Destroy("c1"), nil)
	wantError(h, h.Wait("c1"), nil)
	wantError(h, h.Remove("c1.n1"), errors.New("Unknown root container"))
	wantError(h, h.Destroy("c1.n1"), containerizer.ErrUnknown)
}

// Recovered containers stay where they are, and the lists are combined.
func TestRecover(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.first.recovered, h.other.recovered, h.other.ended = []ids.Container{"b", "b.n"}, []ids.Container{"a"}, []ids.Container{"c"}
	taken := wantError(h, h.Recover([]containerizer.Survivor{{ID: "c"}, {ID: "b"}, {ID: "gone"}}), nil)
	if !slices.Equal(taken, []ids.Container{"b", "c"}) {
		t.Errorf("took over %v", taken)
	}
	h.wantAsked("first: recover ", "other: recover ")
	if end := wantError(h, h.Wait("c"), nil); end.GetStatus() != 256 {
		t.Errorf("the container that had ended ended with %v", end)
	}
	if all := wantError(h, h.List(), nil); !slices.Equal(all, []ids.Container{"a", "b", "b.n"}) {
		t.Errorf("listed %v", all)
	}
	h.Destroy("a")
	h.Destroy("b.n")
	h.wantAsked("other: destroy a", "first: destroy b.n")
	wantError(h, h.launch("b"), containerizer.ErrExists)
}

// Futures fail when the actor terminates.
func TestFuturesEndWithTheActor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	launched := h.launch("c1")
	ended := h.Wait("c1")
	h.launch("c2")
	h.first.answer("c2", nil)
	running := h.Wait("c2")
	pending(h, running)
	h.Containerizer.(interface{ Close() }).Close()
	wantError(h, launched, runtime.ErrTerminated)
	wantError(h, ended, runtime.ErrTerminated)
	wantError(h, running, runtime.ErrTerminated)
	wantError(h, h.Update("c2", nil, nil), runtime.ErrTerminated)
	h.first.EndWith("c2", &slavepb.ContainerTermination{Status: proto.Int32(0)})
}
