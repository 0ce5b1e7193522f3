package executor

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/internalpb"
	"meseta/messages/mesospb"
	"meseta/runtime"
)

// runTask remembers the task until one of its updates is acknowledged: a restarted agent launches again what it is not
// told of.
//
// Mesos: ExecutorProcess::runTask. Differs: a task that is known already is dropped instead of ending the process.
func (p *ExecutorProcess) runTask(_ runtime.PID, m *internalpb.RunTaskMessage) {
	if !p.hears("RunTaskMessage") {
		return
	}
	task := m.GetTask()
	id := ids.TaskOf(task.GetTaskId())
	if slices.ContainsFunc(p.tasks, func(t *mesospb.TaskInfo) bool { return ids.TaskOf(t.GetTaskId()) == id }) {
		p.Log().Warn().Stringer("task_id", id).Msg("duplicate task dropped")
		return
	}
	p.tasks = append(p.tasks, task)
	p.executor.LaunchTask(p.driver, task)
}

// killTask is delivered while disconnected as well: the executor may know what to do.
//
// Mesos: ExecutorProcess::killTask.
func (p *ExecutorProcess) killTask(_ runtime.PID, m *internalpb.KillTaskMessage) {
	if p.listens() {
		p.executor.KillTask(p.driver, ids.TaskOf(m.GetTaskId()), m.GetKillPolicy())
	}
}

// acknowledged matters while shutting down as well: then the last update may let the executor go.
//
// Mesos: ExecutorProcess::statusUpdateAcknowledgement.
func (p *ExecutorProcess) acknowledged(_ runtime.PID, m *internalpb.StatusUpdateAcknowledgementMessage) {
	if !p.driver.running.Load() || !p.connected {
		return
	}
	task := ids.TaskOf(m.GetTaskId())
	i := slices.IndexFunc(p.updates, func(u *internalpb.StatusUpdate) bool { return bytes.Equal(u.GetUuid(), m.GetUuid()) })
	if i < 0 {
		p.Log().Warn().Stringer("task_id", task).Msg("acknowledgement of an unknown status update ignored")
		return
	}
	state := p.updates[i].GetStatus().GetState()
	p.updates = slices.Delete(p.updates, i, i+1)
	p.tasks = slices.DeleteFunc(p.tasks, func(t *mesospb.TaskInfo) bool { return ids.TaskOf(t.GetTaskId()) == task })
	p.executor.Acknowledged(p.driver, task, state)
}

// sendStatusUpdate stamps an update and keeps it.
//
// Mesos: ExecutorProcess::sendStatusUpdate.
func (p *ExecutorProcess) sendStatusUpdate(status *mesospb.TaskStatus) {
	uuid := ids.NewUUID(p.Rand()).Bytes()
	now := p.timestamp()
	status = proto.CloneOf(status)
	status.Uuid, status.Timestamp, status.SlaveId = uuid, now, p.env.AgentID.Proto()
	u := &internalpb.StatusUpdate{
		FrameworkId: p.env.FrameworkID.Proto(), ExecutorId: p.env.ExecutorID.Proto(), SlaveId: p.env.AgentID.Proto(),
		Status: status, Timestamp: now, Uuid: uuid,
	}
	p.updates = append(p.updates, u)
	p.Send(p.agent, &internalpb.StatusUpdateMessage{Update: u, Pid: proto.String(p.Self().String())})
}

// Mesos: ExecutorProcess::sendFrameworkMessage.
func (p *ExecutorProcess) sendFrameworkMessage(data []byte) {
	p.Send(p.agent, &internalpb.ExecutorToFrameworkMessage{
		SlaveId: p.env.AgentID.Proto(), FrameworkId: p.env.FrameworkID.Proto(), ExecutorId: p.env.ExecutorID.Proto(), Data: data,
	})
}

// Mesos: ExecutorProcess::frameworkMessage.
func (p *ExecutorProcess) frameworkMessage(_ runtime.PID, m *internalpb.FrameworkToExecutorMessage) {
	if p.hears("FrameworkToExecutorMessage") {
		p.executor.FrameworkMessage(p.driver, m.GetData())
	}
}
