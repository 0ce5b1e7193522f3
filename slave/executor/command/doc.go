// Package command implements the command executor, which runs the command of a task without an executor of its own.
//
// [Executor] is an actor beside that of the driver (package executor), which calls it on its own turns. The
// command runs in a session of its own with the executor's output, which the sandbox gets. The executor reports
// TASK_STARTING, TASK_RUNNING, and then the command's end: TASK_FINISHED for exit status 0, TASK_KILLED if it was asked
// to end, and TASK_FAILED otherwise. To kill a task, it sends SIGTERM to the command and everything that it started,
// and SIGKILL after the grace period.
//
// The executor performs the task's check and health check. The command of a task with an image sees the file system of that
// ([Rooted]), and the executor does not.
package command
