// Package containerizer is how the agent has executors run in containers, and containers within theirs, and learns how
// they ended.
//
// [Containerizer] is the port. Package mesos implements it with processes of the system, package composing joins
// several; package slavetest has one that only pretends.
package containerizer

import (
	"errors"
	"syscall"

	"github.com/rs/zerolog"

	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/web"
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

// Attachable reports whether one may attach to the container: it has a terminal, or is for debugging.
//
// Mesos: IOSwitchboard::requiresServer.
func (l Launch) Attachable() bool {
	return l.Config.GetContainerInfo().GetTtyInfo() != nil || l.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG
}

// Survivor is a container of an earlier agent that the checkpoints tell of.
type Survivor struct {
	ID        ids.Container
	Directory string // its sandbox
	PID       int    // of its first process; 0: none was recorded
}

// Containerizer runs containers. Its methods may be called from any actor.
//
// The futures of one method for one container complete in the order of the calls. Status is asked for each status
// update of a container, and what is told of its tasks stays in order for that.
//
// A container whose id has a parent is nested: its sandbox is in that of the outermost one, it has its parent's user
// unless it names another, it ends with its parent, and how it ended is remembered until it is removed or its root is
// over.
//
// Mesos: Containerizer.
type Containerizer interface {
	// Recover is called once, before any other method: it takes over the containers of an earlier agent. It completes
	// when those of them that cannot be taken over, and all that are not among known, are gone. Wait tells of the known
	// ones afterwards.
	Recover(known []Survivor) runtime.Future[struct{}]
	// Launch fetches what the command needs into Config.Directory, which exists, and starts the command there. It
	// completes when the process runs; a program that cannot be executed is a process that says so on its standard error
	// and fails. A container whose launch failed is still to be destroyed, unless that is ErrExists or ErrUnsupported.
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
	// Destroy kills all that runs in the container, and ends what is being done to start it. It completes as Wait does.
	Destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination]
	// Signal sends a signal to the first process of a container. It fails with ErrUnknown when that is over.
	Signal(id ids.Container, s syscall.Signal) runtime.Future[struct{}]
	// Attach connects with the first process of a container that has a terminal or is for debugging. It fails with
	// ErrUnknown when that is over, with ErrUnattachable when it is neither.
	Attach(id ids.Container) runtime.Future[Board]
	// Remove deletes the sandbox of a nested container that is over, and how it ended. One that is unknown is removed,
	// unless the outermost around it is unknown as well.
	Remove(id ids.Container) runtime.Future[struct{}]
	// List names the containers that are not over, nested ones among them, in order.
	List() runtime.Future[[]ids.Container]
}

// Board connects those who attach to a container with its first process. Its methods may be called from any goroutine.
type Board interface {
	// Listen writes to stream, as encode says, what the process says from now on, and closes it at the end.
	Listen(stream *web.Stream, encode func(*agentpb.ProcessIO) []byte)
	// TakeInput takes the right to give input, until ReleaseInput. It reports false while it is taken.
	TakeInput() bool
	// ReleaseInput lets others give input.
	ReleaseInput()
	// Type gives input: bytes, of which none mean the end unless there is a terminal, or the size of the terminal. It
	// blocks while the process does not read.
	Type(x *agentpb.ProcessIO) error
	// Over completes when the process is.
	Over() runtime.Future[struct{}]
}
