package executor

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// ExecutorProcess is the actor behind a [Driver]: it speaks with the agent.
//
// Mesos: class ExecutorProcess, and class MesosProcess of the v1 library.
type ExecutorProcess struct {
	runtime.Actor

	driver   *Driver
	executor Executor
	env      Environment
	line     line

	connected bool
	admitted  bool // was connected once
	closing   bool // asked to shut down: nothing more is called back
	away      runtime.Timer

	updates []*internalpb.StatusUpdate // not acknowledged, oldest first
	tasks   []*mesospb.TaskInfo        // of none of their updates, oldest first
}

// line is how the driver speaks with the agent: in messages of v0, or in calls and events of v1. What it hears it hands
// to [ExecutorProcess.handle].
type line interface {
	open()                             // tells the agent that the executor is here
	exited(pid runtime.PID)            // a link broke
	retry()                            // reaches out for an agent that went away
	update(u *internalpb.StatusUpdate) // tells how a task fares
	message(data []byte)               // speaks to the scheduler
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

// Finalize lets those go who wait for the driver, also when it ends with its node.
func (p *ExecutorProcess) Finalize() {
	p.line.close()
	p.finish()
}

// Exited tells that a link to the agent broke.
func (p *ExecutorProcess) Exited(pid runtime.PID) { p.line.exited(pid) }

// listens reports whether callbacks are still wanted.
func (p *ExecutorProcess) listens() bool { return p.driver.life.Running() && !p.closing }

// handle is the one way in which the agent's word reaches the executor. Acknowledgements matter while shutting down as
// well: the last one may let the executor go. A kill is delivered while disconnected: the executor may know what to do.
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

// work takes what makes no sense before registration.
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

// subscribed tells that the agent has let the executor in, or back in.
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

// lost tells that the agent is gone. It may come back if the framework is checkpointed and we were let in.
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
		if p.connected && p.driver.options.HTTP != nil { // v0 says so only if the agent may come back
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

// fail ends a driver that the agent will never understand.
func (p *ExecutorProcess) fail(message string) {
	p.Log().Error().Str("error", message).Msg("the agent reports an error; the driver is aborted")
	p.driver.Abort()
	p.executor.Error(p.driver, message)
}

// shutdown gives the executor the grace period to end by itself.
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

// stop ends the actor, and with it the grace period.
func (p *ExecutorProcess) stop() {
	p.Terminate()
	p.finish()
}

// finish lets go of those who wait for the driver.
func (p *ExecutorProcess) finish() {
	p.away.Cancel()
	p.driver.life.End()
}

// timestamp is the time now, as messages carry it: in seconds.
func (p *ExecutorProcess) timestamp() *float64 {
	return proto.Float64(float64(p.Now().UnixNano()) / 1e9)
}
