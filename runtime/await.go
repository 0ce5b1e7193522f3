package runtime

import "meseta/runtime/internal/funcs"

// Await runs then on a turn of b once f is complete. It never blocks and never runs then at once, so the order of
// events does not depend on whether f was complete already. Actor.From keeps the sender that was being answered. If b
// terminates first, then is never called: what others wait for is yielded by [Continue] or [Chain].
func Await[T any](b Behavior, f Future[T], then func(T, error)) { await(b, f, then, funcs.Entry(then)) }

// await is Await that knows then by its entry, or by that of the function it is made of.
func await[T any](b Behavior, f Future[T], then func(T, error), entry uintptr) {
	a := b.base()
	a.home()
	from, asked := a.from, a.turn.Seq
	f.known().onAny(func(v T, err error) {
		cause := a.node.causeHere()
		if cause.IsZero() {
			cause = a.node.trace.local(asked) // completed by a timer or the wire, which are nobody's turn
		}
		a.node.put(a, item{kind: OnAnswer, from: from, payload: &answer[T]{then, entry, v, err}}, cause)
	})
}

// answer is a complete future on its way to the actor that awaits it.
type answer[T any] struct {
	then  func(T, error)
	entry uintptr
	value T
	err   error
}

func (c *answer[T]) run()          { c.then(c.value, c.err) }
func (c *answer[T]) code() uintptr { return c.entry }
func (c *answer[T]) drop(error)    {}

// Continue is [Await] that yields what then returns: it calls then on a turn of b once f is complete, well or ill. If b
// terminates before that the future fails with [ErrTerminated]; discarding it discards f.
func Continue[T, U any](b Behavior, f Future[T], then func(T, error) (U, error)) Future[U] {
	p := Owe[U](b)
	p.OnDiscard(f.Discard)
	await(b, f, func(v T, err error) { p.cell.finish(then(v, err)) }, funcs.Entry(then))
	return p.Future()
}

// Chain is [Continue] with another wait: it yields what the future will be that then returns. It fails with
// [ErrTerminated] if b terminates before that, and discarding it discards what it waits for.
func Chain[T, U any](b Behavior, f Future[T], then func(T, error) Future[U]) Future[U] {
	p := Owe[U](b)
	p.OnDiscard(f.Discard)
	await(b, f, func(v T, err error) { p.follow(then(v, err)) }, funcs.Entry(then))
	return p.Future()
}
