package checkpoint

import (
	"time"

	"meseta/actors/operationupdate"
	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// State is what an earlier run of the agent left in a work directory. Its lists are sorted by ID.
//
// Mesos: slave::state::State, SlaveState.
type State struct {
	Info       *mesospb.SlaveInfo   // nil: no agent has registered from this directory
	Drain      *mesospb.DrainConfig // nil unless the agent was draining
	Boot       string               // the boot id of the system that the agent ran on; empty: unknown
	Resources  ResourcesState
	Operations []OperationState // whose directories were found, whether or not Resources has the operations
	Frameworks []FrameworkState
	Warnings   []string // what is missing or, if reading is not strict, damaged, in Mesos's words
	Errors     int      // number of damaged records
	Leftovers  []Leftover
}

// ResourcesState is what the agent has made of its resources, whatever its ID.
//
// Mesos: ResourcesState, SlaveState.operations.
type ResourcesState struct {
	Resources []*mesospb.Resource // those that are reserved or volumes
	// Target is what Resources is to become, if Pending: the agent died before all volumes were made or deleted.
	Target     []*mesospb.Resource
	Pending    bool
	Operations []*mesospb.Operation // those that are not over
}

// OperationState is the directory of an operation.
//
// Mesos: OperationStatusUpdateManagerState::StreamState.
type OperationState struct {
	ID      ids.UUID
	Updates operationupdate.Recorded // empty if no update was written
}

// FrameworkState is a framework that asked for checkpoints. Without Info or PID its executors are not recovered.
//
// Mesos: FrameworkState.
type FrameworkState struct {
	ID        ids.Framework
	Info      *mesospb.FrameworkInfo // nil if it was not written
	Recorded  bool                   // PID was written
	PID       runtime.PID            // zero if the scheduler uses HTTP
	Executors []ExecutorState
}

// ExecutorState is an executor with all its runs. Without Info or Latest it is not recovered.
//
// Mesos: ExecutorState.
type ExecutorState struct {
	ID        ids.Executor
	Info      *mesospb.ExecutorInfo // nil if it was not written
	Generated bool                  // made by the agent to run a command task
	Latest    ids.Container         // the current run; empty if it was not written
	Runs      []RunState
}

// RunState is a run of an executor.
//
// Mesos: RunState.
type RunState struct {
	ID        ids.Container
	Completed bool // it has ended, and all its updates are acknowledged
	Tasks     []TaskState
	Forked    int         // the process; 0 if it was not written
	PID       runtime.PID // of the executor's driver; zero if it uses HTTP or has not registered
	HTTP      bool        // the executor has subscribed over HTTP
}

// TaskState is a task of a run.
//
// Mesos: TaskState.
type TaskState struct {
	ID      ids.Task
	Info    *mesospb.Task         // nil if it was not written; then its updates are not read
	Updates statusupdate.Recorded // empty if no update was written
}

// Leftover is a directory of an earlier run, with the time of its last use.
type Leftover struct {
	Path string
	Used time.Time
}
