package command

import (
	"context"
	"fmt"
	"syscall"

	"google.golang.org/protobuf/proto"

	"meseta/actors/health"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// watch starts the checks of the task, which has been launched. Commands see what it sees.
//
// Mesos: CheckerProcess::commandCheck, which enters the mount namespace of a task with an image.
func (x *Executor) watch() {
	self, p := runtime.RefOf(x), x.options.Prober
	if p == nil {
		launcher := x.options.Launcher
		if b, ok := launcher.(Besider); ok {
			launcher = b.Beside(x.process)
		}
		p = prober{launcher: launcher, command: x.commandOf}
	}
	var err error
	x.checks, err = health.Begin(x.Node(), x.task, p,
		func(s *mesospb.CheckStatusInfo) { runtime.Tell(self, func(x *Executor) { x.checked(s) }) },
		func(v health.Verdict) { runtime.Tell(self, func(x *Executor) { x.fares(v) }) })
	if err != nil {
		x.Log().Error().Err(err).Stringer("task_id", x.id()).Msg("task not checked")
	}
}

// checked reports the result of a check, together with the latest state of the task.
//
// Mesos: CommandExecutor::taskCheckUpdated.
func (x *Executor) checked(s *mesospb.CheckStatusInfo) {
	if x.killed || x.ended {
		return
	}
	status := proto.CloneOf(x.latest)
	status.Reason = mesospb.TaskStatus_REASON_TASK_CHECK_STATUS_UPDATED.Enum()
	status.CheckStatus = s
	x.send(status)
}

// fares reports the health of the task, and kills it after too many failures.
//
// Mesos: CommandExecutor::taskHealthUpdated.
func (x *Executor) fares(v health.Verdict) {
	if x.killed || x.ended {
		return
	}
	status := proto.CloneOf(x.latest)
	status.Reason = mesospb.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED.Enum()
	status.Healthy = &v.Healthy
	x.send(status)
	if v.Kill {
		x.sick = true
		x.KillTask(x.driver, x.id(), nil)
	}
}

// prober runs check commands beside the task.
type prober struct {
	health.Network
	launcher Launcher
	command  func(*mesospb.CommandInfo) (Command, error)
}

// Command implements [health.Prober].
func (p prober) Command(b runtime.Behavior, info *mesospb.CommandInfo) runtime.Future[int] {
	c, err := p.command(info)
	if err != nil {
		return runtime.Failed[int](err)
	}
	exited := runtime.Owe[int](b)
	started := runtime.Go(b, func(context.Context) (Process, error) { return p.launcher.Launch(c) })
	runtime.Await(b, started, func(process Process, err error) {
		if err != nil {
			exited.Fail(err)
			return
		}
		exited.OnDiscard(func() { process.Signal(syscall.SIGKILL) }) //nolint:errcheck // it may have ended
		runtime.Await(b, process.Ended(b), func(s ExitStatus, err error) {
			switch w := syscall.WaitStatus(s); {
			case err != nil:
				exited.Fail(err)
			case !w.Exited():
				exited.Fail(fmt.Errorf("the command of the check %s", s))
			default:
				exited.Set(w.ExitStatus())
			}
		})
	})
	return exited.Future()
}
