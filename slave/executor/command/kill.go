package command

import (
	"slices"
	"syscall"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/slave/executor"
)

// KillTask ends the task within the grace period of policy, or that of the task's own policy, or 3 seconds.
//
// Mesos: CommandExecutor::kill.
func (x *Executor) KillTask(_ *executor.Driver, task ids.Task, policy *mesospb.KillPolicy) {
	if x.task == nil || task != x.id() {
		x.Log().Warn().Stringer("task_id", task).Msg("kill of an unknown task ignored")
		return
	}
	if policy.GetGracePeriod() == nil {
		policy = x.task.GetKillPolicy()
	}
	grace := defaultKillGrace
	if g := policy.GetGracePeriod(); g != nil {
		grace = time.Duration(g.GetNanoseconds())
	}
	x.killWithin(grace)
}

// killWithin sends SIGTERM, once, and schedules SIGKILL. A later kill can only make that earlier.
func (x *Executor) killWithin(grace time.Duration) {
	x.completion.Cancel()
	switch {
	case x.ended:
		return
	case x.killed:
		if at := x.killStart.Add(grace); at.Before(x.escalateAt) {
			x.escalate(at)
		}
		return
	}
	x.killed, x.killStart = true, x.Now()
	x.checks.End()
	if !x.overdue && slices.Contains(x.capabilities, mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE) {
		x.tell(mesospb.TaskState_TASK_KILLING, "")
	}
	if x.process != nil {
		x.signal(syscall.SIGTERM)
	}
	x.escalate(x.killStart.Add(grace))
}

// escalate schedules SIGKILL at the given time.
func (x *Executor) escalate(at time.Time) {
	x.escalation.Cancel()
	x.escalateAt = at
	x.escalation = x.Delay(max(0, at.Sub(x.Now())), func() {
		if x.process != nil && !x.ended {
			x.signal(syscall.SIGKILL)
		}
	})
}

func (x *Executor) signal(sig syscall.Signal) {
	x.Log().Info().Stringer("task_id", x.id()).Int("pid", x.process.PID()).Stringer("signal", sig).Msg("signalling the command")
	if err := x.process.Signal(sig); err != nil {
		x.Log().Error().Err(err).Stringer("task_id", x.id()).Msg("command could not be signalled")
	}
}

// completionTimeout kills a task that exceeds its max_completion_time.
//
// Mesos: CommandExecutor::taskCompletionTimeout.
func (x *Executor) completionTimeout() {
	x.Log().Info().Stringer("task_id", x.id()).Msg("task exceeded its maximum completion time")
	x.overdue = true
	x.killWithin(0)
}

// Shutdown ends the task early enough to report its end within the grace period.
//
// Mesos: CommandExecutor::shutdown.
func (x *Executor) Shutdown(d *executor.Driver) {
	if x.task == nil || x.ended {
		d.Stop()
		return
	}
	x.killWithin(max(0, d.Environment().ShutdownGrace-reapAllowance))
}
