package containerizer

import (
	"syscall"

	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/slave/containerizer/switchboard"
)

// Flat is embedded by a [Containerizer] that runs executors only: it knows no nested containers.
type Flat struct{}

// Signal implements [Containerizer].
func (Flat) Signal(ids.Container, syscall.Signal) runtime.Future[struct{}] {
	return runtime.Failed[struct{}](ErrUnknown)
}

// Attach implements [Containerizer].
func (Flat) Attach(ids.Container) runtime.Future[*switchboard.Board] {
	return runtime.Failed[*switchboard.Board](ErrUnattachable)
}

// Remove implements [Containerizer].
func (Flat) Remove(ids.Container) runtime.Future[struct{}] { return runtime.Ready(struct{}{}) }

// List implements [Containerizer].
func (Flat) List() runtime.Future[[]ids.Container] { return runtime.Ready[[]ids.Container](nil) }
