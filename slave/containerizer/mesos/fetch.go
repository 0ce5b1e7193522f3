package mesos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/rs/zerolog"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/fetcher"
)

// fetching fetches the command's URIs into the sandbox with the rights of the container's user. Errors are written to
// the container's standard error.
//
// Mesos: FetcherProcess::run.
type fetching struct {
	Base
	options         fetcher.Options
	told            func(context.Context, *mesospb.ContainerID, string) error // nil means nobody is
	log             zerolog.Logger
	uncached        error         // why nothing is cached at the moment
	fetched, failed atomic.Uint64 // number of containers
}

// UseLog implements [Logger].
func (f *fetching) UseLog(log zerolog.Logger) { f.log = log }

func newFetching(n *runtime.Node, o Options) *fetching {
	f := &fetching{told: o.Fetched, options: fetcher.Options{
		FrameworksHome: o.FrameworksHome, StallTimeout: o.StallTimeout, HadoopHome: o.HadoopHome,
		Environment: os.Environ(), Clock: n.Clock(),
	}}
	if o.CacheDir != "" && o.CacheSize > 0 {
		f.options.Cache, f.uncached = fetcher.NewCache(o.CacheDir, uint64(o.CacheSize))
	}
	return f
}

// fetchError is the error of a failed fetch, as frameworks see it. The cause is in the sandbox.
type fetchError struct {
	container string
	cause     error
}

// Error implements error. Its text is that of a failed program, as in Mesos.
func (e *fetchError) Error() string {
	return "Failed to fetch all URIs for container '" + e.container + "': exited with status 1"
}

// Unwrap returns the cause.
func (e *fetchError) Unwrap() error { return e.cause }

// Prepare implements [Isolator].
func (f *fetching) Prepare(ctx context.Context, c *Container) error {
	o := f.options
	o.Sandbox, o.Owner, o.Directory = c.Sandbox, c.Owner, c.Place.Path()
	o.Warn = func(err error) { fmt.Fprintln(c.Logs[1], err) }
	err := fetcher.Fetch(ctx, c.Config.GetCommandInfo().GetUris(), o)
	var invalid fetcher.InvalidError
	switch {
	case err == nil:
		f.fetched.Add(1)
		f.tell(ctx, c)
		return nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.As(err, &invalid):
		err = fmt.Errorf("Could not fetch: %w", err)
	default:
		fmt.Fprintln(c.Logs[1], err)
		err = &fetchError{string(c.ID), err}
	}
	f.failed.Add(1)
	return err
}

// tell tells that the URIs of a container were fetched.
//
// Mesos: MesosContainerizerProcess::fetch.
func (f *fetching) tell(ctx context.Context, c *Container) {
	if f.told == nil {
		return
	}
	if err := f.told(ctx, c.ID.Proto(), c.Place.Path()); err != nil {
		f.log.Warn().Err(err).Stringer("container_id", c.ID).Msg("not all hooks were told that URIs were fetched")
	}
}
