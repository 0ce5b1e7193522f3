package executor

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// ExecutorProcess is the actor of a [Driver], which talks to the agent.
//
// Mesos: class ExecutorProcess, and class MesosProcess of the v1 library.
type ExecutorProcess struct {
	runtime.Actor

	driver   *Driver
	executor Executor
	env      Environment
	line     line

	connected bool
	admitted  bool // it was connected once
	closing   bool // it was asked to shut down; there are no more callbacks
	away      runtime.Timer

	updates []*internalpb.StatusUpdate // unacknowledged, oldest first
	tasks   []*mesospb.TaskInfo        // without an acknowledged update, oldest first
}

// line is the driver's connection to the agent: messages of v0, or calls and events of v1. It passes what it receives
// to [ExecutorProcess.handle].
type line interface {
	open()                             // registers with the agent
	exited(pid runtime.PID)            // handles a broken link
	retry()                            // tries to reach an agent that is away
	update(u *internalpb.StatusUpdate) // sends an update
	message(data []byte)               // sends data to the scheduler
	close()
}

func newProcess(d *Driver) *ExecutorProcess {
	return &ExecutorProcess{driver: d, executor: d.executor, env: d.env}
}

// Initialize chooses the line and registers.
func (p *ExecutorProcess) Initialize() {
	if p.driver.options.HTTP != nil {
		p.line = &stream{p: p, agent: p.driver.options.HTTP}
	} else {
		p.line = &messages{p: p, agent: p.env.Agent}
	}
	p.line.open()
}

// Finalize releases the callers that wait for the driver, even if it ends with its node.
func (p *ExecutorProcess) Finalize() {
	p.line.close()
	p.finish()
}

// Exited handles a broken link to the agent.
func (p *ExecutorProcess) Exited(pid runtime.PID) { p.line.exited(pid) }

// listens reports whether callbacks are still wanted.
func (p *ExecutorProcess) listens() bool { return p.driver.life.Running() && !p.closing }

// handle handles every event of the agent. Acknowledgements count during shutdown, because the last one may end the
// executor. A kill is passed on while disconnected, because the executor may be able to act on it.
func (p *ExecutorProcess) handle(e *executorpb.Event) {
	if e.GetType() == executorpb.Event_ACKNOWLEDGED {
		p.acknowledged(e.GetAcknowledged())
		return
	}
	if !p.listens() {
		return
	}
	switch e.GetType() {
	case executorpb.Event_SUBSCRIBED:
		p.subscribed(e.GetSubscribed())
	case executorpb.Event_KILL:
		p.kill(e.GetKill())
	case executorpb.Event_SHUTDOWN:
		p.Log().Info().Msg("agent asks to shut down")
		p.shutdown()
	case executorpb.Event_ERROR:
		p.fail(e.GetError().GetMessage())
	case executorpb.Event_HEARTBEAT:
	default:
		if !p.connected {
			p.Log().Warn().Stringer("event", e.GetType()).Msg("event ignored while disconnected")
			return
		}
		p.work(e)
	}
}

// work handles events that make sense only after registration.
func (p *ExecutorProcess) work(e *executorpb.Event) {
	switch e.GetType() {
	case executorpb.Event_LAUNCH:
		p.launch(e.GetLaunch().GetTask())
	case executorpb.Event_LAUNCH_GROUP:
		p.launchGroup(e.GetLaunchGroup().GetTaskGroup().GetTasks())
	case executorpb.Event_MESSAGE:
		p.executor.FrameworkMessage(p.driver, e.GetMessage().GetData())
	default:
		p.Log().Warn().Stringer("event", e.GetType()).Msg("event ignored: it is unknown")
	}
}

// subscribed handles a registration or re-registration.
//
// Mesos: ExecutorProcess::registered and reregistered.
func (p *ExecutorProcess) subscribed(x *executorpb.Event_Subscribed) {
	again := p.admitted
	p.connected, p.admitted = true, true
	p.away.Cancel()
	p.Log().Info().Str("agent", x.GetSlaveInfo().GetHostname()).Bool("again", again).Msg("executor registered")
	if again {
		p.executor.Reregistered(p.driver, x.GetSlaveInfo())
		return
	}
	if id := x.GetContainerId(); id != nil {
		p.driver.container.Store(id)
	}
	p.executor.Registered(p.driver, x.GetExecutorInfo(), x.GetFrameworkInfo(), x.GetSlaveInfo())
}

// lost handles the loss of the agent. It may come back if the framework uses checkpointing and the executor had
// registered.
//
// Mesos: ExecutorProcess::exited, MesosProcess::disconnected.
func (p *ExecutorProcess) lost() {
	switch {
	case !p.listens():
		return
	case p.away.Active():
		p.line.retry()
		return
	case !p.env.Checkpoint || !p.connected:
		p.Log().Info().Msg("agent exited; shutting down")
		if p.connected && p.driver.options.HTTP != nil { // v0 calls back only if the agent may come back
			p.executor.Disconnected(p.driver)
		}
		p.connected = false
		p.shutdown()
		return
	}
	p.Log().Info().Dur("recovery_timeout", p.env.Recovery).Msg("agent exited; waiting for it to come back")
	p.connected = false
	p.away = p.Delay(p.env.Recovery, func() {
		p.Log().Info().Msg("agent did not come back; shutting down")
		p.shutdown()
	})
	p.executor.Disconnected(p.driver)
	p.line.retry()
}

// fail aborts a driver whose agent does not understand it.
func (p *ExecutorProcess) fail(message string) {
	p.Log().Error().Str("error", message).Msg("the agent reports an error; the driver is aborted")
	p.driver.Abort()
	p.executor.Error(p.driver, message)
}

// shutdown gives the executor the grace period to stop.
func (p *ExecutorProcess) shutdown() {
	if !p.listens() {
		return
	}
	if !p.env.Local {
		p.Delay(p.env.ShutdownGrace, func() {
			p.Log().Warn().Dur("grace", p.env.ShutdownGrace).Msg("executor overstayed its grace period")
			p.driver.options.Die()
		})
	}
	p.executor.Shutdown(p.driver)
	p.closing = true
	if p.env.Local {
		p.stop()
	}
}

// stop ends the actor and cancels the grace period.
func (p *ExecutorProcess) stop() {
	p.Terminate()
	p.finish()
}

// finish releases the callers that wait for the driver.
func (p *ExecutorProcess) finish() {
	p.away.Cancel()
	p.driver.life.End()
}

// timestamp returns the current time in seconds, as messages carry it.
func (p *ExecutorProcess) timestamp() *float64 {
	return proto.Float64(float64(p.Now().UnixNano()) / 1e9)
}
