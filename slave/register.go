package slave

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/messages/units"
	"meseta/messages/validate"
	"meseta/runtime"
	"meseta/slave/membership"
	"meseta/slave/updates"
	"meseta/slave/wire"
)

const (
	// maxRegistrationBackoff bounds the wait between two attempts to register.
	maxRegistrationBackoff = time.Minute
	// defaultPingTimeout is how long a master may be silent unless it says otherwise.
	defaultPingTimeout = 75 * time.Second
)

// registration is how the agent finds its master and stays with it.
type registration struct {
	*Slave
	detector    election.Detector
	detection   runtime.Future[*mesospb.MasterInfo]
	next        runtime.Timer // registers again
	silence     runtime.Timer // fires when the master has not pinged for pingTimeout
	pingTimeout time.Duration
}

// detect asks for a leader other than the last one.
func (s *registration) detect(previous *mesospb.MasterInfo) {
	s.detection = s.detector.Detect(previous)
	runtime.Await(s, s.detection, s.detected)
}

// redetect asks for the leader as if none had been known, which makes the agent register anew.
func (s *registration) redetect() { s.detection.Discard() }

// detected turns to the master that leads now, after a random while, since all agents hear of it at once.
//
// Mesos: Slave::detected.
func (s *registration) detected(leader *mesospb.MasterInfo, err error) {
	s.next.Cancel()
	s.updates.Pause()
	switch {
	case errors.Is(err, runtime.ErrDiscarded):
		s.Log().Info().Msg("detecting the master again")
		election.Suspect(s.detector, s.membership.Leader())
		leader = nil
	case err != nil:
		s.fatal(fmt.Errorf("detect the master: %w", err))
		return
	}
	s.membership.Follow(leader)
	if leader == nil {
		s.Log().Info().Msg("no master leads")
	} else {
		s.Log().Info().Stringer("master", s.membership.Master()).Msg("new master detected")
		if s.membership.State() == membership.Terminating {
			return
		}
		s.next = s.Delay(s.upTo(s.config.RegistrationBackoff), func() { s.register(2 * s.config.RegistrationBackoff) })
	}
	s.detect(leader)
}

// upTo returns a random time up to d.
func (s *registration) upTo(d time.Duration) time.Duration {
	return time.Duration(s.Rand().Float64() * float64(d))
}

// register tells the master what this agent has and does, again and again until it answers.
//
// Mesos: Slave::doReliableRegistration.
func (s *registration) register(backoff time.Duration) {
	if s.membership.State() != membership.Disconnected || s.membership.Master().IsZero() {
		return
	}
	s.Link(s.membership.Master())
	if s.membership.Info().GetId() == nil {
		s.membership.SendMaster(wire.Registration(s.membership.Info(), s.membership.ResourceVersion()))
	} else {
		s.membership.SendMaster(wire.Reregistration(s.membership.Info(), s.membership.ResourceVersion(), s.book))
	}
	backoff = max(min(backoff, maxRegistrationBackoff), shortestInterval)
	s.next = s.Delay(s.upTo(backoff), func() { s.register(2 * backoff) })
}

// registered is the master's answer to an agent it had not known.
//
// Mesos: Slave::registered.
func (s *registration) registered(from runtime.PID, m *internalpb.SlaveRegisteredMessage) {
	if !s.membership.FromMaster(from, "registered") {
		return
	}
	id := ids.AgentOf(m.GetSlaveId())
	if !s.isCalled(id) {
		return
	}
	s.setPingTimeout(m.GetConnection())
	switch s.membership.State() {
	case membership.Disconnected:
		s.Log().Info().Stringer("master", from).Stringer("agent_id", id).Msg("registered")
		s.enter(id)
		s.recorder.Identity()
	case membership.Running:
		s.Log().Warn().Stringer("master", from).Msg("already registered")
	case membership.Terminating:
		s.Log().Warn().Msg("registration ignored, the agent is shutting down")
		return
	}
	s.sendUpdate()
}

