package sched

import (
	"time"

	"github.com/rs/zerolog"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/units"
	"meseta/runtime"
)

// maxRegistrationBackoff is the largest upper bound of the random delay between subscriptions. Mesos:
// REGISTRATION_RETRY_INTERVAL_MAX.
const maxRegistrationBackoff = time.Minute

func (p *SchedulerProcess) detect() {
	runtime.Await(p, p.detector.Detect(p.master), p.detected)
}

// detected switches to a new leader, or to none.
//
// Mesos: SchedulerProcess::detected.
func (p *SchedulerProcess) detected(master *mesospb.MasterInfo, err error) {
	if !p.running() {
		return
	}
	if err != nil {
		p.fail("Failed to detect a master: " + err.Error())
		return
	}
	if !p.leader.IsZero() {
		p.Unlink(p.leader)
	}
	p.master, p.leader = master, election.PID(master)
	p.unreachable, p.absence = false, 0
	p.retry.Cancel()
	p.authentication.End()
	p.disconnect()
	if master == nil {
		p.Log().Info().Msg("no master detected")
	} else {
		p.Log().Info().Stringer("master", p.leader).Msg("master detected")
		p.introduce()
	}
	p.detect()
}

// introduce subscribes, after the driver was authenticated if it has a credential.
//
// Mesos: SchedulerProcess::_authenticate.
func (p *SchedulerProcess) introduce() {
	p.authentication.Begin(p.leader, func(err error) {
		if err != nil {
			p.Log().Error().Stringer("master", p.leader).Msg("master refused authentication")
			p.fail("Master refused authentication")
			return
		}
		p.subscribe(p.options.RegistrationBackoff)
	})
}

// reintroduce begins anew after the connection broke, or could not be made, at a random time within a backoff that doubles while the
// leader is away. The master has forgotten who the driver is.
func (p *SchedulerProcess) reintroduce() {
	if p.authentication == nil {
		p.resubscribe(p.options.RegistrationBackoff)
		return
	}
	p.retry.Cancel()
	p.authentication.End()
	p.absence = boundBackoff(max(2*p.absence, p.options.RegistrationBackoff), p.framework.GetFailoverTimeout())
	p.retry = p.Delay(p.upTo(p.absence), p.introduce)
}

// upTo returns a random duration up to d.
func (p *SchedulerProcess) upTo(d time.Duration) time.Duration {
	return time.Duration(p.Rand().Float64() * float64(d))
}

// Exited is called when the connection to the leader broke or could not be established.
//
// Differs: Mesos's driver waits for its detector to name another master. This driver subscribes again at once, because
// a master that is configured by address comes back at the same address and no detector would report that.
func (p *SchedulerProcess) Exited(pid runtime.PID) {
	if !p.running() || pid != p.leader {
		return
	}
	election.Suspect(p.detector, p.master)
	if !p.connected {
		level := zerolog.WarnLevel
		if p.unreachable {
			level = zerolog.DebugLevel
		}
		p.unreachable = true
		p.Log().WithLevel(level).Stringer("master", pid).Msg("master unreachable; retrying")
		if p.authentication != nil {
			p.reintroduce()
		}
		return // the retry of a subscription is scheduled already
	}
	p.Log().Warn().Stringer("master", pid).Msg("master disconnected")
	p.disconnect()
	p.reintroduce()
}

// disconnect discards the state of the lost connection.
func (p *SchedulerProcess) disconnect() {
	if !p.connected {
		return
	}
	p.connected, p.unreachable, p.absence = false, false, 0
	clear(p.offers)
	clear(p.agents)
	p.scheduler.Disconnected(p.driver)
}

// subscribe sends a subscription to the leader, and repeats it until the leader responds.
//
// Mesos: SchedulerProcess::doReliableRegistration.
func (p *SchedulerProcess) subscribe(backoff time.Duration) {
	if !p.running() || p.connected || p.master == nil {
		return
	}
	p.Link(p.leader)
	c := &schedulerpb.Call{
		Type: schedulerpb.Call_SUBSCRIBE.Enum(),
		Subscribe: &schedulerpb.Call_Subscribe{
			FrameworkInfo: p.framework, SuppressedRoles: p.suppressed, OfferConstraints: p.constraints,
		},
	}
	if p.framework.GetId().GetValue() != "" {
		c.FrameworkId = p.framework.GetId()
		c.Subscribe.Force = &p.failover
	}
	p.Send(p.leader, c)
	p.resubscribe(backoff)
}

// resubscribe schedules the next attempt at a random time within backoff, and doubles backoff.
func (p *SchedulerProcess) resubscribe(backoff time.Duration) {
	backoff = boundBackoff(backoff, p.framework.GetFailoverTimeout())
	p.retry = p.Delay(p.upTo(backoff), func() { p.subscribe(2 * backoff) })
}

