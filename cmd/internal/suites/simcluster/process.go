package simcluster

import (
	"slices"
	"time"

	"meseta/runtime"
)

// reapInterval is how long the end of a process goes unnoticed.
const reapInterval = 100 * time.Millisecond

// life is a process's main function: it waits for the actor that matters, lets the others end, and exits.
type life struct {
	runtime.Actor
	main runtime.PID
	exit func() // called on the last turn
}

// live makes the process at n last as long as main.
func live(n *runtime.Node, main runtime.PID, exit func()) error {
	_, err := runtime.Spawn(n, "main", &life{main: main, exit: exit})
	return err
}

// Initialize implements [runtime.Initializer].
func (l *life) Initialize() { l.Link(l.main) }

// Exited implements [runtime.Exiter].
func (l *life) Exited(runtime.PID) {
	for _, pid := range l.others() {
		l.Node().Terminate(pid)
	}
	l.leave()
}

// leave exits when nobody else is there.
func (l *life) leave() {
	if len(l.others()) == 0 && l.Node().Working() == 0 {
		l.exit()
		return
	}
	l.Delay(time.Millisecond, l.leave)
}

func (l *life) others() []runtime.PID {
	return slices.DeleteFunc(l.Node().PIDs(), func(p runtime.PID) bool { return p == l.Self() })
}