// reregistered is the master's answer to an agent that had an id.
//
// Mesos: Slave::reregistered.
func (s *registration) reregistered(from runtime.PID, m *internalpb.SlaveReregisteredMessage) {
	if !s.membership.FromMaster(from, "reregistered") {
		return
	}
	if id := ids.AgentOf(m.GetSlaveId()); s.membership.ID() == "" || !s.isCalled(id) {
		return
	}
	s.setPingTimeout(m.GetConnection())
	switch s.membership.State() {
	case membership.Disconnected:
		s.Log().Info().Stringer("master", from).Msg("re-registered")
		s.enter(s.membership.ID())
	case membership.Running:
		s.Log().Warn().Stringer("master", from).Msg("already re-registered")
	case membership.Terminating:
		s.Log().Warn().Msg("re-registration ignored, the agent is shutting down")
		return
	}
	s.sendUpdate()
	s.updates.CloseParted()
	for _, r := range m.GetReconciliations() {
		s.reconcile(r)
	}
}

// isCalled reports whether a master calls the agent by its name, or gives it a proper one if it has none.
//
// Differs: the reference exits when it is called by another name. No honest master does that, so the message is ignored.
func (s *registration) isCalled(id ids.Agent) bool {
	err := validate.ID(string(id))
	if err == nil && (s.membership.ID() == "" || s.membership.ID() == id) {
		return true
	}
	s.Log().Error().AnErr("err", err).Str("given", string(id)).Stringer("agent_id", s.membership.ID()).
		Msg("registration ignored: it is for another agent")
	return false
}

// enter begins the life under a master, which calls the agent id.
func (s *registration) enter(id ids.Agent) {
	s.membership.Register(id)
	s.next.Cancel()
	s.updates.Resume()
	s.listen()
}

// sendUpdate tells the master what may have changed between the agent's start and its registration.
func (s *registration) sendUpdate() {
	s.membership.SendMaster(&internalpb.UpdateSlaveMessage{
		SlaveId: s.membership.Info().GetId(), UpdateOversubscribedResources: proto.Bool(false), ResourceVersionUuid: s.membership.ResourceVersion(),
		Operations:        &internalpb.UpdateSlaveMessage_Operations{},
		ResourceProviders: &internalpb.UpdateSlaveMessage_ResourceProviders{},
	})
}

// reconcile answers for tasks that the master believes to be here.
func (s *registration) reconcile(r *internalpb.ReconcileTasksMessage) {
	id := ids.FrameworkOf(r.GetFrameworkId())
	f := s.book.Framework(id)
	for _, status := range r.GetStatuses() {
		task := ids.TaskOf(status.GetTaskId())
		if f != nil && f.Knows(task) {
			continue
		}
		s.Log().Warn().Stringer("task_id", task).Stringer("framework_id", id).Msg("the master knows a task that is not here")
		s.updates.ReportUnknown(id, task, updates.Outcome{
			State:   tasks.LostOr(mesospb.TaskState_TASK_DROPPED, capabilities.OfFramework(r.GetFramework())),
			Reason:  mesospb.TaskStatus_REASON_RECONCILIATION,
			Message: "Reconciliation: task unknown to the agent",
		})
	}
}

// ---- pings ----

func (s *registration) setPingTimeout(c *internalpb.MasterSlaveConnection) {
	s.pingTimeout = defaultPingTimeout
	if given := units.Seconds(c.GetTotalPingTimeoutSeconds()); given > 0 {
		s.pingTimeout = given
	}
}

// ping answers the master's observer.
//
// Mesos: Slave::ping.
func (s *registration) ping(from runtime.PID, m *internalpb.PingSlaveMessage) {
	if !m.GetConnected() && s.membership.State() == membership.Running {
		s.Log().Info().Msg("the master has marked this agent as disconnected, registering again")
		s.redetect()
	}
	s.listen()
	s.Send(from, &internalpb.PongSlaveMessage{})
}

// listen waits for the next sign of life of the master.
func (s *registration) listen() {
	s.silence.Cancel()
	s.silence = s.Delay(s.pingTimeout, func() {
		s.Log().Info().Dur("timeout", s.pingTimeout).Msg("no ping from the master")
		s.redetect()
	})
}

// fatal ends an agent that cannot go on.
func (s *Slave) fatal(err error) {
	s.Log().Error().Err(err).Msg("the agent cannot go on")
	if s.config.Fatal == nil {
		panic(err)
	}
	s.config.Fatal(err)
}
