// Package pod is the default executor: it runs groups of tasks, each task in a container of its own within the
// executor's, and ends a group when one of its tasks fails or is killed.
//
// [Executor] is an actor beside an [executor.Driver] that speaks v1. It asks the agent for containers over the agent's
// own API and waits there for their end; it starts no process itself.
package pod
