package mesos

import (
	"context"
	"os"
	"time"

	"meseta/actors/gc"
	"meseta/runtime"
)

// Garbage says what becomes of the sandboxes of nested containers that have ended. Those of outermost containers are the
// agent's. The zero Garbage keeps them as long as the sandbox of the outermost container.
type Garbage struct {
	Collector runtime.Ref[*gc.GarbageCollector]
	Delay     time.Duration // how long a sandbox is kept after its last change; 0 means that it is deleted at once
}

// discard has the sandbox of a nested container deleted when it is old, without following links that the container's user
// may have put there.
//
// Mesos: MesosContainerizerProcess::garbageCollect.
func (x *Containerizer) discard(c *container) {
	if x.garbage.Collector.IsZero() || c.outer == nil {
		return
	}
	place, now := c.Place, x.Now()
	looked := runtime.Go(x, func(context.Context) (os.FileInfo, error) {
		at, err := place.Open()
		if err != nil {
			return nil, err
		}
		defer at.Close()
		return at.Stat(".")
	})
	runtime.Await(x, looked, func(about os.FileInfo, err error) {
		if err != nil {
			x.Log().Warn().Err(err).Stringer("container_id", c.ID).Msg("sandbox of a nested container not scheduled for garbage collection")
			return
		}
		if c.removed {
			return
		}
		item := gc.Item{
			Path: place.Path(), In: max(0, x.garbage.Delay-now.Sub(about.ModTime())),
			Remove: func(context.Context) error { return place.Remove() },
		}
		runtime.Tell(x.garbage.Collector, func(g *gc.GarbageCollector) { g.Schedule(item) })
	})
}

// retrieve keeps the sandbox of a container from being deleted later. The future completes when it is not being deleted.
func (x *Containerizer) retrieve(c *container) runtime.Future[bool] {
	if x.garbage.Collector.IsZero() || c.outer == nil {
		return runtime.Ready(false)
	}
	return runtime.Ask(x.garbage.Collector, (*gc.GarbageCollector).Unschedule, c.Place.Path())
}