// boundBackoff limits backoff so that several attempts fit into the framework's failover timeout.
func boundBackoff(backoff time.Duration, failoverTimeout float64) time.Duration {
	backoff = min(backoff, maxRegistrationBackoff)
	if tenth := units.Seconds(failoverTimeout / 10); tenth > 0 {
		return min(backoff, tenth)
	}
	return backoff
}

// Mesos: SchedulerProcess::registered.
func (p *SchedulerProcess) frameworkRegistered(from runtime.PID, m *internalpb.FrameworkRegisteredMessage) {
	p.registered(from, ids.FrameworkOf(m.GetFrameworkId()), m.GetMasterInfo())
}

func (p *SchedulerProcess) registered(from runtime.PID, id ids.Framework, master *mesospb.MasterInfo) {
	if !p.welcome(from) {
		return
	}
	p.Log().Info().Stringer("framework_id", id).Msg("framework registered")
	p.framework = with(p.framework, id)
	p.resume()
	p.scheduler.Registered(p.driver, id, master)
}

// Mesos: SchedulerProcess::reregistered.
func (p *SchedulerProcess) frameworkReregistered(from runtime.PID, m *internalpb.FrameworkReregisteredMessage) {
	p.reregistered(from, ids.FrameworkOf(m.GetFrameworkId()), m.GetMasterInfo())
}

func (p *SchedulerProcess) reregistered(from runtime.PID, id ids.Framework, master *mesospb.MasterInfo) {
	if !p.welcome(from) {
		return
	}
	if own := ids.FrameworkOf(p.framework.GetId()); id != own {
		p.Log().Warn().Stringer("framework_id", id).Msg("reregistration of another framework ignored")
		return
	}
	p.Log().Info().Stringer("framework_id", id).Msg("framework reregistered")
	p.resume()
	p.scheduler.Reregistered(p.driver, master)
}

// welcome reports whether a registration from that PID counts.
func (p *SchedulerProcess) welcome(from runtime.PID) bool {
	if !p.running() || p.connected {
		return false
	}
	if p.master == nil || from != p.leader || from.IsZero() {
		p.Log().Warn().Stringer("from", from).Stringer("master", p.leader).Msg("registration by a process other than the leader ignored")
		return false
	}
	return true
}

func (p *SchedulerProcess) resume() {
	p.connected, p.failover = true, false
	p.retry.Cancel()
	if p.updateOnResume {
		p.sendUpdate()
	}
	p.updateOnResume = false
}

// Mesos: SchedulerProcess::error.
func (p *SchedulerProcess) frameworkError(_ runtime.PID, m *internalpb.FrameworkErrorMessage) {
	p.fail(m.GetMessage())
}

// fail aborts the driver and passes the reason to the scheduler.
func (p *SchedulerProcess) fail(message string) {
	if !p.running() {
		return
	}
	p.Log().Error().Str("reason", message).Msg("driver aborts")
	p.driver.Abort()
	p.scheduler.Error(p.driver, message)
}

// abort asks the master to deactivate the framework. The actor stays, for a Stop that may follow.
//
// Mesos: SchedulerProcess::abort.
func (p *SchedulerProcess) abort() {
	if p.connected {
		p.Send(p.leader, &internalpb.DeactivateFrameworkMessage{FrameworkId: p.framework.GetId()})
	}
	p.finish()
}

// update replaces the framework's description.
//
// Mesos: SchedulerProcess::updateFramework.
func (p *SchedulerProcess) update(info *mesospb.FrameworkInfo, suppressed []string, constraints *schedulerpb.OfferConstraints) {
	own := ids.FrameworkOf(p.framework.GetId())
	switch id := ids.FrameworkOf(info.GetId()); {
	case own == "":
		p.fail("UpdateFramework must not be called before the framework is registered")
		return
	case id != own:
		p.fail("UpdateFramework was given the framework id " + string(id) + " instead of " + string(own))
		return
	}
	if constraints == nil {
		constraints = &schedulerpb.OfferConstraints{}
	}
	p.framework, p.suppressed, p.constraints = info, sorted(suppressed), constraints
	if !p.connected {
		p.updateOnResume = true
		return
	}
	p.sendUpdate()
}

func (p *SchedulerProcess) sendUpdate() {
	p.call(&schedulerpb.Call{
		Type: schedulerpb.Call_UPDATE_FRAMEWORK.Enum(),
		UpdateFramework: &schedulerpb.Call_UpdateFramework{
			FrameworkInfo: p.framework, SuppressedRoles: p.suppressed, OfferConstraints: p.constraints,
		},
	})
}
