package executor

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Executor runs tasks. Its methods are called one at a time, on the driver's turn: they must not block, and they own no
// message they are given beyond reading it.
//
// Mesos: class Executor.
type Executor interface {
	// Registered tells that the agent has let the executor in. Tasks follow.
	Registered(d *Driver, executor *mesospb.ExecutorInfo, framework *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo)
	// Reregistered tells that the agent is back after a restart.
	Reregistered(d *Driver, agent *mesospb.SlaveInfo)
	// Disconnected tells that the agent is away; it may come back. Tasks go on, updates are kept.
	Disconnected(d *Driver)
	// LaunchTask asks to run a task, and to tell by status updates how it fares.
	LaunchTask(d *Driver, task *mesospb.TaskInfo)
	// KillTask asks to end a task, which shall end as TASK_KILLED. policy may be nil.
	// Differs: Mesos gives the policy to the docker executor alone; others do better with it as well.
	KillTask(d *Driver, task ids.Task, policy *mesospb.KillPolicy)
	// Acknowledged tells that the agent has got an update of the task that said state.
	// Differs: Mesos's v0 executors are not told, and linger after their last update for fear of losing it.
	Acknowledged(d *Driver, task ids.Task, state mesospb.TaskState)
	// FrameworkMessage brings bytes from the scheduler. Delivery is at most once.
	FrameworkMessage(d *Driver, data []byte)
	// Shutdown asks to end all tasks and the executor itself, by [Driver.Stop], within the grace period. Only
	// Acknowledged may be called after it.
	Shutdown(d *Driver)
	// Error tells of something the driver cannot recover from. The driver has aborted itself.
	Error(d *Driver, message string)
}

// GroupExecutor is an [Executor] that runs groups of tasks as well.
type GroupExecutor interface {
	Executor
	// LaunchGroup asks to run tasks that live and die together.
	LaunchGroup(d *Driver, tasks []*mesospb.TaskInfo)
}

// Base is an [Executor] that ignores everything, but stops its driver when asked to shut down.
type Base struct{}

var _ Executor = Base{}

// Registered implements [Executor].
func (Base) Registered(*Driver, *mesospb.ExecutorInfo, *mesospb.FrameworkInfo, *mesospb.SlaveInfo) {}

// Reregistered implements [Executor].
func (Base) Reregistered(*Driver, *mesospb.SlaveInfo) {}

// Disconnected implements [Executor].
func (Base) Disconnected(*Driver) {}

// LaunchTask implements [Executor].
func (Base) LaunchTask(*Driver, *mesospb.TaskInfo) {}

// KillTask implements [Executor].
func (Base) KillTask(*Driver, ids.Task, *mesospb.KillPolicy) {}

// Acknowledged implements [Executor].
func (Base) Acknowledged(*Driver, ids.Task, mesospb.TaskState) {}

// FrameworkMessage implements [Executor].
func (Base) FrameworkMessage(*Driver, []byte) {}

// Shutdown implements [Executor].
func (Base) Shutdown(d *Driver) { d.Stop() }

// Error implements [Executor].
func (Base) Error(*Driver, string) {}
