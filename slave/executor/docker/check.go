package docker

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/health"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// watch starts the checks of the task.
//
// Differs: Mesos's executor has no general checks, and ends with a failed check of its own for a task that has one.
func (x *Executor) watch() {
	self, p := runtime.RefOf(x), x.options.Prober
	if p == nil {
		p = prober{Network: health.Network{Dial: within(x.pid)}, engine: x.options.Engine, container: x.options.Container}
	}
	var err error
	x.checks, err = health.Begin(x.Node(), x.task, p,
		func(s *mesospb.CheckStatusInfo) { runtime.Tell(self, func(x *Executor) { x.checked(s) }) },
		func(v health.Verdict) { runtime.Tell(self, func(x *Executor) { x.fares(v) }) })
	if err != nil {
		x.Log().Error().Err(err).Stringer("task_id", x.id()).Msg("task not checked")
	}
}

// checked reports the result of a check.
func (x *Executor) checked(s *mesospb.CheckStatusInfo) {
	if x.killed || x.ended {
		return
	}
	status := x.status(mesospb.TaskState_TASK_RUNNING)
	status.Reason = mesospb.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED.Enum()
	status.CheckStatus = s
	x.send(status)
}

// fares reports the health of the task, and kills it after too many failures.
//
// Mesos: DockerExecutorProcess::taskHealthUpdated.
func (x *Executor) fares(v health.Verdict) {
	if x.killed || x.ended {
		return
	}
	status := x.status(mesospb.TaskState_TASK_RUNNING)
	status.Reason = mesospb.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED.Enum()
	status.Healthy = proto.Bool(v.Healthy)
	x.send(status)
	if v.Kill {
		x.sick = true
		x.KillTask(x.driver, x.id(), nil)
	}
}

// prober runs check commands in the container, and other checks in its network.
type prober struct {
	health.Network
	engine    Engine
	container string
}

// Command implements [health.Prober].
func (p prober) Command(b runtime.Behavior, info *mesospb.CommandInfo) runtime.Future[int] {
	command := append([]string{info.GetValue()}, info.GetArguments()...)
	if info.GetShell() {
		command = []string{"sh", "-c", info.GetValue()}
	}
	var env []string
	for _, v := range info.GetEnvironment().GetVariables() {
		env = append(env, v.GetName()+"="+v.GetValue())
	}
	return p.engine.Exec(b, p.container, command, env)
}
