package pod

import (
	"slices"
	"syscall"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
)

// KillTask ends a task within the grace period of policy, or that of the task's own policy, or 3 seconds.
//
// Mesos: DefaultExecutor::killTask.
func (x *Executor) KillTask(_ *executor.Driver, id ids.Task, policy *mesospb.KillPolicy) {
	t := x.tasks.GetOrDefault(id, nil)
	if t == nil || t.killing || x.shutting {
		x.Log().Warn().Stringer("task_id", id).Msg("kill ignored: the task is unknown or ending")
		return
	}
	grace := defaultKillGrace
	for _, p := range []*mesospb.KillPolicy{t.info.GetKillPolicy(), policy} {
		if g := p.GetGracePeriod(); g != nil {
			grace = time.Duration(g.GetNanoseconds())
		}
	}
	x.killWithin(t, grace)
}

// killWithin sends SIGTERM, and SIGKILL after the grace period.
//
// Differs: Mesos forgets a kill or shutdown that comes while the container is being launched. Here it is carried out
// afterwards.
func (x *Executor) killWithin(t *task, grace time.Duration) {
	if !t.launched {
		t.wanted = &grace
		return
	}
	t.completion.Cancel()
	t.checks.End()
	t.killing = true
	id := t.id()
	x.Delay(grace, func() { x.escalate(id) })
	if !t.overdue && slices.Contains(x.capabilities, mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE) {
		x.tell(t, &mesospb.TaskStatus{State: mesospb.TaskState_TASK_KILLING.Enum()})
	}
	x.Log().Info().Stringer("task_id", id).Dur("grace", grace).Msg("killing task")
	runtime.Await(x, x.signal(t, syscall.SIGTERM), func(_ *agentpb.Response, err error) {
		if err != nil {
			x.Log().Warn().Err(err).Stringer("task_id", id).Msg("task not signalled")
		}
	})
}

// escalate sends SIGKILL to a task that did not end.
func (x *Executor) escalate(id ids.Task) {
	t := x.tasks.GetOrDefault(id, nil)
	if t == nil {
		return
	}
	runtime.Await(x, x.signal(t, syscall.SIGKILL), func(_ *agentpb.Response, err error) {
		if err != nil && x.tasks.Has(id) {
			x.Log().Warn().Err(err).Stringer("task_id", id).Msg("task not killed, trying again")
			x.Delay(again, func() { x.escalate(id) })
		}
	})
}

// completionTimeout kills a task that exceeds its max_completion_time.
//
// Mesos: DefaultExecutor::maxCompletion.
func (x *Executor) completionTimeout(id ids.Task) {
	t := x.tasks.GetOrDefault(id, nil)
	if t == nil || t.killing {
		return
	}
	x.Log().Info().Stringer("task_id", id).Msg("task exceeded its maximum completion time")
	t.overdue = true
	x.killWithin(t, 0)
}

// killGroup kills the other tasks of a group in which one failed or was killed.
func (x *Executor) killGroup(of *task) {
	if x.shutting || of.groupDies {
		return
	}
	for _, info := range of.group {
		t := x.tasks.GetOrDefault(ids.TaskOf(info.GetTaskId()), nil)
		if t == nil || t == of {
			continue
		}
		t.groupDies = true
		if !t.killing {
			x.killWithin(t, defaultKillGrace)
		}
	}
}
