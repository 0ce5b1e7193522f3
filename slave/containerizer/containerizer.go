// Package containerizer defines the interface by which an agent runs executors, and nested containers, in containers.
//
// [Containerizer] is the interface. Package mesos implements it with processes of the system, package composing joins
// several implementations, and package slavetest has one without processes.
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

// Errors of futures.
var (
	ErrUnknown     = errors.New("unknown container")
	ErrExists      = errors.New("the container has been launched already")
	ErrUnsupported = errors.New("the container is of a kind that is not supported")
	// ErrUnattachable has Mesos's text.
	ErrUnattachable = errors.New("I/O switchboard server was disabled for this container")
)

// Launch describes a container to launch.
type Launch struct {
	ID          ids.Container
	Config      *slavepb.ContainerConfig // must not change afterwards; the directory of a nested container is ignored
	Environment map[string]string        // from the agent; variables of the command take precedence
	PIDFile     string                   // file for the ID of the process; empty means none
}

// Level returns the level for log messages about the container. Debug containers come and go with every check of a
// task.
//
// Mesos: LOG_BASED_ON_CLASS.
func (l Launch) Level() zerolog.Level {
	if l.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG {
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}

// Attachable reports whether clients may attach to the container, which is so if it has a terminal or is a debug
// container.
//
// Mesos: IOSwitchboard::requiresServer.
func (l Launch) Attachable() bool {
	return l.Config.GetContainerInfo().GetTtyInfo() != nil || l.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG
}

// Survivor is an executor's container that an earlier run of the agent recorded, and that had not ended for that agent.
type Survivor struct {
	ID        ids.Container
	Directory string // its sandbox
	PID       int    // of its first process; 0 if none was recorded
	Docker    bool   // it is a container of Docker's
}

// Containerizer runs containers. Its methods may be called from any actor.
//
// The futures of one method for one container complete in the order of the calls. The agent relies on this to keep the
// status updates of a container's tasks in order, because it calls Status for each.
//
// A container whose ID has a parent is nested. Its sandbox is inside that of the outermost container, it has its
// parent's user unless it names another, and it ends with its parent. Its termination is remembered until it is removed
// or its outermost container has ended.
//
// Mesos: Containerizer.
type Containerizer interface {
	// Recover must be called once, before any other method. It takes over the containers of an earlier run of the
	// agent: the known ones, those nested in them, and those without an executor. It completes when all others are
	// gone. It fails if the records of the containers are damaged; then nothing has been ended.
	//
	// The result are the known containers that were taken over, in order. Wait works for them even if they have ended
	// meanwhile, and returns their status. Of the others, no process is left.
	Recover(known []Survivor) runtime.Future[[]ids.Container]
	// Launch fetches the URIs of the command into Config.Directory, which must exist, and starts the command there. It
	// completes when the process runs. A program that cannot be executed becomes a process that says so on its standard
	// error and fails. A container whose launch failed has to be destroyed, unless the error is ErrExists or
	// ErrUnsupported.
	Launch(l Launch) runtime.Future[struct{}]
	// Update changes the resources of a container and what it may use of them, by their names. A resource without a limit
	// is its own limit.
	Update(id ids.Container, resources []*mesospb.Resource, limits map[string]*mesospb.Value_Scalar) runtime.Future[struct{}]
	// Status returns the part of status updates that describes a container.
	Status(id ids.Container) runtime.Future[*mesospb.ContainerStatus]
	// Usage returns the resource usage of a container.
	Usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics]
	// Wait completes when the container has ended and was cleaned up. It fails with ErrUnknown if there is no such
	// container.
	Wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination]
	// Destroy kills all processes of the container, and cancels its launch. It completes like Wait.
	Destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination]
	// Signal sends a signal to the first process of a container. It fails with ErrUnknown if that has ended.
	Signal(id ids.Container, s syscall.Signal) runtime.Future[struct{}]
	// Attach returns the board of a container with a terminal, or of a debug container. It fails with ErrUnknown if the
	// container's first process has ended, and with ErrUnattachable for other containers.
	Attach(id ids.Container) runtime.Future[Board]
	// Remove deletes the sandbox and the termination of a nested container that has ended. It succeeds for an unknown
	// container whose outermost container is known.
	Remove(id ids.Container) runtime.Future[struct{}]
	// List returns the containers that have not ended, including nested ones, in order.
	List() runtime.Future[[]ids.Container]
}

// ImagePruner is a [Containerizer] that keeps images.
type ImagePruner interface {
	// PruneImages deletes the images that no container has, except the given ones, or if there are none those that an
	// operator has configured.
	PruneImages(excluded []*mesospb.Image) runtime.Future[struct{}]
}

// Board connects clients that attach to a container with its first process. Its methods may be called from any
// goroutine.
type Board interface {
	// Listen writes the output of the process from now on to stream, encoded by encode, and closes stream at the end.
	Listen(stream *web.Stream, encode func(*agentpb.ProcessIO) []byte)
	// TakeInput claims the right to give input until ReleaseInput. It returns false if another client has it.
	TakeInput() bool
	// ReleaseInput gives up the right to give input.
	ReleaseInput()
	// Type passes on input: data, which if it is empty means the end unless there is a terminal, or the size of the
	// terminal. It blocks while the process does not read.
	Type(x *agentpb.ProcessIO) error
	// Over completes when the process has ended.
	Over() runtime.Future[struct{}]
}
