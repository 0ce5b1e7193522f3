package master

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/units"
	"meseta/runtime"
)

// sender returns the framework that a message is from, or nil, noted in the log, if it is unknown or has its scheduler
// elsewhere. A message without a sender is from nobody, not from a scheduler that speaks HTTP and has no PID.
func (m *Master) sender(from runtime.PID, id *mesospb.FrameworkID, what string) *book.Framework {
	f := m.book.Framework(ids.FrameworkOf(id))
	if f != nil && !from.IsZero() && f.PID == from {
		return f
	}
	m.Log().Warn().Str("framework_id", id.GetValue()).Stringer("from", from).Str("what", what).
		Msg("message that is not from a registered framework ignored")
	return nil
}

// schedulerExited hears that the connection to a driver broke. It may be talking still, on a connection of its own: it has
// to know that nobody listens.
func (m *Master) schedulerExited(pid runtime.PID) {
	if f := m.book.FrameworkAt(pid); f != nil {
		m.cluster.Tell(f, &internalpb.FrameworkErrorMessage{Message: proto.String("Framework disconnected")})
		m.frameworkExited(f)
	}
}

// frameworkExited gives a scheduler the time to come back that its framework asked for.
//
// Mesos: Master::_exited.
func (m *Master) frameworkExited(f *book.Framework) {
	if f.Connected() {
		m.cluster.DisconnectFramework(f)
	}
	timeout := units.Seconds(f.Info.GetFailoverTimeout())
	m.Log().Info().Stringer("framework_id", f.ID).Stringer("failover_timeout", timeout).Msg("framework disconnected")
	id, since := f.ID, f.Reregistered
	m.Delay(timeout, func() { m.failoverTimeout(id, since) })
}

// failoverTimeout ends a framework that did not subscribe again since.
func (m *Master) failoverTimeout(id ids.Framework, since time.Time) {
	f := m.book.Framework(id)
	if f != nil && !f.Connected() && f.Reregistered.Equal(since) {
		m.Log().Info().Stringer("framework_id", id).Msg("framework did not fail over in time")
		m.Teardown(f)
	}
}

// unregisterFramework is TEARDOWN of old schedulers.
//
// Mesos: Master::unregisterFramework.
func (m *Master) unregisterFramework(from runtime.PID, msg *internalpb.UnregisterFrameworkMessage) {
	if f := m.sender(from, msg.GetFrameworkId(), "unregister"); f != nil {
		m.Teardown(f)
	}
}

// deactivateFramework is said by a driver that aborts: the framework lives on, without offers.
//
// Mesos: Master::deactivateFramework.
func (m *Master) deactivateFramework(from runtime.PID, msg *internalpb.DeactivateFrameworkMessage) {
	f := m.sender(from, msg.GetFrameworkId(), "deactivate")
	if f != nil && f.IsActive() {
		m.Log().Info().Stringer("framework_id", f.ID).Msg("framework deactivated")
		m.cluster.Deactivate(f, true)
	}
}

// Teardown ends a framework and all that it runs.
//
// Mesos: Master::removeFramework.
func (m *Master) Teardown(f *book.Framework) {
	m.cluster.RemoveFramework(f)
	delete(m.approvers, f.ID)
	m.limits.Forget(f.Info.GetPrincipal(), m.book.Frameworks())
	for _, a := range m.book.Draining() {
		m.checkDrained(a)
	}
	m.Log().Info().Stringer("framework_id", f.ID).Msg("framework removed")
}

// submitScheduler answers who wants the master to run a scheduler: it does not.
//
// Mesos: Master::submitScheduler.
func (m *Master) submitScheduler(runtime.PID, *internalpb.SubmitSchedulerRequest) {
	m.Reply(&internalpb.SubmitSchedulerResponse{Okay: proto.Bool(false)})
}

// authenticate answers who wants to prove who it is: nobody has to.
//
// Mesos: Master::authenticate, without an authenticator.
func (m *Master) authenticate(from runtime.PID, _ *internalpb.AuthenticateMessage) {
	m.Send(from, &internalpb.AuthenticationErrorMessage{Error: proto.String("No authenticator loaded")})
}
