package docker

import (
	"context"
	"io"
	"time"

	"meseta/runtime"
	"meseta/slave/containerizer/docker/engine"
)

// Local is the [Engine] behind a socket. The output of containers is written to Stdout and Stderr.
type Local struct {
	Client         *engine.Client
	Stdout, Stderr io.Writer
}

// Run implements [Engine].
func (l Local) Run(b runtime.Behavior, name string, r *engine.Create, started func(*engine.Container)) runtime.Future[int] {
	return runtime.Go(b, func(ctx context.Context) (int, error) {
		return engine.Run(ctx, l.Client, name, r, l.Stdout, l.Stderr, started)
	})
}

// Stop implements [Engine].
func (l Local) Stop(b runtime.Behavior, name string, grace time.Duration) runtime.Future[struct{}] {
	return runtime.Go(b, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.Client.Stop(ctx, name, grace) })
}

// Exec implements [Engine].
func (l Local) Exec(b runtime.Behavior, name string, command, env []string) runtime.Future[int] {
	return runtime.Go(b, func(ctx context.Context) (int, error) { return l.Client.Exec(ctx, name, command, env) })
}
