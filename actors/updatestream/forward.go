package updatestream

import "time"

// Pause stops forwarding until Resume, for the time that there is no receiver.
func (m *Streams[K, U]) Pause() {
	m.paused = true
	for _, s := range m.streams {
		s.retry.Cancel()
		s.notForwarded()
	}
}

// Resume forwards the oldest unacknowledged update of each key at once, even if it was already forwarded to an earlier
// receiver. An update that is being written is forwarded when that is done.
func (m *Streams[K, U]) Resume() {
	m.paused = false
	m.Again(func(K) bool { return true })
}

// Again is Resume for those keys that are meant, unless forwarding is paused.
func (m *Streams[K, U]) Again(meant func(K) bool) {
	for _, k := range m.keys() {
		if meant(k) {
			m.streams[k].notForwarded()
			m.send(k)
		}
	}
}

// notForwarded forgets that the update which is being written was forwarded, because the receiver may be another one.
func (s *stream[U]) notForwarded() {
	if len(s.changes) > 0 {
		s.changes[0].forwarded = false
	}
}

// send forwards the oldest unacknowledged update of k and schedules its retry.
func (m *Streams[K, U]) send(k K) { m.sendAgain(k, m.options.RetryMin) }

func (m *Streams[K, U]) sendAgain(k K, wait time.Duration) {
	s := m.streams[k]
	s.retry.Cancel()
	if m.paused || len(s.pending) == 0 {
		return
	}
	m.forward(s.pending[0].update)
	m.awaitAnswer(k, wait)
}

// awaitAnswer forwards the oldest update of k again unless it is acknowledged within wait.
func (m *Streams[K, U]) awaitAnswer(k K, wait time.Duration) {
	m.streams[k].retry = m.Delay(wait, func() {
		m.Log().Warn().Stringer("stream", k).Msg("update not acknowledged, resending")
		m.sendAgain(k, min(2*wait, m.options.RetryMax))
	})
}

// forwardEarly forwards an update that is about to be written, if it is the oldest one of its stream and its kind permits
// that. An acknowledgement that arrives before the end of the write waits for it, like any change. If the write fails, the
// acknowledgement is unexpected, and later attempts to write the update forward it when they succeed.
//
// Differs: Mesos forwards every update after its write. The write takes most of the time in which a scheduler learns that
// its task runs, and is for an executor that has ended: one that lives keeps its update until it is told, after the write,
// that it may forget it, and sends it to the next agent, with the same UUID. An executor whose machine has lost its power
// is gone, and so is what it was doing.
func (m *Streams[K, U]) forwardEarly(s *stream[U], c *change[U]) {
	if m.paused || c.ack || c.volatile || len(s.pending) > 0 || s.known(c.id) || s.failed == c.id || !m.kind.Early(c.update) {
		return
	}
	c.forwarded = true
	m.forward(c.update)
}
