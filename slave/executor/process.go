package executor

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/internalpb"
	"meseta/messages/mesospb"
	"meseta/runtime"
)

// ExecutorProcess is the actor behind a [Driver]: it speaks with the agent.
//
// Mesos: class ExecutorProcess.
type ExecutorProcess struct {
	runtime.Actor

	driver   *Driver
	executor Executor
	env      Environment
	agent    runtime.PID // changes when the agent restarts

	connected bool
	closing   bool // asked to shut down: nothing more is called back
	away      runtime.Timer

	updates []*internalpb.StatusUpdate // not acknowledged, oldest first
	tasks   []*mesospb.TaskInfo        // of none of their updates, oldest first
}

func newProcess(d *Driver) *ExecutorProcess {
	return &ExecutorProcess{driver: d, executor: d.executor, env: d.env, agent: d.env.Agent}
}

// Initialize installs everything the driver reacts to, and registers.
func (p *ExecutorProcess) Initialize() {
	runtime.Install(p, p.registered)
	runtime.Install(p, p.reregistered)
	runtime.Install(p, p.reconnect)
	runtime.Install(p, p.runTask)
	runtime.Install(p, p.killTask)
	runtime.Install(p, p.acknowledged)
	runtime.Install(p, p.frameworkMessage)
	runtime.Install(p, p.shutdownRequested)

	p.Link(p.agent)
	p.Send(p.agent, &internalpb.RegisterExecutorMessage{
		FrameworkId: p.env.FrameworkID.Proto(), ExecutorId: p.env.ExecutorID.Proto(),
	})
}

// Finalize lets those go who wait for the driver, also when it ends with its node.
func (p *ExecutorProcess) Finalize() { p.finish() }

// listens reports whether callbacks are still wanted.
func (p *ExecutorProcess) listens() bool { return p.driver.running.Load() && !p.closing }

// hears reports whether a message of the agent counts that makes no sense before registration.
func (p *ExecutorProcess) hears(what string) bool {
	if !p.listens() {
		return false
	}
	if !p.connected {
		p.Log().Warn().Str("message", what).Msg("message ignored while disconnected")
	}
	return p.connected
}

// Mesos: ExecutorProcess::registered.
func (p *ExecutorProcess) registered(_ runtime.PID, m *internalpb.ExecutorRegisteredMessage) {
	if !p.listens() {
		return
	}
	p.Log().Info().Stringer("agent_id", ids.AgentOf(m.GetSlaveId())).Msg("executor registered")
	p.connect()
	p.executor.Registered(p.driver, m.GetExecutorInfo(), m.GetFrameworkInfo(), m.GetSlaveInfo())
}

// Mesos: ExecutorProcess::reregistered.
func (p *ExecutorProcess) reregistered(_ runtime.PID, m *internalpb.ExecutorReregisteredMessage) {
	if !p.listens() {
		return
	}
	p.Log().Info().Stringer("agent_id", ids.AgentOf(m.GetSlaveId())).Msg("executor reregistered")
	p.connect()
	p.executor.Reregistered(p.driver, m.GetSlaveInfo())
}

func (p *ExecutorProcess) connect() {
	p.connected = true
	p.away.Cancel()
}

// reconnect comes from an agent that restarted: it learns what it may have missed. The new connection spares us one
// that is half open, which would swallow the answer.
//
// Mesos: ExecutorProcess::reconnect.
func (p *ExecutorProcess) reconnect(from runtime.PID, m *internalpb.ReconnectExecutorMessage) {
	if !p.listens() {
		return
	}
	p.Log().Info().Stringer("agent_id", ids.AgentOf(m.GetSlaveId())).Stringer("from", from).Msg("agent asks to reconnect")
	p.agent = from
	p.Relink(from)
	p.Send(from, &internalpb.ReregisterExecutorMessage{
		ExecutorId: p.env.ExecutorID.Proto(), FrameworkId: p.env.FrameworkID.Proto(),
		Updates: slices.Clone(p.updates), Tasks: slices.Clone(p.tasks),
	})
}

// Exited tells that the agent is gone. It may come back if the framework is checkpointed and we were let in.
//
// Mesos: ExecutorProcess::exited.
func (p *ExecutorProcess) Exited(pid runtime.PID) {
	if !p.listens() || pid != p.agent {
		return
	}
	if !p.env.Checkpoint || !p.connected {
		p.Log().Info().Msg("agent exited; shutting down")
		p.connected = false
		p.shutdown()
		return
	}
	p.Log().Info().Dur("recovery_timeout", p.env.Recovery).Msg("agent exited; waiting for it to come back")
	p.connected = false
	p.away.Cancel()
	p.away = p.Delay(p.env.Recovery, func() {
		p.Log().Info().Msg("agent did not come back; shutting down")
		p.shutdown()
	})
	p.executor.Disconnected(p.driver)
}

// Mesos: ExecutorProcess::shutdown.
func (p *ExecutorProcess) shutdownRequested(runtime.PID, *internalpb.ShutdownExecutorMessage) {
	p.Log().Info().Msg("agent asks to shut down")
	p.shutdown()
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
	select {
	case <-p.driver.over:
	default:
		close(p.driver.over)
	}
}

// timestamp is the time now, as messages carry it: in seconds.
func (p *ExecutorProcess) timestamp() *float64 {
	return proto.Float64(float64(p.Now().UnixNano()) / 1e9)
}
