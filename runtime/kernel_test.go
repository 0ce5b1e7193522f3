package runtime_test

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
)

// A program on plain protoactor-go, in the same process: it asks one of our actors, watches it, and is linked to.
func TestPlainProtoactorPrograms(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	system := n.ActorSystem()
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
	n := newNode(t)
	s := spawn(t, n, "scribe", &scribe{})
	ours := actor.NewPID(s.PID().Addr, s.PID().ID)
	n.ActorSystem().Root.Send(ours, "a string")
	n.ActorSystem().Root.Send(ours, nil)
	n.ActorSystem().Root.Send(actor.NewPID("10.0.0.1:1", "far"), wrapperspb.Int32(1))
	n.ActorSystem().Root.Send(ours, wrapperspb.String("sense"))
	expect(t, lines(t, s), "initialize", "message sense")
	n.ActorSystem().Root.Stop(ours)
	if err := n.Wait(t.Context(), s.PID()); err != nil {
		t.Fatal(err)
	}
}
