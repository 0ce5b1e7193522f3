package checkpoint

import (
	"path/filepath"

	"meseta/messages/ids"
)

// Latest is the name of the symbolic link, beside the agents and beside the runs of an executor, to the current one.
const Latest = "latest"

// metaName is the name of the directory of checkpoints in a work directory.
const metaName = "meta"

// Root is a work directory, or the meta directory in it. Both have the same structure.
type Root string

// Meta returns the root of the checkpoints in a work directory.
func (r Root) Meta() Root { return Root(filepath.Join(string(r), metaName)) }

// BootID returns the path of the file with the boot ID of the system.
func (r Root) BootID() string { return filepath.Join(string(r), "boot_id") }

// ResourceState is the file with the resources that are reserved or volumes, and with the operations on resources.
func (r Root) ResourceState() string {
	return filepath.Join(string(r), "resources", "resources_and_operations.state")
}

// ResourceStateTarget is the file with what ResourceState is about to hold.
func (r Root) ResourceStateTarget() string {
	return filepath.Join(string(r), "resources", "resources_and_operations.target")
}

// Resources is the file with the resources of ResourceState for agents before Mesos 1.7, which know no other.
func (r Root) Resources() string { return filepath.Join(string(r), "resources", "resources.info") }

// ResourcesTarget is the file with what Resources is about to hold.
func (r Root) ResourcesTarget() string {
	return filepath.Join(string(r), "resources", "resources.target")
}

// Agents is the directory that holds one directory for each id this agent ever had.
func (r Root) Agents() string { return filepath.Join(string(r), "slaves") }

// LatestAgent returns the path of the link to the directory of the current ID.
func (r Root) LatestAgent() string { return filepath.Join(r.Agents(), Latest) }

// Agent returns the directory of an agent ID.
func (r Root) Agent(id ids.Agent) Agent { return Agent(filepath.Join(r.Agents(), string(id))) }

// Agent is the directory of an agent ID. In a work directory it has the agent's sandboxes.
type Agent string

// Info returns the path of the file with the SlaveInfo.
func (a Agent) Info() string { return filepath.Join(string(a), "slave.info") }

// DrainConfig returns the path of the file with the DrainConfig. It exists while the agent is draining.
func (a Agent) DrainConfig() string { return filepath.Join(string(a), "drain.config") }

// Operations is the directory that holds one directory for each operation on the agent's resources.
func (a Agent) Operations() string { return filepath.Join(string(a), "operations") }

// Operation returns the directory of an operation.
func (a Agent) Operation(id ids.UUID) string { return filepath.Join(a.Operations(), id.String()) }

// OperationUpdates is the file to which status updates of an operation and their acknowledgements are appended.
func (a Agent) OperationUpdates(id ids.UUID) string {
	return filepath.Join(a.Operation(id), "operation.updates")
}

// Framework is what belongs to one framework on this agent.
func (a Agent) Framework(id ids.Framework) Framework {
	return Framework(filepath.Join(string(a), "frameworks", string(id)))
}

// Framework is the directory of one framework.
type Framework string

// Info returns the path of the file with the FrameworkInfo.
func (f Framework) Info() string { return filepath.Join(string(f), "framework.info") }

// PID returns the path of the file with the scheduler's PID.
func (f Framework) PID() string { return filepath.Join(string(f), "framework.pid") }

// Executor returns the directory of an executor.
func (f Framework) Executor(id ids.Executor) Executor {
	return Executor(filepath.Join(string(f), "executors", string(id)))
}

// Executor is the directory of one executor.
type Executor string

// Info returns the path of the file with the ExecutorInfo.
func (e Executor) Info() string { return filepath.Join(string(e), "executor.info") }

// Generated returns the path of the file that says whether the agent made the executor to run a command task.
func (e Executor) Generated() string {
	return filepath.Join(string(e), "executor_generated_for_command_task")
}

// LatestRun returns the path of the link to the executor's current run.
func (e Executor) LatestRun() string { return filepath.Join(string(e), "runs", Latest) }

// Run returns the directory of a run of the executor.
func (e Executor) Run(id ids.Container) Run { return Run(filepath.Join(string(e), "runs", string(id))) }

// Run is the directory of a run of an executor: its sandbox in a work directory, its checkpoints in the meta directory.
type Run string

// Sentinel returns the path of the file that marks a run as ended, with all its updates acknowledged.
func (r Run) Sentinel() string { return filepath.Join(string(r), "executor.sentinel") }

// ForkedPID returns the path of the file with the ID of the executor's process.
func (r Run) ForkedPID() string { return filepath.Join(string(r), "pids", "forked.pid") }

// RunOf returns the run whose ForkedPID is path.
func RunOf(path string) Run { return Run(filepath.Dir(filepath.Dir(path))) }

// LibprocessPID returns the path of the file with the PID of the executor's driver.
func (r Run) LibprocessPID() string { return filepath.Join(string(r), "pids", "libprocess.pid") }

// HTTPMarker returns the path of the file that marks an executor that uses HTTP.
func (r Run) HTTPMarker() string { return filepath.Join(string(r), "http.marker") }

// Task returns the directory of a task.
func (r Run) Task(id ids.Task) Task { return Task(filepath.Join(string(r), "tasks", string(id))) }

// Task is the directory of one task.
type Task string

// Info returns the path of the file with the Task.
func (t Task) Info() string { return filepath.Join(string(t), "task.info") }

// Updates returns the path of the file with status updates and their acknowledgements.
func (t Task) Updates() string { return filepath.Join(string(t), "task.updates") }

// VirtualLatestRun returns the path under which /files serves an executor's current sandbox.
func VirtualLatestRun(framework ids.Framework, executor ids.Executor) string {
	return Agent("/").Framework(framework).Executor(executor).LatestRun()
}
