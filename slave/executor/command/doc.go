// Package command is the command executor: it runs the one command of a task that brought no executor of its own.
//
// [Executor] is an actor beside the driver's (package executor): the driver's callbacks reach it as dispatches. The
// command runs in a session of its own, with the executor's output, so that the sandbox gets it. It tells TASK_STARTING,
// then TASK_RUNNING, then how the command ended: TASK_FINISHED for exit status 0, TASK_KILLED if it was asked to end,
// else TASK_FAILED. A kill is SIGTERM to the command and all that it started, and SIGKILL after the grace period.
//
// It does not check the task's health, and it knows neither images nor capabilities.
package command
