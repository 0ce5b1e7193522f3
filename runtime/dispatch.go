package runtime

import "meseta/runtime/internal/funcs"

// Tell runs f on a turn of the actor behind to.
func Tell[B Behavior](to Ref[B], f func(B)) {
	a := to.target()
	a.node.put(a, item{kind: OnCall, payload: &told[B]{to.behavior, f}}, a.node.causeHere())
}

// told is a call nobody waits for.
type told[B Behavior] struct {
	behavior B
	f        func(B)
}

func (c *told[B]) run()          { c.f(c.behavior) }
func (c *told[B]) drop(error)    {}
func (c *told[B]) code() uintptr { return funcs.Entry(c.f) }

// Dispatch runs f on a turn of the actor behind to and returns its result. If the actor terminates first, the future
// fails with [ErrTerminated].
func Dispatch[B Behavior, R any](to Ref[B], f func(B) R) Future[R] {
	a := to.target()
	turn := a.node.causeHere()
	c := &dispatched[B, R]{behavior: to.behavior, f: f, entry: funcs.Entry(f), cell: cell[R]{owner: a, asked: stamp(turn)}}
	a.node.put(a, item{kind: OnCall, payload: c}, turn)
	return Future[R]{&c.cell}
}

// dispatched is a call with the future of its result.
type dispatched[B Behavior, R any] struct {
	behavior B
	f        func(B) R // nil once it ran, so that the future does not keep what it needed
	entry    uintptr
	cell     cell[R]
}

func (c *dispatched[B, R]) run() {
	f := c.f
	c.f = nil
	c.cell.finish(f(c.behavior), nil)
}

func (c *dispatched[B, R]) drop(err error) {
	var zero R
	c.f = nil
	c.cell.finish(zero, err)
}

func (c *dispatched[B, R]) code() uintptr { return c.entry }

// Call is Dispatch of a method with one argument. Traces and filters know it by the method's name.
func Call[B Behavior, P, R any](to Ref[B], method func(B, P) R, arg P) Future[R] {
	a := to.target()
	turn := a.node.causeHere()
	c := &dispatched[B, R]{behavior: to.behavior, f: func(b B) R { return method(b, arg) }, entry: funcs.Entry(method), cell: cell[R]{owner: a, asked: stamp(turn)}}
	a.node.put(a, item{kind: OnCall, payload: c}, turn)
	return Future[R]{&c.cell}
}

// Try is Call of a method that may fail: its error is the future's.
func Try[B Behavior, P, R any](to Ref[B], method func(B, P) (R, error), arg P) Future[R] {
	a := to.target()
	turn := a.node.causeHere()
	c := &tried[B, R]{behavior: to.behavior, entry: funcs.Entry(method), cell: cell[R]{owner: a, asked: stamp(turn)}}
	c.f = func(b B) (R, error) { return method(b, arg) }
	a.node.put(a, item{kind: OnCall, payload: c}, turn)
	return Future[R]{&c.cell}
}

// tried is a call that may fail, with the future of its result.
type tried[B Behavior, R any] struct {
	behavior B
	f        func(B) (R, error) // nil once it ran
	entry    uintptr
	cell     cell[R]
}

func (c *tried[B, R]) run() {
	f := c.f
	c.f = nil
	c.cell.finish(f(c.behavior))
}

func (c *tried[B, R]) drop(err error) {
	var zero R
	c.f = nil
	c.cell.finish(zero, err)
}

func (c *tried[B, R]) code() uintptr { return c.entry }

// Ask is Call of a method that answers later: it yields what the future will be that method returns.
func Ask[B Behavior, P, R any](to Ref[B], method func(B, P) Future[R], arg P) Future[R] {
	return Flatten(Call(to, method, arg))
}
