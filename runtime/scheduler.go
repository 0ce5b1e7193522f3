package runtime

import "meseta/runtime/internal/workers"

// Scheduler runs turns and blocking work. The default runs each on a goroutine of a pool that grows as needed; the
// simulator's runs one at a time, in an order that follows from a seed.
type Scheduler interface {
	// Schedule runs t soon, never at once. The line is what the task that makes t due was told by Run, or else any number that
	// is often the same for t. Tasks of the same line may be run by the same processor.
	Schedule(t Task, line uint32)
	// Go runs blocking work.
	Go(work func())
}

// Task is an actor that has something to do. Its method Run(line uint32, max int) (more bool) takes at most max turns (0: all
// there are) and reports whether more are due; then the scheduler must call it again. What it makes due is scheduled in line.
type Task = workers.Task

// Driver is implemented by schedulers that take turns only when asked to, as the simulator's. Drive takes turns until
// done, or until nothing can happen any more.
type Driver interface{ Drive(done func() bool) }
