package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// each is the resources of every agent, and smallest those of every task: an agent has room for 320 tasks.
var (
	each     = parse("cpus:32;mem:131072;disk:1048576;ports:[31000-32000]")
	smallest = parse("cpus:0.1;mem:32")
)

const room = 320

func parse(text string) []*mesospb.Resource {
	rs, err := resources.Parse(text, "*")
	if err != nil {
		panic(err)
	}
	return rs.Proto()
}

// agent is an agent without containers. Its tasks run, and finish as soon as the update that says so is acknowledged.
type agent struct {
	runtime.Actor
	master   runtime.PID
	guard    *guard
	tally    *tally
	joined   *goal         // counts registrations
	retry    time.Duration // until it is registered; 0 means no retries
	detail   bool          // updates say where tasks run
	id       *mesospb.SlaveID
	tasks    map[ids.Task]*task
	again    *goal                              // counts re-registrations
	prepared *internalpb.ReregisterSlaveMessage // by which it re-registers; nil: yet to be made
	known    map[ids.Framework]*mesospb.FrameworkInfo
}

// staying is the prefix of names of tasks that do not finish.
const staying = "stays-"

// task is a task in a status update manager: the next update waits until the previous one is acknowledged.
type task struct {
	framework *mesospb.FrameworkID
	id        *mesospb.TaskID
	info      *mesospb.TaskInfo
	last      *mesospb.TaskStatus
	state     mesospb.TaskState
	uuid      ids.UUID // of the update that waits for its acknowledgement
}

// Initialize implements [runtime.Initializer].
func (a *agent) Initialize() {
	runtime.Install(a, a.registered)
	runtime.Install(a, a.reregistered)
	runtime.Install(a, a.ping)
	runtime.Install(a, a.run)
	runtime.Install(a, a.acknowledged)
	runtime.Install(a, a.shutdown)
	a.tasks, a.known = map[ids.Task]*task{}, map[ids.Framework]*mesospb.FrameworkInfo{}
	a.guard.admit(&a.Actor, a.master, cmp.Or(a.retry, time.Minute), a.tally, a.register)
}

func (a *agent) register() {
	a.Send(a.master, &internalpb.RegisterSlaveMessage{
		Slave: a.info(), Version: proto.String("1.12.0"), AgentCapabilities: declared,
	})
	if a.retry > 0 {
		a.Delay(a.retry, func() {
			if a.id == nil {
				a.register()
			}
		})
	}
}

func (a *agent) info() *mesospb.SlaveInfo {
	hostname := fmt.Sprintf("%s.hollow", a.Self().ID)
	return &mesospb.SlaveInfo{
		Id: a.id, Hostname: &hostname, Port: proto.Int32(5051), Checkpoint: proto.Bool(true), Resources: each,
	}
}

// declared lists the capabilities of a current agent.
var declared = capabilities.ListForAgent(
	mesospb.SlaveInfo_Capability_MULTI_ROLE, mesospb.SlaveInfo_Capability_HIERARCHICAL_ROLE,
	mesospb.SlaveInfo_Capability_RESERVATION_REFINEMENT, mesospb.SlaveInfo_Capability_RESOURCE_PROVIDER,
	mesospb.SlaveInfo_Capability_RESIZE_VOLUME, mesospb.SlaveInfo_Capability_AGENT_OPERATION_FEEDBACK,
	mesospb.SlaveInfo_Capability_AGENT_DRAINING, mesospb.SlaveInfo_Capability_TASK_RESOURCE_LIMITS,
)

func (a *agent) registered(_ runtime.PID, msg *internalpb.SlaveRegisteredMessage) {
	switch {
	case a.id == nil:
		a.id = msg.SlaveId
		a.joined.add()
	case a.id.GetValue() != msg.GetSlaveId().GetValue():
		a.tally.fail("agent %s was registered as %s too", a.id.GetValue(), msg.GetSlaveId().GetValue())
	}
}

func (a *agent) ping(runtime.PID, *internalpb.PingSlaveMessage) {
	a.Reply(&internalpb.PongSlaveMessage{})
}

func (a *agent) shutdown(_ runtime.PID, msg *internalpb.ShutdownMessage) {
	a.tally.fail("the master shut agent %s down: %s", a.id.GetValue(), msg.GetMessage())
}

func (a *agent) run(_ runtime.PID, msg *internalpb.RunTaskMessage) {
	id := ids.TaskOf(msg.GetTask().GetTaskId())
	if a.tasks[id] != nil {
		a.tally.fail("task %s was launched twice", id)
		return
	}
	t := &task{framework: msg.GetFramework().GetId(), id: msg.GetTask().GetTaskId(), info: msg.GetTask()}
	a.tasks[id] = t
	a.known[ids.FrameworkOf(t.framework)] = msg.GetFramework()
	a.report(t, mesospb.TaskState_TASK_RUNNING)
}

func (a *agent) acknowledged(_ runtime.PID, msg *internalpb.StatusUpdateAcknowledgementMessage) {
	t := a.tasks[ids.TaskOf(msg.GetTaskId())]
	if uuid, err := ids.UUIDOf(msg.GetUuid()); t == nil || err != nil || uuid != t.uuid {
		a.tally.fail("agent %s got an acknowledgement that it does not wait for: %s", a.id.GetValue(), msg.GetTaskId().GetValue())
		return
	}
	switch {
	case t.state == mesospb.TaskState_TASK_FINISHED:
		delete(a.tasks, ids.TaskOf(t.id)) // otherwise our collector, which grows with the laps, would be part of what is measured
		a.tally.finished.add()
	case strings.HasPrefix(t.id.GetValue(), staying):
		a.tally.running.add()
	default:
		a.report(t, mesospb.TaskState_TASK_FINISHED)
	}
}

// report sends an update of t, like an agent's status update manager.
func (a *agent) report(t *task, state mesospb.TaskState) {
	t.state, t.uuid = state, ids.NewUUID(a.Rand())
	now := proto.Float64(float64(a.Now().UnixNano()) / 1e9)
	executor := &mesospb.ExecutorID{Value: t.id.Value}
	var container *mesospb.ContainerStatus
	if a.detail {
		container = placed
	}
	t.last = &mesospb.TaskStatus{
		TaskId: t.id, SlaveId: a.id, ExecutorId: executor, State: state.Enum(), Uuid: t.uuid.Bytes(), Timestamp: now,
		Source: mesospb.TaskStatus_SOURCE_EXECUTOR.Enum(), ContainerStatus: container,
	}
	a.Send(a.master, &internalpb.StatusUpdateMessage{
		Pid: proto.String(a.Self().String()),
		Update: &internalpb.StatusUpdate{
			FrameworkId: t.framework, ExecutorId: executor, SlaveId: a.id, Timestamp: now, Uuid: t.uuid.Bytes(),
			LatestState: state.Enum(), Status: t.last,
		},
	})
}
