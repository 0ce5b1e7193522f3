package executor

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
)

// launch records the task until one of its updates is acknowledged. A restarted agent launches again what it is not
// told about.
//
// Mesos: ExecutorProcess::runTask.
//
// Differs: a task that is known already is dropped. In Mesos it ends the process.
func (p *ExecutorProcess) launch(task *mesospb.TaskInfo) {
	if p.remember(task) {
		p.executor.LaunchTask(p.driver, task)
	}
}

// launchGroup does the same for the tasks of a group.
func (p *ExecutorProcess) launchGroup(tasks []*mesospb.TaskInfo) {
	fresh := slices.DeleteFunc(slices.Clone(tasks), func(t *mesospb.TaskInfo) bool { return !p.remember(t) })
	g, ok := p.executor.(GroupExecutor)
	switch {
	case len(fresh) == 0:
	case ok:
		g.LaunchGroup(p.driver, fresh)
	default:
		for _, t := range fresh {
			p.sendStatusUpdate(&mesospb.TaskStatus{
				TaskId: t.GetTaskId(), State: mesospb.TaskState_TASK_FAILED.Enum(),
				Message: proto.String("The executor cannot run groups of tasks"),
			})
		}
	}
}

func (p *ExecutorProcess) remember(task *mesospb.TaskInfo) bool {
	id := ids.TaskOf(task.GetTaskId())
	if slices.ContainsFunc(p.tasks, func(t *mesospb.TaskInfo) bool { return ids.TaskOf(t.GetTaskId()) == id }) {
		p.Log().Warn().Stringer("task_id", id).Msg("duplicate task dropped")
		return false
	}
	p.tasks = append(p.tasks, task)
	return true
}

// kill passes a kill on to the executor.
//
// Mesos: ExecutorProcess::killTask.
func (p *ExecutorProcess) kill(x *executorpb.Event_Kill) {
	p.executor.KillTask(p.driver, ids.TaskOf(x.GetTaskId()), x.GetKillPolicy())
}

// acknowledged forgets an update and its task.
//
// Mesos: ExecutorProcess::statusUpdateAcknowledgement.
func (p *ExecutorProcess) acknowledged(x *executorpb.Event_Acknowledged) {
	if !p.driver.life.Running() || !p.connected {
		return
	}
	task := ids.TaskOf(x.GetTaskId())
	i := slices.IndexFunc(p.updates, func(u *internalpb.StatusUpdate) bool { return bytes.Equal(u.GetUuid(), x.GetUuid()) })
	if i < 0 {
		p.Log().Warn().Stringer("task_id", task).Msg("acknowledgement of an unknown status update ignored")
		return
	}
	state := p.updates[i].GetStatus().GetState()
	p.updates = slices.Delete(p.updates, i, i+1)
	p.tasks = slices.DeleteFunc(p.tasks, func(t *mesospb.TaskInfo) bool { return ids.TaskOf(t.GetTaskId()) == task })
	p.executor.Acknowledged(p.driver, task, state)
}

// sendStatusUpdate completes an update, keeps it and sends it.
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
	p.line.update(u)
}

// sendFrameworkMessage sends data to the scheduler.
//
// Mesos: ExecutorProcess::sendFrameworkMessage.
func (p *ExecutorProcess) sendFrameworkMessage(data []byte) { p.line.message(data) }
