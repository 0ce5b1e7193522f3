package registry_test

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"meseta/runtime/internal/registry"
)

const addr = "10.0.0.1:1"

// own is a process of the node's own; told are the system messages it got.
type own struct{ told []any }

func (*own) SendUserMessage(*actor.PID, any)         {}
func (o *own) SendSystemMessage(_ *actor.PID, m any) { o.told = append(o.told, m) }
func (*own) Stop(*actor.PID)                         {}

type foreign struct{ own }

func TestOwnProcessesAreFoundById(t *testing.T) {
	t.Parallel()
	r := registry.New[*own](addr, nil, &foreign{})
	made := map[string]*own{}
	for _, i := range []int{2, 0, 1} {
		id := fmt.Sprint("p", i)
		made[id] = &own{}
		if !r.Add(made[id], id) {
			t.Fatalf("%s is taken", id)
		}
	}
	if r.Add(&own{}, "p1") {
		t.Error("p1 was given twice")
	}
	for i, p := range r.Own() {
		if p != made[fmt.Sprint("p", i)] {
			t.Errorf("number %d is another's", i)
		}
	}
	r.Remove("p1")
	if p, other := r.Find("p1"); p != nil || other != nil || len(r.Own()) != 2 {
		t.Errorf("p1 is found after Remove: %v, %v", p, other)
	}
	if p, _ := r.Find("p2"); p != made["p2"] {
		t.Error("p2 is not found")
	}
	if r.Watch("p2", "p0") || r.Watch("nobody", "p0") {
		t.Error("a process of the node itself, or none, can be watched")
	}
}

// Foreign processes of a shared system are found and watched; those that every system has are not.
func TestForeignProcesses(t *testing.T) {
	t.Parallel()
	system := actor.NewActorSystem()
	abroad, guest := &foreign{}, &foreign{}
	r := registry.New[*own](addr, system, abroad)
	if _, ok := system.ProcessRegistry.Add(guest, "guest"); !ok {
		t.Fatal("guest is taken")
	}
	if p, other := r.Find("guest"); p != nil || other != actor.Process(guest) {
		t.Errorf("guest is found as %v, %v", p, other)
	}
	if len(r.Own()) != 0 {
		t.Errorf("%d processes of its own", len(r.Own()))
	}
	for _, id := range []string{"deadletter", "eventstream"} {
		if _, there := system.ProcessRegistry.GetLocal(id); !there {
			t.Errorf("a system has no %s", id)
		}
		if p, other := r.Find(id); p != nil || other != nil {
			t.Errorf("%s is found", id)
		}
	}
	if !r.Watch("guest", "me") || len(guest.told) != 1 || guest.told[0].(*actor.Watch).Watcher.Address != addr {
		t.Errorf("guest was told %v", guest.told)
	}
	if p, ok := r.At(actor.NewPID("10.0.0.2:1", "far")); !ok || p != actor.Process(abroad) {
		t.Errorf("a process abroad is %v, %v", p, ok)
	}
}
