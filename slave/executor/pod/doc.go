// Package pod implements the default executor, which runs task groups. Each task runs in a container of its own inside
// the executor's, and when one task of a group fails or is killed, the executor ends the group.
//
// [Executor] is an actor beside an [executor.Driver] for v1. It launches containers, and waits for their end, through
// the agent API; it starts no process itself.
package pod
