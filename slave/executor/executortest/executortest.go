// Package executortest provides the peer of an executor for tests, a scripted [Agent], and an [Executor] that records
// its callbacks.
package executortest

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
)

// Agent is an actor that acts as an agent. It registers every executor and acknowledges every update, unless it is
// Mute.
type Agent struct {
	runtime.Actor
	Mute         bool
	Capabilities []mesospb.FrameworkInfo_Capability_Type // of the framework
	OnRegister   func()                                  // called when an executor has registered

	Executor     runtime.PID // the executor that registered last
	Updates      []*internalpb.StatusUpdate
	Reregistered *internalpb.ReregisterExecutorMessage // the latest one
}

// Initialize installs the messages of executors.
func (a *Agent) Initialize() {
	runtime.Install(a, a.register)
	runtime.Install(a, a.reregister)
	runtime.Install(a, a.update)
	runtime.Install(a, func(runtime.PID, *internalpb.ExecutorToFrameworkMessage) {})
}

// Environment returns the environment that the agent at that PID sets for its executors.
func Environment(agent runtime.PID) executor.Environment {
	e, err := executor.ParseEnvironment(func(name string) (string, bool) {
		v, ok := map[string]string{
			"MESOS_SLAVE_PID": agent.String(), "MESOS_SLAVE_ID": "a1", "MESOS_FRAMEWORK_ID": "f1",
			"MESOS_EXECUTOR_ID": "x1", "MESOS_DIRECTORY": "/sandbox",
		}[name]
		return v, ok
	})
	if err != nil {
		panic(err)
	}
	return e
}

func slaveInfo() *mesospb.SlaveInfo { return &mesospb.SlaveInfo{Hostname: proto.String("host")} }

func (a *Agent) register(from runtime.PID, m *internalpb.RegisterExecutorMessage) {
	a.Executor = from
	if a.Mute {
		return
	}
	framework := &mesospb.FrameworkInfo{User: proto.String("root"), Name: proto.String("test")}
	for _, c := range a.Capabilities {
		framework.Capabilities = append(framework.Capabilities, &mesospb.FrameworkInfo_Capability{Type: c.Enum()})
	}
	a.Reply(&internalpb.ExecutorRegisteredMessage{
		ExecutorInfo:  &mesospb.ExecutorInfo{ExecutorId: m.GetExecutorId(), Command: &mesospb.CommandInfo{}},
		FrameworkId:   m.GetFrameworkId(),
		FrameworkInfo: framework,
		SlaveId:       ids.Agent("a1").Proto(), SlaveInfo: slaveInfo(),
	})
	if a.OnRegister != nil {
		a.OnRegister()
	}
}

func (a *Agent) reregister(from runtime.PID, m *internalpb.ReregisterExecutorMessage) {
	a.Executor, a.Reregistered = from, m
	a.Reply(&internalpb.ExecutorReregisteredMessage{SlaveId: ids.Agent("a1").Proto(), SlaveInfo: slaveInfo()})
}

func (a *Agent) update(_ runtime.PID, m *internalpb.StatusUpdateMessage) {
	a.Updates = append(a.Updates, m.GetUpdate())
	if !a.Mute {
		a.Acknowledge(m.GetUpdate())
	}
}

// Acknowledge acknowledges u.
func (a *Agent) Acknowledge(u *internalpb.StatusUpdate) {
	a.Send(a.Executor, &internalpb.StatusUpdateAcknowledgementMessage{
		SlaveId: u.GetSlaveId(), FrameworkId: u.GetFrameworkId(), TaskId: u.GetStatus().GetTaskId(), Uuid: u.GetUuid(),
	})
}

// Run sends a task.
func (a *Agent) Run(task *mesospb.TaskInfo) {
	a.Send(a.Executor, &internalpb.RunTaskMessage{
		FrameworkId: ids.Framework("f1").Proto(), Task: task,
		Framework: &mesospb.FrameworkInfo{User: proto.String("root"), Name: proto.String("test")},
	})
}

// Kill requests to end a task. policy may be nil.
func (a *Agent) Kill(task ids.Task, policy *mesospb.KillPolicy) {
	a.Send(a.Executor, &internalpb.KillTaskMessage{FrameworkId: ids.Framework("f1").Proto(), TaskId: task.Proto(), KillPolicy: policy})
}

// Shutdown requests to end the executor.
func (a *Agent) Shutdown() { a.Send(a.Executor, &internalpb.ShutdownExecutorMessage{}) }

// States returns the states of the task in its updates, in order.
func (a *Agent) States(task ids.Task) []string {
	var states []string
	for _, u := range a.Updates {
		if ids.TaskOf(u.GetStatus().GetTaskId()) == task {
			states = append(states, u.GetStatus().GetState().String())
		}
	}
	return states
}

// Executor records every callback. Read Heard only while the driver has no turn.
type Executor struct {
	executor.Base
	Heard      []string
	OnLaunch   func(*executor.Driver, *mesospb.TaskInfo)
	OnShutdown func(*executor.Driver)
}

func (x *Executor) hear(format string, args ...any) {
	x.Heard = append(x.Heard, fmt.Sprintf(format, args...))
}

// Registered implements [executor.Executor].
func (x *Executor) Registered(_ *executor.Driver, e *mesospb.ExecutorInfo, _ *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo) {
	x.hear("registered %s on %s", e.GetExecutorId().GetValue(), agent.GetHostname())
}

// Reregistered implements [executor.Executor].
func (x *Executor) Reregistered(_ *executor.Driver, agent *mesospb.SlaveInfo) {
	x.hear("reregistered on %s", agent.GetHostname())
}

// Disconnected implements [executor.Executor].
func (x *Executor) Disconnected(*executor.Driver) { x.hear("disconnected") }

// LaunchTask implements [executor.Executor].
func (x *Executor) LaunchTask(d *executor.Driver, task *mesospb.TaskInfo) {
	x.hear("launch %s", task.GetTaskId().GetValue())
	if x.OnLaunch != nil {
		x.OnLaunch(d, task)
	}
}

// KillTask implements [executor.Executor].
func (x *Executor) KillTask(_ *executor.Driver, task ids.Task, _ *mesospb.KillPolicy) {
	x.hear("kill %s", task)
}

// Acknowledged implements [executor.Executor].
func (x *Executor) Acknowledged(_ *executor.Driver, task ids.Task, state mesospb.TaskState) {
	x.hear("acknowledged %s %s", task, state)
}

// FrameworkMessage implements [executor.Executor].
func (x *Executor) FrameworkMessage(_ *executor.Driver, data []byte) { x.hear("message %q", data) }

// Shutdown implements [executor.Executor].
func (x *Executor) Shutdown(d *executor.Driver) {
	x.hear("shutdown")
	if x.OnShutdown != nil {
		x.OnShutdown(d)
	}
}
