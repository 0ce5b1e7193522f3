// Package containerizer starts executors in containers, and containers within theirs, and tells how they ended.
//
// [Containerizer] is the port the agent uses. [NewPosix] makes the one that runs an executor as a plain process of the
// operating system, in a session of its own; package slavetest has one that only pretends.
package containerizer

import (
	"errors"
	"syscall"

	"github.com/rs/zerolog"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer/switchboard"
)

// What futures fail with.
var (
	ErrUnknown     = errors.New("unknown container")
	ErrExists      = errors.New("the container has been launched already")
	ErrUnsupported = errors.New("the container is of a kind that is not supported")
	// ErrUnattachable says what Mesos does.
	ErrUnattachable = errors.New("I/O switchboard server was disabled for this container")
)

// Launch says what to run in a container.
type Launch struct {
	ID          ids.Container
	Config      *slavepb.ContainerConfig // not changed afterwards by either side; a nested one's directory is not asked
	Environment map[string]string        // from the agent; what the command asks for goes before it
	PIDFile     string                   // where to leave the number of the process; empty: nowhere

	// beside is the process whose environment and directory a container for debugging shares.
	beside *process
	// volumes are what a nested container shares with its parent.
	volumes []link
}

// Level is that of what is logged of the container's life: those for debugging come and go, with every check of a task.
//
// Mesos: LOG_BASED_ON_CLASS.
func (l Launch) Level() zerolog.Level {
	if l.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG {
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}

// attachable reports whether somebody may attach to the container: it has a terminal, or is for debugging.
//
// Mesos: IOSwitchboard::requiresServer.
func (l Launch) attachable() bool {
	return l.Config.GetContainerInfo().GetTtyInfo() != nil || l.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG
}

// Containerizer runs containers. Its methods may be called from any actor, and their futures complete in any order.
//
// A container whose id has a parent is nested: its sandbox is in that of the outermost one, it has its user unless it
// names another, it ends with its parent, and how it ended is remembered until it is removed or its root is over.
//
// Mesos: Containerizer.
type Containerizer interface {
	// Launch fetches what the command needs into Config.Directory, which exists, and starts the command there. It
	// completes when the process runs. A container whose launch failed is still to be destroyed, unless that is
	// ErrExists.
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
	// Signal sends a signal to the first process of a container. It fails with ErrUnknown when that is over.
	Signal(id ids.Container, s syscall.Signal) runtime.Future[struct{}]
	// Attach connects with the first process of a container that has a terminal or is for debugging. It fails with
	// ErrUnknown when that is over, with ErrUnattachable when it is neither.
	Attach(id ids.Container) runtime.Future[*switchboard.Board]
	// Remove deletes the sandbox of a nested container that is over, and how it ended. One that is unknown is removed,
	// unless the outermost around it is unknown as well.
	Remove(id ids.Container) runtime.Future[struct{}]
	// List names the containers that are not over, nested ones among them, in order.
	List() runtime.Future[[]ids.Container]
}
