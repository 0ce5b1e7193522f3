// Package registration finds the leading master, registers the agent with it, and notices when either loses the other.
package registration

import (
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/actors/authentication/crammd5"
	"meseta/actors/election"
	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
	"meseta/messages/validate"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/operations"
	"meseta/slave/oversubscription"
	"meseta/slave/recorder"
	"meseta/slave/updates"
	"meseta/slave/wire"
)

const (
	// MaxBackoff is the longest delay between two attempts to register.
	MaxBackoff = time.Minute
	// shortest is the shortest delay between two attempts, so that they are not a busy loop.
	shortest = time.Millisecond
)

// Options configures a [Registration]. All fields but Authentication and Backoff are required.
type Options struct {
	Agent      *membership.Membership
	Book       *book.Book // sent to a master with a re-registration
	Updates    *updates.Updates
	Operations *operations.Operations
	Lending    *oversubscription.Oversubscription
	Recorder   *recorder.Recorder
	Detector   election.Detector
	// Authentication authenticates the agent before it registers. nil means that it has no credential.
	Authentication *crammd5.Client
	Backoff        time.Duration // upper bound of the random delay before the first attempt to register; 0 means no delay
	// Fatal is called, on the agent's turn, when the leading master cannot be detected.
	Fatal func(error)
}

// Registration registers an agent with its master. It belongs to the agent's actor and may be used only on its turns.
type Registration struct {
	*runtime.Actor // the agent's
	agent          *membership.Membership
	book           *book.Book
	updates        *updates.Updates
	operations     *operations.Operations
	lending        *oversubscription.Oversubscription
	recorder       *recorder.Recorder
	detector       election.Detector
	authentication *crammd5.Client
	backoff        time.Duration
	fatal          func(error)

	told        resources.Resources // the reservations and volumes in the last re-registration
	detection   runtime.Future[*mesospb.MasterInfo]
	unreachable runtime.PID   // the leader to which no connection could be made, as has been logged
	next        runtime.Timer // for the next attempt to register
	silence     runtime.Timer // fires when the master has not sent a ping for pingTimeout
	pingTimeout time.Duration
}

// New returns the registration of the agent whose actor is actor.
func New(actor *runtime.Actor, o Options) *Registration {
	return &Registration{
		Actor: actor, agent: o.Agent, book: o.Book, updates: o.Updates, operations: o.Operations, lending: o.Lending, recorder: o.Recorder, detector: o.Detector,
		authentication: o.Authentication, backoff: o.Backoff, fatal: o.Fatal, pingTimeout: defaultPingTimeout,
	}
}

// Begin starts to follow the leading master.
func (s *Registration) Begin() { s.detect(nil) }

// Stop makes no more attempts to register, and waits for no pings. The leading master is still followed.
func (s *Registration) Stop() {
	s.next.Cancel()
	s.authentication.End()
	s.silence.Cancel()
}

// detect waits for a leading master other than previous.
func (s *Registration) detect(previous *mesospb.MasterInfo) {
	s.detection = s.detector.Detect(previous)
	runtime.Await(s, s.detection, s.detected)
}

// Redetect detects the leading master anew, so that the agent registers again.
func (s *Registration) Redetect() { s.detection.Discard() }

// Disconnected handles a broken connection to the leading master, or one that could not be made. A registered agent looks for the
// master again. Others try again when it is time, and log it once: until a master that died is no longer named as the leader, none
// of their attempts can succeed.
func (s *Registration) Disconnected() {
	master, level := s.agent.Master(), zerolog.WarnLevel
	if s.agent.State() == membership.Running {
		s.unreachable = runtime.PID{}
		s.Log().Warn().Stringer("master", master).Msg("master disconnected")
		s.Redetect()
		return
	}
	if s.unreachable == master {
		level = zerolog.DebugLevel
	}
	s.unreachable = master
	s.Log().WithLevel(level).Stringer("master", master).Msg("master unreachable")
}

// detected handles a new leading master. The agent registers after a random delay, because all agents detect it at
// once.
//
// Mesos: Slave::detected.
func (s *Registration) detected(leader *mesospb.MasterInfo, err error) {
	s.next.Cancel()
	s.authentication.End()
	s.updates.Pause()
	s.operations.Pause()
	switch {
	case errors.Is(err, runtime.ErrDiscarded):
		s.Log().Info().Msg("detecting the master again")
		election.Suspect(s.detector, s.agent.Leader())
		leader = nil
	case err != nil:
		s.fatal(fmt.Errorf("detect the master: %w", err))
		return
	}
	s.agent.Follow(leader)
	if leader == nil {
		s.Log().Info().Msg("no master leads")
	} else {
		s.Log().Info().Stringer("master", s.agent.Master()).Msg("new master detected")
		if s.agent.State() == membership.Terminating {
			return
		}
		s.next = s.Delay(s.upTo(s.backoff), s.introduce)
	}
	s.detect(leader)
}

