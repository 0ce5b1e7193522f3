package statusupdate

import (
	"fmt"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
)

// stream is the status updates of one task: received once each, sent one at a time, in the order they came.
// Invariant: pending holds what was received and not acknowledged.
type stream struct {
	received     map[ids.UUID]bool
	acknowledged map[ids.UUID]bool
	pending      []*internalpb.StatusUpdate
	terminated   bool // a terminal update was acknowledged
}

func newStream() stream {
	return stream{received: map[ids.UUID]bool{}, acknowledged: map[ids.UUID]bool{}}
}

// known reports whether an update was received before.
func (s *stream) known(id ids.UUID) bool { return s.received[id] || s.acknowledged[id] }

// received adds an update that is not known.
func (s *stream) receive(id ids.UUID, update *internalpb.StatusUpdate) {
	s.received[id] = true
	s.pending = append(s.pending, update)
}

// next is the update to be acknowledged; nil when all are.
func (s *stream) next() *internalpb.StatusUpdate {
	if len(s.pending) == 0 {
		return nil
	}
	return s.pending[0]
}

// expects tells why an acknowledgement cannot be accepted now; nil means that it can.
func (s *stream) expects(id ids.UUID) error {
	next := s.next()
	switch {
	case next == nil:
		return fmt.Errorf("%w: no update waits for it", ErrUnexpected)
	case s.acknowledged[id]:
		return ErrDuplicate
	case string(next.GetUuid()) != string(id[:]):
		return fmt.Errorf("%w: another update is to be acknowledged first", ErrUnexpected)
	}
	return nil
}

// acknowledge ends the life of the next update.
func (s *stream) acknowledge(id ids.UUID) {
	done := s.pending[0]
	s.acknowledged[id] = true
	s.pending = s.pending[1:]
	s.terminated = s.terminated || Terminal(done.GetStatus().GetState())
}

// Terminal reports whether a task in this state will never be in another.
//
// Mesos: protobuf::isTerminalState.
func Terminal(state mesospb.TaskState) bool {
	switch state {
	case mesospb.TaskState_TASK_FINISHED, mesospb.TaskState_TASK_FAILED, mesospb.TaskState_TASK_KILLED,
		mesospb.TaskState_TASK_ERROR, mesospb.TaskState_TASK_LOST, mesospb.TaskState_TASK_DROPPED,
		mesospb.TaskState_TASK_GONE, mesospb.TaskState_TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}
