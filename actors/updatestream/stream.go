package updatestream

import (
	"fmt"

	"meseta/messages/ids"
	"meseta/runtime"
)

// stream is the updates of one key: received once each, sent one at a time, in the order they came.
// Invariant: pending holds what was received and not acknowledged.
type stream[U any] struct {
	received     map[ids.UUID]bool
	acknowledged map[ids.UUID]bool
	pending      []received[U]
	terminated   bool // a terminal update was acknowledged

	journal *journal
	changes []change[U] // those under way, one after another: while the first is being written, the others wait
	retry   runtime.Timer
}

// received is an update with its UUID.
type received[U any] struct {
	id     ids.UUID
	update U
}

// change is an update or an acknowledgement on its way into a stream.
type change[U any] struct {
	volatile bool // it is made also if it cannot be written down
	id       ids.UUID
	update   U // the zero U in an acknowledgement
	ack      bool
	done     runtime.Promise[Outcome]
}

func (c change[U]) complete(o Outcome, err error) {
	if err != nil {
		c.done.Fail(err)
	} else {
		c.done.Set(o)
	}
}

func newStream[U any](file string) *stream[U] {
	return &stream[U]{
		received: map[ids.UUID]bool{}, acknowledged: map[ids.UUID]bool{}, journal: &journal{path: file, length: unknownLength},
	}
}

// known reports whether an update was received before.
func (s *stream[U]) known(id ids.UUID) bool { return s.received[id] || s.acknowledged[id] }

// receive adds an update that is not known.
func (s *stream[U]) receive(id ids.UUID, update U) {
	s.received[id] = true
	s.pending = append(s.pending, received[U]{id, update})
}

// refuses tells why an acknowledgement cannot be accepted now; nil means that it can.
func (s *stream[U]) refuses(id ids.UUID) error {
	switch {
	case len(s.pending) == 0:
		return fmt.Errorf("%w: no update waits for it", ErrUnexpected)
	case s.acknowledged[id]:
		return ErrDuplicate
	case s.pending[0].id != id:
		return fmt.Errorf("%w: another update is to be acknowledged first", ErrUnexpected)
	}
	return nil
}

// acknowledge ends the life of the oldest pending update.
func (s *stream[U]) acknowledge(terminal func(U) bool) {
	done := s.pending[0]
	s.acknowledged[done.id] = true
	s.pending = s.pending[1:]
	s.terminated = s.terminated || terminal(done.update)
}
