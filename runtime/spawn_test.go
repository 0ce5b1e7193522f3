package runtime_test

import (
	"context"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/runtime/sim"
)

func TestIDsCanBeReadBack(t *testing.T) {
	t.Parallel()
	n := sim.New(1).Node("10.0.0.1:1")
	for id, ok := range map[string]bool{
		"master": true, "slave(1)": true, "scheduler-9a7c~x:y,z": true,
		"": false, "a@b": false, "a/b": false, " a": false, "a b": false, "a\r\nb": false, "a?b": false, "a#b": false, "a%b": false, "ä": false,
	} {
		ref, err := runtime.Spawn(n, id, &scribe{})
		if ok != (err == nil) {
			t.Errorf("%q: %v", id, err)
		}
		if err != nil {
			continue
		}
		if back, err := runtime.ParsePID(ref.PID().String()); err != nil || back != ref.PID() {
			t.Errorf("%q is read back as %v, %v", ref.PID(), back, err)
		}
	}
}

type deaf struct{ runtime.Actor }

func (*deaf) Exited(runtime.PID, error) {}

type unborn struct{ runtime.Actor }

func (*unborn) Initialize(context.Context) error { return nil }

type immortal struct{ runtime.Actor }

func (*immortal) Finalize() error { return nil }

func TestHooksThatWouldNeverBeCalledAreRefused(t *testing.T) {
	t.Parallel()
	n := sim.New(1).Node("10.0.0.1:1")
	refused := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error that says %q", err, want)
		}
	}
	_, err := runtime.Spawn(n, "a", &deaf{})
	refused(err, "want Exited(runtime.PID)")
	_, err = runtime.Spawn(n, "a", &unborn{})
	refused(err, "want Initialize()")
	_, err = runtime.Spawn(n, "a", &immortal{})
	refused(err, "want Finalize()")
}

// A spawn that fails is not traced.
func TestOnlyActorsThatStartAreTraced(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(o *runtime.Options) { o.TraceRing = 100 })
	spawn(t, n, "a", &scribe{})
	if _, err := runtime.Spawn(n, "a", &scribe{}); err == nil {
		t.Fatal("an id is given twice")
	}
	spawns := 0
	for _, e := range n.Trace().Events() {
		if e.Kind == runtime.EventSpawn {
			spawns++
		}
	}
	if spawns != 1 {
		t.Errorf("%d spawns are traced, of one actor", spawns)
	}
}

type late struct {
	runtime.Actor
	ctx context.Context
}

func (l *late) Finalize() { l.ctx = l.Context() }

func TestAContextAskedForInFinalizeHasEnded(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	n := w.Node("10.0.0.1:1")
	l := &late{}
	ref := spawn(t, n, "late", l)
	n.Terminate(ref.PID())
	w.Settle()
	if l.ctx == nil || l.ctx.Err() == nil {
		t.Errorf("the context of an actor that has terminated is %v", l.ctx)
	}
}
