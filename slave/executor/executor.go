package executor

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Executor runs tasks. Its methods are called one at a time, on the driver's turn. They must not block, and must not
// change the messages that they are given.
//
// Mesos: class Executor.
type Executor interface {
	// Registered reports that the executor is registered. Tasks follow.
	Registered(d *Driver, executor *mesospb.ExecutorInfo, framework *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo)
	// Reregistered reports that the agent is back after a restart.
	Reregistered(d *Driver, agent *mesospb.SlaveInfo)
	// Disconnected reports that the agent is away. It may come back; tasks go on, and updates are kept.
	Disconnected(d *Driver)
	// LaunchTask requests to run a task and to report its state with status updates.
	LaunchTask(d *Driver, task *mesospb.TaskInfo)
	// KillTask requests to end a task, which should end as TASK_KILLED. policy may be nil.
	//
	// Differs: Mesos passes the policy to the docker executor only.
	KillTask(d *Driver, task ids.Task, policy *mesospb.KillPolicy)
	// Acknowledged reports that the agent has acknowledged an update with that state.
	//
	// Differs: Mesos does not tell v0 executors, which wait a fixed time after their last update so as not to lose it.
	Acknowledged(d *Driver, task ids.Task, state mesospb.TaskState)
	// FrameworkMessage passes data from the scheduler. It is delivered at most once.
	FrameworkMessage(d *Driver, data []byte)
	// Shutdown requests to end all tasks and then the executor, with [Driver.Stop], within the grace period. Only
	// Acknowledged may be called after it.
	Shutdown(d *Driver)
	// Error reports an error that the driver cannot recover from. The driver has aborted itself.
	Error(d *Driver, message string)
}

// GroupExecutor is an [Executor] that also runs task groups.
type GroupExecutor interface {
	Executor
	// LaunchGroup requests to run the tasks of a group.
	LaunchGroup(d *Driver, tasks []*mesospb.TaskInfo)
}

// Base is an [Executor] that ignores everything, except that it stops its driver on Shutdown.
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
