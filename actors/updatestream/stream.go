package updatestream

import (
	"fmt"

	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/runtime/disk"
)

// stream holds the updates of one key. Each is received once, and they are sent one at a time in the order received.
// Invariant: pending holds the updates that were received and not acknowledged.
type stream[U any] struct {
	received     map[ids.UUID]bool
	acknowledged map[ids.UUID]bool
	pending      []received[U]
	terminated   bool // a terminal update has been acknowledged

	log *disk.Log // nil: nothing is written
	// unsynced reports that what an earlier process has written may not be on the medium.
	unsynced bool
	changes  []change[U] // in progress, in order: the first are being written, the others wait
	failed   ids.UUID    // of the latest update that could not be written
	retry    runtime.Timer
}

// received is an update with its UUID.
type received[U any] struct {
	id     ids.UUID
	update U
}

// change is an update or an acknowledgement that is about to be applied to a stream.
type change[U any] struct {
	volatile bool // applied even if it cannot be written
	id       ids.UUID
	update   U // the zero U for an acknowledgement
	ack      bool
	// forwarded reports that the update was forwarded, and to the present receiver, before it is written.
	forwarded bool
	done      runtime.Promise[Outcome]
}

func newStream[U any](file string) *stream[U] {
	return &stream[U]{received: map[ids.UUID]bool{}, acknowledged: map[ids.UUID]bool{}, log: newLog(file)}
}

// known reports whether an update was received before.
func (s *stream[U]) known(id ids.UUID) bool { return s.received[id] || s.acknowledged[id] }

// receive adds an update that is not known yet.
func (s *stream[U]) receive(id ids.UUID, update U) {
	s.received[id] = true
	s.pending = append(s.pending, received[U]{id, update})
}

// refuses returns the reason why the acknowledgement of id cannot be accepted now, or nil if it can.
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

// acknowledge removes the oldest pending update and records it as acknowledged.
func (s *stream[U]) acknowledge(terminal func(U) bool) {
	done := s.pending[0]
	s.acknowledged[done.id] = true
	s.pending = s.pending[1:]
	s.terminated = s.terminated || terminal(done.update)
}
