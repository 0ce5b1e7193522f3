package pod

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"syscall"

	"google.golang.org/protobuf/proto"

	"meseta/actors/health"
	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
)

// watch starts the checks of a running task.
func (x *Executor) watch(t *task) {
	self, id, p := runtime.RefOf(x), t.id(), x.options.Prober
	if p == nil {
		p = &prober{http: x.options.HTTP, container: t.container}
	}
	var err error
	t.checks, err = health.Begin(x.Node(), t.info, p,
		func(s *mesospb.CheckStatusInfo) { runtime.Tell(self, func(x *Executor) { x.checked(id, s) }) },
		func(v health.Verdict) { runtime.Tell(self, func(x *Executor) { x.fares(id, v) }) })
	if err != nil {
		x.Log().Error().Err(err).Stringer("task_id", id).Msg("task not checked")
	}
}

// checked reports the result of a check, together with the latest state of the task.
//
// Mesos: DefaultExecutor::taskCheckUpdated.
func (x *Executor) checked(id ids.Task, s *mesospb.CheckStatusInfo) {
	t := x.tasks.GetOrDefault(id, nil)
	if t == nil || t.killing {
		return
	}
	status := proto.CloneOf(t.latest)
	status.Reason = mesospb.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED.Enum()
	status.CheckStatus = s
	x.send(t, status)
}

// fares reports the health of a task, and kills it after too many failures.
//
// Mesos: DefaultExecutor::taskHealthUpdated.
func (x *Executor) fares(id ids.Task, v health.Verdict) {
	t := x.tasks.GetOrDefault(id, nil)
	if t == nil || t.killing || !x.connected {
		return
	}
	status := proto.CloneOf(t.latest)
	status.Reason = mesospb.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED.Enum()
	status.Healthy = &v.Healthy
	x.send(t, status)
	if v.Kill {
		x.sick = true
		x.KillTask(x.driver, id, nil)
	}
}

// prober runs check commands of a task, in debug containers inside the task's container.
type prober struct {
	health.Network
	http      executor.HTTP
	container ids.Container
	begun     atomic.Int64
}

// Command implements [health.Prober]. If the check is abandoned, the agent ends the container, because its client is
// gone.
//
// Mesos: CheckerProcess::nestedCommandCheck.
func (p *prober) Command(b runtime.Behavior, c *mesospb.CommandInfo) runtime.Future[int] {
	id := (p.container + ids.Container(".check-"+strconv.FormatInt(p.begun.Add(1), 10))).Proto()
	exited := runtime.Owe[int](b)
	said := p.http.Session(b, &agentpb.Call{
		Type:                         agentpb.Call_LAUNCH_NESTED_CONTAINER_SESSION.Enum(),
		LaunchNestedContainerSession: &agentpb.Call_LaunchNestedContainerSession{ContainerId: id, Command: c},
	})
	exited.OnDiscard(said.Discard)
	runtime.Await(b, said, func(_ struct{}, failed error) {
		over := p.http.Operate(b, &agentpb.Call{
			Type:                agentpb.Call_WAIT_NESTED_CONTAINER.Enum(),
			WaitNestedContainer: &agentpb.Call_WaitNestedContainer{ContainerId: id},
		})
		runtime.Await(b, over, func(r *agentpb.Response, err error) {
			p.http.Operate(b, &agentpb.Call{
				Type:                  agentpb.Call_REMOVE_NESTED_CONTAINER.Enum(),
				RemoveNestedContainer: &agentpb.Call_RemoveNestedContainer{ContainerId: id},
			})
			if failed != nil {
				err = failed
			}
			status := command.ExitStatus(r.GetWaitNestedContainer().GetExitStatus())
			switch {
			case err != nil:
				exited.Fail(fmt.Errorf("%w: %w", health.ErrTransient, err))
			case r.GetWaitNestedContainer().ExitStatus == nil || !syscall.WaitStatus(status).Exited():
				exited.Fail(fmt.Errorf("the command of the check %s", status))
			default:
				exited.Set(syscall.WaitStatus(status).ExitStatus())
			}
		})
	})
	return exited.Future()
}
