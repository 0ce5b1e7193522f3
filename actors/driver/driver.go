// Package driver implements the life cycle of a driver: the object by which a program written with callbacks, a
// framework or an executor, controls the actor that speaks for it. A driver has a [Life] and adds the calls to its
// peer.
//
// Guarantees: a driver starts once. Calls made before Stop or Abort reach the actor, in order, and later calls do not.
// Join returns after the actor's last message.
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

// Life is the state of a driver and the actor B behind it. All methods may be called from any goroutine. None blocks,
// except [Life.Join], [Life.Run] and [Life.Wait].
type Life[B runtime.Behavior] struct {
	node *runtime.Node

	mu     sync.Mutex   // guards transitions, so that the actor sees them in order
	status atomic.Int32 // a mesospb.Status
	actor  runtime.Ref[B]

	end  sync.Once
	over chan struct{}
}

// New returns the life of a driver that is not started. Its actor will live on n.
func New[B runtime.Behavior](n *runtime.Node) *Life[B] {
	l := &Life[B]{node: n, over: make(chan struct{})}
	l.become(mesospb.Status_DRIVER_NOT_STARTED)
	return l
}

// Status returns the driver's state.
func (l *Life[B]) Status() mesospb.Status { return mesospb.Status(l.status.Load()) }

// Running reports whether calls on the driver and messages to its actor still have an effect. It turns false within
// [Life.Stop] and [Life.Abort], before the actor learns of them.
func (l *Life[B]) Running() bool { return l.Status() == mesospb.Status_DRIVER_RUNNING }

// PID returns the actor's address; it is zero unless the driver was started.
func (l *Life[B]) PID() runtime.PID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.actor.PID()
}

// Start calls spawn, unless the driver was started before. If spawn fails, the driver is aborted and has ended.
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

// Stop stops the driver and calls farewell on the actor's turn, unless the driver was not started or is stopped
// already. If the driver was aborted, Stop returns DRIVER_ABORTED.
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

// Abort stops all callbacks, and calls farewell on the turn of the actor of a running driver.
func (l *Life[B]) Abort(farewell func(B)) mesospb.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Running() {
		l.become(mesospb.Status_DRIVER_ABORTED)
		l.tell(farewell)
	}
	return l.Status()
}

// Do calls f on the actor's turn if the driver is running.
func (l *Life[B]) Do(f func(B)) mesospb.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Running() {
		l.tell(f)
	}
	return l.Status()
}

// End makes Join return. Only the actor calls it, after its last message. Calls after the first do nothing.
func (l *Life[B]) End() { l.end.Do(func() { close(l.over) }) }

// Done returns a channel that is closed when Join would return.
func (l *Life[B]) Done() <-chan struct{} { return l.over }

// Join waits until the driver is stopped or aborted, if it was started. It must not be called in callbacks.
func (l *Life[B]) Join() mesospb.Status {
	if l.Status() != mesospb.Status_DRIVER_NOT_STARTED {
		<-l.over
	}
	return l.Status()
}

// Run starts the driver with start, and joins it if it is running afterwards.
func (l *Life[B]) Run(start func() mesospb.Status) mesospb.Status {
	if s := start(); s != mesospb.Status_DRIVER_RUNNING {
		return s
	}
	return l.Join()
}

// Wait waits until the actor has ended or ctx is done. Afterwards nothing refers to the driver's program any more.
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
