// Package labels lets code find out which traced turn it runs in.
//
// libprocess knows the current process by a thread-local variable. Go has no such thing, but a goroutine carries the labels
// of CPU profiles, and so a traced turn labels its goroutine with the actor's name: what is produced in the turn finds its
// cause, and profiles can be told apart by actor.
package labels

import (
	"context"
	"iter"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"unsafe"

	"meseta/runtime/internal/eventid"
)

// Label is that of one actor. Between Begin and End, on one goroutine at a time, it says what the actor's turn is.
type Label struct {
	name   string
	label  unsafe.Pointer
	node   uint64        // of the event that
	turn   atomic.Uint64 // is the number of; 0: none
	begun  bool          // so that the goroutine's label was
	before unsafe.Pointer
}

var kept sync.Map // of *Label, by its label

//go:linkname setLabel runtime/pprof.runtime_setProfLabel
func setLabel(label unsafe.Pointer)

//go:linkname getLabel runtime/pprof.runtime_getProfLabel
func getLabel() unsafe.Pointer

// New returns the label of an actor of that name, for events of that node. It is kept until Forget.
func New(name string, node uint64) *Label {
	before := getLabel()
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("actor", name)))
	l := &Label{name: name, label: getLabel(), node: node}
	setLabel(before)
	kept.Store(l.label, l)
	return l
}

// Begin labels this goroutine until End: what it does is of turn, whose node is the label's. A turn may begin without the end of
// the one before it, on the same goroutine.
func (l *Label) Begin(turn eventid.ID) {
	l.turn.Store(turn.Seq)
	here := getLabel()
	if !l.begun {
		l.begun, l.before = true, here
	}
	if here != l.label { // or the turn before has changed it
		setLabel(l.label)
	}
}

// End gives the goroutine back the label that it had at Begin.
func (l *Label) End() {
	setLabel(l.before)
	l.begun, l.before = false, nil
	l.turn.Store(0)
}

// Running yields the names of those actors of a node that take a turn now, with the number of the turn.
func Running(node uint64) iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		kept.Range(func(_, kept any) bool {
			l := kept.(*Label)
			turn := l.turn.Load()
			return l.node != node || turn == 0 || l.name == "" || yield(l.name, turn)
		})
	}
}

// Forget ends the use of l.
func (l *Label) Forget() { kept.Delete(l.label) }

// Kept reports whether l is not forgotten. It is for tests.
func (l *Label) Kept() bool {
	_, ok := kept.Load(l.label)
	return ok
}

// Here is the turn that this goroutine is labelled with. Without a label, as where nothing is traced, it costs next to
// nothing.
func Here() eventid.ID {
	label := getLabel()
	if label == nil {
		return eventid.ID{}
	}
	found, ok := kept.Load(label)
	if !ok {
		return eventid.ID{}
	}
	l := found.(*Label)
	turn := l.turn.Load()
	if turn == 0 {
		return eventid.ID{}
	}
	return eventid.ID{Node: l.node, Seq: turn}
}

// Attribute labels this goroutine with cause, which is no turn of an actor, until done is called. It does nothing if there is none.
func Attribute(cause eventid.ID) (done func()) {
	if cause.IsZero() {
		return func() {}
	}
	l := New("", cause.Node)
	l.Begin(cause)
	return func() {
		l.End()
		l.Forget()
	}
}
