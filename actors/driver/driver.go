// Package driver is the life of a driver: of the object by which a program that is written with callbacks, a framework or
// an executor, commands the actor that speaks for it. A driver has a
// [Life], and adds what can be said to its peer.
//
// Guarantees: a driver starts once; what was said before Stop or Abort reaches the actor, in order, and nothing said
// later does; who joins returns after the actor's last word.
//
// Mesos: MesosSchedulerDriver and MesosExecutorDriver, whose state machines are the same.
package driver

import (
	"context"
	"sync"
	"sync/atomic"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Life is where a driver stands between its start and its end, and the actor B behind it. All methods may be called from
// anywhere; none waits, except for [Life.Join], [Life.Run] and [Life.Wait].
type Life[B runtime.Behavior] struct {
	node *runtime.Node

	mu     sync.Mutex   // of transitions, so that the actor hears of them in their order
	status atomic.Int32 // a mesospb.Status
	actor  runtime.Ref[B]

	end  sync.Once
	over chan struct{}
}

// New returns the life of a driver that is not started. Its actor is going to live on n.
func New[B runtime.Behavior](n *runtime.Node) *Life[B] {
	l := &Life[B]{node: n, over: make(chan struct{})}
	l.become(mesospb.Status_DRIVER_NOT_STARTED)
	return l
}

// Status returns where the driver stands.
func (l *Life[B]) Status() mesospb.Status { return mesospb.Status(l.status.Load()) }

// Running reports whether what the driver is told, and what its actor hears, still counts. It turns false within
// [Life.Stop] and [Life.Abort], before the actor learns of them.
func (l *Life[B]) Running() bool { return l.Status() == mesospb.Status_DRIVER_RUNNING }

// PID returns the actor's address; it is zero unless the driver was started.
func (l *Life[B]) PID() runtime.PID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.actor.PID()
}

// Start runs spawn, unless the driver was started before. If spawn fails, the driver is aborted and over.
func (l *Life[B]) Start(spawn func() (runtime.Ref[B], error)) (mesospb.Status, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.Status(); s != mesospb.Status_DRIVER_NOT_STARTED {
		return s, nil
	}
	l.become(mesospb.Status_DRIVER_RUNNING) // before the actor's first turn
	actor, err := spawn()
	if err != nil {
		l.become(mesospb.Status_DRIVER_ABORTED)
		l.End()
		return l.Status(), err
	}
	l.actor = actor
	return l.Status(), nil
}

// Stop ends the driver, and says farewell to its actor, unless it was not started or is stopped already. Whoever stops
// an aborted driver is told that it was aborted.
func (l *Life[B]) Stop(farewell func(B)) mesospb.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.Status()
	if was != mesospb.Status_DRIVER_RUNNING && was != mesospb.Status_DRIVER_ABORTED {
		return was
	}
	l.become(mesospb.Status_DRIVER_STOPPED)
	l.tell(farewell)
	if was == mesospb.Status_DRIVER_ABORTED {
		return was
	}
	return l.Status()
}

// Abort ends all callbacks, and says farewell to the actor of a running driver.
func (l *Life[B]) Abort(farewell func(B)) mesospb.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Running() {
		l.become(mesospb.Status_DRIVER_ABORTED)
		l.tell(farewell)
	}
	return l.Status()
}

// Do hands f to the actor if the driver is running.
func (l *Life[B]) Do(f func(B)) mesospb.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Running() {
		l.tell(f)
	}
	return l.Status()
}

// End lets those go who joined. Only the actor calls it, once it has said its last word; calls after the first do
// nothing.
func (l *Life[B]) End() { l.end.Do(func() { close(l.over) }) }

// Done is closed when Join would return.
func (l *Life[B]) Done() <-chan struct{} { return l.over }

// Join waits until the driver is stopped or aborted, if it was started. Not for callbacks.
func (l *Life[B]) Join() mesospb.Status {
	if l.Status() != mesospb.Status_DRIVER_NOT_STARTED {
		<-l.over
	}
	return l.Status()
}

// Run starts the driver by start, and joins it if it is running then.
func (l *Life[B]) Run(start func() mesospb.Status) mesospb.Status {
	if s := start(); s != mesospb.Status_DRIVER_RUNNING {
		return s
	}
	return l.Join()
}

// Wait returns once the actor is gone, after which nothing refers to the driver's program any more. It ends early with ctx.
func (l *Life[B]) Wait(ctx context.Context) error {
	pid := l.PID()
	if pid.IsZero() {
		return nil
	}
	return l.node.Wait(ctx, pid)
}

func (l *Life[B]) become(s mesospb.Status) { l.status.Store(int32(s)) }

// tell must be called with mu held.
func (l *Life[B]) tell(f func(B)) {
	if !l.actor.IsZero() {
		runtime.Tell(l.actor, f)
	}
}
