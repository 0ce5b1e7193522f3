package runtime_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
)

// shared returns a node that shares its names with plain protoactor-go programs.
func shared(t *testing.T) (*runtime.Node, *actor.ActorSystem) {
	t.Helper()
	system := newStock()
	return newNode(t, func(o *runtime.Options) { o.ActorSystem = system }), system
}

// A program on plain protoactor-go, in the same process: it asks one of our actors, watches it, and is linked to.
func TestPlainProtoactorPrograms(t *testing.T) {
	t.Parallel()
	n, system := shared(t)
	s := spawn(t, n, "scribe", &scribe{})
	runtime.Tell(s, func(s *scribe) {
		runtime.Install(s, func(from runtime.PID, m *wrapperspb.Int32Value) { s.Reply(wrapperspb.Int32(2 * m.GetValue())) })
	})
	lines(t, s)
	ours := actor.NewPID(s.PID().Addr, s.PID().ID)

	got, err := system.Root.RequestFuture(ours, wrapperspb.Int32(21), 10*time.Second).Result()
	if m, ok := got.(*wrapperspb.Int32Value); err != nil || !ok || m.GetValue() != 42 {
		t.Fatalf("the answer is %v, %v", got, err)
	}

	watching, terminated := make(chan bool), make(chan *actor.PID, 1)
	watcher, err := system.Root.SpawnNamed(actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *actor.Started:
			c.Watch(ours)
			close(watching)
		case *actor.Terminated:
			terminated <- m.Who
		}
	}), "watcher")
	if err != nil {
		t.Fatal(err)
	}
	<-watching
	told := make(chan struct{})
	other := spawn(t, n, "other", &scribe{onExit: func() { close(told) }})
	runtime.Tell(other, func(a *scribe) { a.Link(runtime.PID{ID: "watcher", Addr: n.Addr()}) })
	lines(t, other)

	n.Terminate(s.PID())
	select {
	case who := <-terminated:
		if who.GetId() != "scribe" {
			t.Errorf("%s terminated", who.GetId())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the watcher was not told")
	}
	if err := system.Root.StopFuture(watcher).Wait(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("the other actor was not told")
	}
	expect(t, lines(t, other), "initialize", "exited watcher")
}

// What protoactor-go programs send that makes no sense to our actors is dropped.
func TestForeignNonsenseIsDropped(t *testing.T) {
	t.Parallel()
	n, system := shared(t)
	s := spawn(t, n, "scribe", &scribe{})
	ours := actor.NewPID(s.PID().Addr, s.PID().ID)
	system.Root.Send(ours, "a string")
	system.Root.Send(ours, nil)
	system.Root.Send(actor.NewPID("10.0.0.1:1", "far"), wrapperspb.Int32(1))
	system.Root.Send(ours, wrapperspb.String("sense"))
	expect(t, lines(t, s), "initialize", "message sense")
	system.Root.Stop(ours)
	if err := n.Wait(t.Context(), s.PID()); err != nil {
		t.Fatal(err)
	}
}

// Peers choose the names that actors link to and answer. protoactor-go's own processes answer a watch at once, on the
// goroutine that asks; with any of these names the linker gets its exit, and nobody else waits for it.
func TestNamesOfTheRegistryAreNobody(t *testing.T) {
	t.Parallel()
	withSystem, _ := shared(t)
	for _, n := range []*runtime.Node{newNode(t), withSystem} {
		for i, id := range []string{"deadletter", "eventstream", "guardian", "nonhost", "$1", "future$1", "__processes__", ""} {
			s := spawn(t, n, fmt.Sprintf("s%d", i), &scribe{})
			runtime.Tell(s, func(a *scribe) {
				a.Send(runtime.PID{ID: id, Addr: n.Addr()}, wrapperspb.String("hello"))
				a.Link(runtime.PID{ID: id, Addr: n.Addr()})
			})
			lines(t, s)
			expect(t, lines(t, s), "initialize", "exited "+id)
		}
	}
}

// A foreign process that announces an end which is not its own is not believed.
func TestForeignersSpeakForThemselves(t *testing.T) {
	t.Parallel()
	n, system := shared(t)
	s, friend := spawn(t, n, "scribe", &scribe{}), spawn(t, n, "friend", &scribe{})
	runtime.Tell(s, func(a *scribe) { a.Link(friend.PID()) })
	lines(t, s)
	ours := actor.NewPID(s.PID().Addr, s.PID().ID)
	p, _ := system.ProcessRegistry.Get(ours)
	for _, id := range []string{"friend", "nobody", ""} {
		p.SendSystemMessage(ours, &actor.Terminated{Who: actor.NewPID(n.Addr(), id)})
	}
	p.SendSystemMessage(ours, &actor.Terminated{})
	lines(t, s)
	expect(t, lines(t, s), "initialize")
	n.Terminate(friend.PID())
	if err := n.Wait(t.Context(), friend.PID()); err != nil {
		t.Fatal(err)
	}
	expect(t, lines(t, s), "initialize", "exited friend")
}

// A program that imports the runtime keeps the maps it has made with the library beneath the registry.
func TestImportingChangesNothing(t *testing.T) {
	t.Parallel()
	if cmap.SHARD_COUNT != 32 {
		t.Errorf("concurrent-map's SHARD_COUNT is %d; it was 32", cmap.SHARD_COUNT)
	}
}
