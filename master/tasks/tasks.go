// Package tasks holds what frameworks and agents say to each other about tasks and executors, through the master: what becomes
// of a task, that it was heard, that it has to end, what it is now, and messages. The book knows the state of each task;
// whether a scheduler got an update is between it and the agent, which repeats it until it is acknowledged.
package tasks

import (
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/counts"
	"meseta/runtime"
)

// Tasks are the tasks of a cluster. They belong to the master's actor and may be used only on its turns.
type Tasks struct {
	*runtime.Actor // the master's
	book           *book.Book
	cluster        *cluster.Cluster
	counts         *counts.Counts
	ended          func(*book.Agent)
}

// New returns the tasks of c. ended is called for an agent that has a task less than before.
func New(actor *runtime.Actor, c *cluster.Cluster, ended func(*book.Agent)) *Tasks {
	return &Tasks{actor, c.Book, c, c.Counts, ended}
}
