package election

import (
	"slices"
	"sync"

	"meseta/messages/equal"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Detector follows the leadership. Implementations are safe for use by several actors at once.
type Detector interface {
	// Detect completes with the leader as soon as it differs from previous; nil means that no master leads. An actor
	// passes nil in its first call. A failed future means that detection is permanently broken. Discarding the future
	// releases the resources that wait for it.
	//
	// Mesos: MasterDetector::detect.
	Detect(previous *mesospb.MasterInfo) runtime.Future[*mesospb.MasterInfo]
}

// Closer is a [Detector] with actors of its own.
type Closer interface {
	Detector
	// Close ends the actors. The detector names nobody else from then on.
	Close()
}

// Close ends the actors of d, if d is a [Closer].
func Close(d Detector) {
	if c, ok := d.(Closer); ok {
		c.Close()
	}
}

// Standalone is a [Detector] whose leader is set by calls of Appoint. The zero value has no leader.
type Standalone struct {
	mu      sync.Mutex
	leader  *mesospb.MasterInfo
	broken  error // what every Detect fails with, once it is set
	waiting []*watch
}

type watch struct {
	previous *mesospb.MasterInfo
	promise  runtime.Promise[*mesospb.MasterInfo]
}

// NewStandalone returns a detector that names leader, which may be nil, until [Standalone.Appoint] is called.
func NewStandalone(leader *mesospb.MasterInfo) *Standalone { return &Standalone{leader: leader} }

// Appoint makes leader the detected one. nil means that no master leads. leader must not be changed afterwards.
//
// Mesos: StandaloneMasterDetector::appoint.
func (s *Standalone) Appoint(leader *mesospb.MasterInfo) {
	s.mu.Lock()
	s.leader = leader
	var told []*watch
	s.waiting = slices.DeleteFunc(s.waiting, func(w *watch) bool {
		changed := !same(w.previous, leader)
		if changed {
			told = append(told, w)
		}
		return changed
	})
	s.mu.Unlock()
	for _, w := range told {
		w.promise.Set(leader)
	}
}

// Detect implements [Detector].
func (s *Standalone) Detect(previous *mesospb.MasterInfo) runtime.Future[*mesospb.MasterInfo] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return runtime.Failed[*mesospb.MasterInfo](s.broken)
	}
	if !same(previous, s.leader) {
		return runtime.Ready(s.leader)
	}
	w := &watch{previous: previous, promise: runtime.NewPromise[*mesospb.MasterInfo]()}
	s.waiting = append(s.waiting, w)
	w.promise.OnDiscard(func() { s.forget(w) })
	return w.promise.Future()
}

// fail makes all calls of Detect fail, now and later.
func (s *Standalone) fail(err error) {
	s.mu.Lock()
	s.broken = err
	told := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	for _, w := range told {
		w.promise.Fail(err)
	}
}

func (s *Standalone) forget(w *watch) {
	s.mu.Lock()
	s.waiting = slices.DeleteFunc(s.waiting, func(x *watch) bool { return x == w })
	s.mu.Unlock()
	w.promise.Fail(runtime.ErrDiscarded)
}

// same reports whether a and b are the same leader or both nil.
func same(a, b *mesospb.MasterInfo) bool {
	return (a == nil) == (b == nil) && equal.Master(a, b)
}
