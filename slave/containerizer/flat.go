package containerizer

import (
	"syscall"

	"meseta/messages/ids"
	"meseta/runtime"
)

// Flat is for embedding by a [Containerizer] that runs executors only, without nested containers and recovery.
type Flat struct{}

// Recover implements [Containerizer].
func (Flat) Recover([]Survivor) runtime.Future[[]ids.Container] {
	return runtime.Ready[[]ids.Container](nil)
}

// Signal implements [Containerizer].
func (Flat) Signal(ids.Container, syscall.Signal) runtime.Future[struct{}] {
	return runtime.Failed[struct{}](ErrUnknown)
}

// Attach implements [Containerizer].
func (Flat) Attach(ids.Container) runtime.Future[Board] {
	return runtime.Failed[Board](ErrUnattachable)
}

// Remove implements [Containerizer].
func (Flat) Remove(ids.Container) runtime.Future[struct{}] { return runtime.Ready(struct{}{}) }

// List implements [Containerizer].
func (Flat) List() runtime.Future[[]ids.Container] { return runtime.Ready[[]ids.Container](nil) }
