package runtime

// Sequence does one thing after the other: each begins when the one before it is complete. It belongs to an actor and
// may be used only on its turns (libprocess: Sequence).
type Sequence struct {
	owner Behavior
	last  Future[struct{}]
}

// NewSequence returns an empty sequence of b.
func NewSequence(b Behavior) *Sequence { return &Sequence{owner: b, last: Ready(struct{}{})} }

// Enqueue calls do, on a turn of the sequence's owner, when all that was enqueued before is complete, well or ill, and
// returns its result. Discarding the future before its time keeps do from being called.
func Enqueue[T any](s *Sequence, do func() Future[T]) Future[T] {
	p, over := NewPromise[T](), NewPromise[struct{}]()
	await(s.owner, s.last, func(struct{}, error) {
		if p.Discarded() {
			p.Fail(ErrDiscarded)
			over.Set(struct{}{})
			return
		}
		f := do()
		p.OnDiscard(f.Discard)
		f.OnAny(func(v T, err error) {
			p.cell.finish(v, err)
			over.Set(struct{}{})
		})
	}, func() { p.Fail(ErrTerminated) })
	s.last = over.Future()
	return p.Future()
}
