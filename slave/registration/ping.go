package registration

import (
	"time"

	"meseta/messages/pb/internalpb"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/slave/membership"
)

// defaultPingTimeout is how long a master may be silent unless it sets another timeout.
const defaultPingTimeout = 75 * time.Second

func (s *Registration) setPingTimeout(c *internalpb.MasterSlaveConnection) {
	s.pingTimeout = defaultPingTimeout
	if given := units.Seconds(c.GetTotalPingTimeoutSeconds()); given > 0 {
		s.pingTimeout = given
	}
}

// Ping answers a ping of the master's observer.
//
// Mesos: Slave::ping.
//
// Differs: Mesos registers again whoever says that the master wants it, and does not notice that its master is silent while
// anybody pings.
func (s *Registration) Ping(from runtime.PID, m *internalpb.PingSlaveMessage) {
	if leader := s.agent.Master(); !leader.IsZero() && from.Addr != leader.Addr {
		s.Log().Warn().Stringer("from", from).Stringer("master", leader).Msg("ping ignored: not from the leading master")
		return
	}
	if !m.GetConnected() && s.agent.State() == membership.Running {
		s.Log().Info().Msg("the master has marked this agent as disconnected, registering again")
		s.Redetect()
	}
	if s.agent.State() != membership.Recovering { // otherwise the agent is not looking for a master yet
		s.listen()
	}
	s.Send(from, &internalpb.PongSlaveMessage{})
}

// listen restarts the timer for the master's next ping.
func (s *Registration) listen() {
	s.silence.Cancel()
	s.silence = s.Delay(s.pingTimeout, func() {
		s.Log().Info().Dur("timeout", s.pingTimeout).Msg("no ping from the master")
		s.Redetect()
	})
}
