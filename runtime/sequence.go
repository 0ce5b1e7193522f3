package runtime

import "meseta/runtime/internal/funcs"

// Sequence does one thing after the other: each begins when the one before it is complete. It belongs to an actor and
// may be used only on its turns (libprocess: Sequence).
type Sequence struct {
	owner Behavior
	last  Future[struct{}]
}

// NewSequence returns an empty sequence of b.
func NewSequence(b Behavior) *Sequence { return &Sequence{owner: b, last: Ready(struct{}{})} }

// Enqueue calls do, on a turn of the sequence's owner, when all that was enqueued before is complete, well or ill, and
// returns its result. Discarding the future before its time keeps do from being called. When the owner terminates, all
// that is not complete fails with [ErrTerminated].
func Enqueue[T any](s *Sequence, do func() Future[T]) Future[T] {
	p, over := Owe[T](s.owner), NewPromise[struct{}]()
	p.cell.onAny(func(T, error) { over.Set(struct{}{}) })
	await(s.owner, CausedHere(s.owner, s.last), func(struct{}, error) {
		if p.Discarded() {
			p.Fail(ErrDiscarded)
			return
		}
		p.follow(do())
	}, funcs.Entry(do))
	s.last = over.Future()
	return p.Future()
}