// introduce registers the agent, after it was authenticated if it has a credential. An agent that is refused ends, and
// its executors go on.
//
// Mesos: Slave::_authenticate.
func (s *Registration) introduce() {
	s.authentication.Begin(s.agent.Master(), func(err error) {
		if err != nil {
			s.fatal(fmt.Errorf("Master %s refused authentication", s.agent.Master()))
			return
		}
		s.register(2 * s.backoff)
	})
}

// upTo returns a random duration up to d.
func (s *Registration) upTo(d time.Duration) time.Duration {
	return time.Duration(s.Rand().Float64() * float64(d))
}

// register sends the registration or re-registration, and repeats it until the master answers.
//
// Mesos: Slave::doReliableRegistration.
func (s *Registration) register(backoff time.Duration) {
	if s.agent.State() != membership.Disconnected || s.agent.Master().IsZero() {
		return
	}
	s.Link(s.agent.Master())
	if s.agent.Info().GetId() == nil {
		s.agent.SendMaster(wire.Registration(s.agent.Info(), s.agent.Ledger()))
	} else {
		s.told = s.agent.Ledger().Checkpointed
		s.agent.SendMaster(wire.Reregistration(s.agent.Info(), s.agent.Ledger(), s.book))
	}
	backoff = max(min(backoff, MaxBackoff), shortest)
	s.next = s.Delay(s.upTo(backoff), func() { s.register(2 * backoff) })
}

// Registered handles the answer to a registration.
//
// Mesos: Slave::registered.
func (s *Registration) Registered(from runtime.PID, m *internalpb.SlaveRegisteredMessage) {
	if !s.agent.FromMaster(from, "registered") {
		return
	}
	id := ids.AgentOf(m.GetSlaveId())
	if !s.isCalled(id) {
		return
	}
	s.setPingTimeout(m.GetConnection())
	switch s.agent.State() {
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

// Reregistered handles the answer to a re-registration.
//
// An operation may have arrived after the re-registration was sent. The master, which takes over the resources in a
// re-registration, then does not know what became of them, and is told before the agent counts as registered.
//
// Mesos: Slave::reregistered.
//
// Differs: Mesos's master and agent have different resources until the agent re-registers for another reason.
func (s *Registration) Reregistered(from runtime.PID, m *internalpb.SlaveReregisteredMessage) {
	if !s.agent.FromMaster(from, "reregistered") {
		return
	}
	if id := ids.AgentOf(m.GetSlaveId()); s.agent.ID() == "" || !s.isCalled(id) {
		return
	}
	s.setPingTimeout(m.GetConnection())
	if s.isOutdated() {
		return
	}
	switch s.agent.State() {
	case membership.Disconnected:
		s.Log().Info().Stringer("master", from).Msg("re-registered")
		s.enter(s.agent.ID())
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

// isOutdated reports whether the master may have other resources in mind than the agent has since its last
// re-registration. If so, the agent re-registers.
func (s *Registration) isOutdated() bool {
	if s.agent.State() == membership.Terminating || s.told.Equal(s.agent.Ledger().Checkpointed) {
		return false
	}
	s.Log().Info().Msg("operations were carried out since the re-registration was sent, registering again")
	if s.agent.State() == membership.Running { // the answer is to a repetition
		s.Redetect()
		return true
	}
	s.next.Cancel()
	s.register(2 * s.backoff)
	return true
}

// isCalled reports whether id is the agent's ID or, if it has none, a valid one.
//
// Differs: Mesos exits if a master uses another ID. No correct master does that, so the message is ignored.
func (s *Registration) isCalled(id ids.Agent) bool {
	err := validate.ID(string(id))
	if err == nil && (s.agent.ID() == "" || s.agent.ID() == id) {
		return true
	}
	s.Log().Error().AnErr("err", err).Str("given", string(id)).Stringer("agent_id", s.agent.ID()).
		Msg("registration ignored: it is for another agent")
	return false
}

// enter makes the agent registered under the given ID.
func (s *Registration) enter(id ids.Agent) {
	s.agent.Register(id)
	s.next.Cancel()
	s.updates.Resume()
	s.operations.Resume()
	s.listen()
}

// sendUpdate tells the master what may have changed between the agent's start and its registration.
func (s *Registration) sendUpdate() {
	m := &internalpb.UpdateSlaveMessage{
		SlaveId: s.agent.Info().GetId(), UpdateOversubscribedResources: proto.Bool(false), ResourceVersionUuid: s.agent.ResourceVersion(),
		Operations:        &internalpb.UpdateSlaveMessage_Operations{Operations: s.operations.List()},
		ResourceProviders: &internalpb.UpdateSlaveMessage_ResourceProviders{},
	}
	s.lending.Report(m)
	s.agent.SendMaster(m)
}

// reconcile answers for tasks that the master expects on the agent.
func (s *Registration) reconcile(r *internalpb.ReconcileTasksMessage) {
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
