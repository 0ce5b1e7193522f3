package simcluster

import (
	"slices"
	"time"

	"meseta/runtime"
	"meseta/slave/executor"
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

// liveBy makes the process at n last as long as a driver runs: its main function returns when that is aborted, too.
func liveBy(n *runtime.Node, d *executor.Driver, exit func()) error {
	l, err := runtime.Spawn(n, "main", &life{main: d.PID(), exit: exit})
	if err == nil {
		runtime.Tell(l, func(l *life) {
			l.endWithin(5*time.Second, func() bool { return d.Status() == executor.Aborted })
		})
	}
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

// leave exits when no other process is left.
func (l *life) leave() {
	if len(l.others()) == 0 && l.Node().Working() == 0 {
		l.exit()
		return
	}
	l.Delay(time.Millisecond, l.leave)
}

// endWithin has the process end soon after given reports that its main function would return.
func (l *life) endWithin(pause time.Duration, given func() bool) {
	l.Delay(pause, func() {
		if given() {
			l.Exited(l.main)
			return
		}
		l.endWithin(pause, given)
	})
}

func (l *life) others() []runtime.PID {
	return slices.DeleteFunc(l.Node().PIDs(), func(p runtime.PID) bool { return p == l.Self() })
}
