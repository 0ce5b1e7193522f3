package docker

import (
	"slices"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
)

// KillTask ends the task within the grace period of policy, or that of the task's own policy, or the shutdown grace period.
//
// Mesos: DockerExecutorProcess::killTask.
//
// Differs: a kill before the launch is ignored. It ends Mesos's executor with a failed check.
func (x *Executor) KillTask(d *executor.Driver, task ids.Task, policy *mesospb.KillPolicy) {
	if x.task == nil || task != x.id() {
		x.Log().Warn().Stringer("task_id", task).Msg("kill of an unknown task ignored")
		return
	}
	if policy.GetGracePeriod() == nil {
		policy = x.task.GetKillPolicy()
	}
	grace := d.Environment().ShutdownGrace
	if g := policy.GetGracePeriod(); g != nil {
		grace = time.Duration(g.GetNanoseconds())
	}
	x.killWithin(grace)
}

// killWithin stops the container when it has been started, but does not wait for the start for ever.
func (x *Executor) killWithin(grace time.Duration) {
	x.completion.Cancel()
	switch {
	case x.ended:
	case x.started:
		x.stop(grace)
	default:
		if x.pending == nil {
			x.Delay(startPatience, func() { x.startOverdue() })
		}
		x.pending = &grace
	}
}

// startOverdue stops a container that should have been started long ago.
func (x *Executor) startOverdue() {
	if !x.started && !x.ended {
		x.Log().Warn().Stringer("task_id", x.id()).Msg("the container takes too long to start; it is stopped")
		x.stop(*x.pending)
	}
}

// stop has the engine stop the container. A later stop takes the place of an earlier one.
//
// Mesos: DockerExecutorProcess::_killTask.
func (x *Executor) stop(grace time.Duration) {
	if x.ended {
		return
	}
	if !x.killed {
		x.killed = true
		x.checks.End()
		if !x.overdue && slices.Contains(x.capabilities, mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE) {
			x.send(x.status(mesospb.TaskState_TASK_KILLING))
		}
	}
	if !x.stopping.IsZero() {
		x.stopping.Discard()
	}
	x.again.Cancel()
	x.Log().Info().Stringer("task_id", x.id()).Dur("grace", grace).Msg("stopping the container")
	x.stopping = x.options.Engine.Stop(x, x.options.Container, max(0, grace))
	runtime.Await(x, x.stopping, func(_ struct{}, err error) {
		if err != nil && !x.ended {
			x.Log().Error().Err(err).Stringer("task_id", x.id()).Msg("container not stopped")
		}
	})
	if x.sick { // nobody else asks again
		x.again = x.Delay(max(0, grace)+killRetry, func() { x.stop(grace) })
	}
}

// completionTimeout kills a task that exceeds its max_completion_time.
//
// Mesos: DockerExecutorProcess::taskCompletionTimeout.
func (x *Executor) completionTimeout() {
	x.Log().Info().Stringer("task_id", x.id()).Msg("task exceeded its maximum completion time")
	x.overdue = true
	x.killWithin(0)
}

// Shutdown ends the task early enough to report its end within the grace period.
//
// Mesos: DockerExecutorProcess::shutdown.
func (x *Executor) Shutdown(d *executor.Driver) {
	if x.task == nil || x.ended {
		d.Stop()
		return
	}
	x.killWithin(max(0, d.Environment().ShutdownGrace-reapAllowance))
}
