// Package tasks passes messages about tasks and executors between frameworks and agents: updates, acknowledgements,
// kills, reconciliations, and data. The book knows the state of each task. Delivery of updates is guaranteed by the
// agent, which resends an update until it is acknowledged.
package tasks

import (
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/counts"
	"meseta/runtime"
)

// Tasks holds the conversations about tasks. They belong to the master's actor and may be used only on its turns.
type Tasks struct {
	*runtime.Actor // the master's
	book           *book.Book
	cluster        *cluster.Cluster
	counts         *counts.Counts
	ended          func(*book.Agent)
}

// New returns the conversations about the tasks of c. ended is called for an agent on which a task was removed.
func New(actor *runtime.Actor, c *cluster.Cluster, ended func(*book.Agent)) *Tasks {
	return &Tasks{actor, c.Book, c, c.Counts, ended}
}
