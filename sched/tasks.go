package sched

import (
	"bytes"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// Mesos: SchedulerProcess::statusUpdate.
func (p *SchedulerProcess) statusUpdate(from runtime.PID, m *internalpb.StatusUpdateMessage) {
	if !p.leads(from) {
		return
	}
	u := m.GetUpdate()
	if own := ids.FrameworkOf(p.framework.GetId()); ids.FrameworkOf(u.GetFrameworkId()) != own {
		p.Log().Warn().Stringer("framework_id", ids.FrameworkOf(u.GetFrameworkId())).Msg("status update of another framework ignored")
		return
	}
	uuid := u.GetUuid()
	if m.GetPid() == "" {
		uuid = nil // the master made this update and expects no acknowledgement
	}
	p.updated(u.GetStatus(), uuid, u.GetSlaveId())
}

// updated passes a status to the scheduler. An update with a UUID is acknowledged, by the driver or by the scheduler.
// The status is made to carry that UUID, because the scheduler acknowledges by it.
func (p *SchedulerProcess) updated(status *mesospb.TaskStatus, uuid []byte, agent *mesospb.SlaveID) {
	if !bytes.Equal(status.GetUuid(), uuid) {
		status = proto.CloneOf(status)
		status.Uuid = uuid
	}
	p.scheduler.StatusUpdate(p.driver, status)
	if p.options.ExplicitAcknowledgements || !p.running() {
		return // not acknowledged if the callback aborted the driver: it may not have processed the update
	}
	p.acknowledge(agent, status.GetTaskId(), uuid)
}

// acknowledge acknowledges an update to the agent, through the master. An update without a UUID expects none.
func (p *SchedulerProcess) acknowledge(agent *mesospb.SlaveID, task *mesospb.TaskID, uuid []byte) {
	if !p.connected || len(uuid) == 0 || agent == nil {
		return
	}
	p.call(&schedulerpb.Call{
		Type:        schedulerpb.Call_ACKNOWLEDGE.Enum(),
		Acknowledge: &schedulerpb.Call_Acknowledge{SlaveId: agent, TaskId: task, Uuid: uuid},
	})
}

// dropTasks reports the tasks that were to be launched while no master is connected.
func (p *SchedulerProcess) dropTasks(operations []*mesospb.Offer_Operation) {
	state := tasks.LostOr(mesospb.TaskState_TASK_DROPPED, capabilities.OfFramework(p.framework))
	for _, task := range launched(operations) {
		if !p.running() {
			return
		}
		p.scheduler.StatusUpdate(p.driver, &mesospb.TaskStatus{
			TaskId:    task.GetTaskId(),
			State:     state.Enum(),
			Source:    mesospb.TaskStatus_SOURCE_MASTER.Enum(),
			Reason:    mesospb.TaskStatus_REASON_MASTER_DISCONNECTED.Enum(),
			Message:   proto.String("Master disconnected"),
			Timestamp: proto.Float64(float64(p.Now().UnixNano()) / 1e9),
		})
	}
}

// Mesos: SchedulerProcess::killTask.
func (p *SchedulerProcess) kill(task ids.Task) {
	if p.connected {
		p.call(&schedulerpb.Call{Type: schedulerpb.Call_KILL.Enum(), Kill: &schedulerpb.Call_Kill{TaskId: task.Proto()}})
	}
}

// Mesos: SchedulerProcess::reconcileTasks.
func (p *SchedulerProcess) reconcile(tasks []*mesospb.TaskStatus) {
	if !p.connected {
		return
	}
	reconcile := &schedulerpb.Call_Reconcile{}
	for _, t := range tasks {
		reconcile.Tasks = append(reconcile.Tasks, &schedulerpb.Call_Reconcile_Task{TaskId: t.GetTaskId(), SlaveId: t.GetSlaveId()})
	}
	p.call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: reconcile})
}
