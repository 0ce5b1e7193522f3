// Package containerizer starts executors in containers and tells how they ended.
//
// [Containerizer] is the port the agent uses. [NewPosix] makes the one that runs an executor as a plain process of the
// operating system, in a session of its own; package slavetest has one that only pretends.
package containerizer

import (
	"errors"

	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/slavepb"
	"meseta/runtime"
)

// ErrUnknown is what futures fail with when there is no such container.
var ErrUnknown = errors.New("unknown container")

// Launch says what to run in a container.
type Launch struct {
	ID          ids.Container
	Config      *slavepb.ContainerConfig // not changed afterwards by either side
	Environment map[string]string        // from the agent; what the command asks for goes before it
	PIDFile     string                   // where to leave the number of the process; empty: nowhere
}

// Containerizer runs containers. Its methods may be called from any actor, and their futures complete in any order.
//
// Mesos: Containerizer.
type Containerizer interface {
	// Launch fetches what the command needs into Config.Directory, which exists, and starts the command there. It
	// completes when the process runs. A container whose launch failed is still to be destroyed.
	Launch(l Launch) runtime.Future[struct{}]
	// Update changes what a container may use.
	Update(id ids.Container, resources []*mesospb.Resource) runtime.Future[struct{}]
	// Status tells what the tasks of a container report about it.
	Status(id ids.Container) runtime.Future[*mesospb.ContainerStatus]
	// Usage measures a container.
	Usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics]
	// Wait completes when the container is over and nothing of it is left. It fails with ErrUnknown when there is no
	// such container.
	Wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination]
	// Destroy kills all that runs in the container. It completes as Wait does.
	Destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination]
}
