package sched

import (
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// Mesos: SchedulerProcess::lostSlave.
func (p *SchedulerProcess) lostSlave(from runtime.PID, m *internalpb.LostSlaveMessage) {
	p.agentLost(from, ids.AgentOf(m.GetSlaveId()))
}

func (p *SchedulerProcess) agentLost(from runtime.PID, agent ids.Agent) {
	if !p.leads(from) {
		return
	}
	delete(p.agents, agent)
	p.scheduler.AgentLost(p.driver, agent)
}

// Mesos: SchedulerProcess::lostExecutor.
func (p *SchedulerProcess) exitedExecutor(from runtime.PID, m *internalpb.ExitedExecutorMessage) {
	p.executorLost(from, ids.ExecutorOf(m.GetExecutorId()), ids.AgentOf(m.GetSlaveId()), int(m.GetStatus()))
}

func (p *SchedulerProcess) executorLost(from runtime.PID, executor ids.Executor, agent ids.Agent, status int) {
	if p.leads(from) {
		p.scheduler.ExecutorLost(p.driver, executor, agent, status)
	}
}

// executorToFramework accepts any sender, since the message comes from an agent or from the master.
//
// Mesos: SchedulerProcess::frameworkMessage.
func (p *SchedulerProcess) executorToFramework(_ runtime.PID, m *internalpb.ExecutorToFrameworkMessage) {
	p.messaged(ids.ExecutorOf(m.GetExecutorId()), ids.AgentOf(m.GetSlaveId()), m.GetData())
}

func (p *SchedulerProcess) messaged(executor ids.Executor, agent ids.Agent, data []byte) {
	if p.running() {
		p.scheduler.FrameworkMessage(p.driver, executor, agent, data)
	}
}

// message sends a framework message directly to the agent if its address is known, and through the master otherwise.
//
// Mesos: SchedulerProcess::sendFrameworkMessage.
func (p *SchedulerProcess) message(executor ids.Executor, agent ids.Agent, data []byte) {
	if !p.connected {
		return
	}
	if pid, known := p.agents[agent]; known {
		p.Send(pid, &internalpb.FrameworkToExecutorMessage{
			SlaveId: agent.Proto(), FrameworkId: p.framework.GetId(), ExecutorId: executor.Proto(), Data: data,
		})
		return
	}
	p.call(&schedulerpb.Call{
		Type:    schedulerpb.Call_MESSAGE.Enum(),
		Message: &schedulerpb.Call_Message{SlaveId: agent.Proto(), ExecutorId: executor.Proto(), Data: data},
	})
}
