package mesos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"meseta/runtime"
	"meseta/slave/fetcher"
)

// fetching brings what the command needs into the sandbox, with the rights of the container's user. What goes wrong is
// told on the container's standard error.
//
// Mesos: FetcherProcess::run.
type fetching struct {
	Base
	options         fetcher.Options
	uncached        error         // why nothing is cached for the time being
	fetched, failed atomic.Uint64 // containers
}

func newFetching(n *runtime.Node, o Options) *fetching {
	f := &fetching{options: fetcher.Options{
		FrameworksHome: o.FrameworksHome, StallTimeout: o.StallTimeout, HadoopHome: o.HadoopHome,
		Environment: os.Environ(), Clock: n.Clock(),
	}}
	if o.CacheDir != "" && o.CacheSize > 0 {
		f.options.Cache, f.uncached = fetcher.NewCache(o.CacheDir, uint64(o.CacheSize))
	}
	return f
}

// fetchError is what the world hears of a fetch that failed; the cause is in the sandbox.
type fetchError struct {
	container string
	cause     error
}

// Error implements error. In Mesos a program has failed.
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
