// Package gc deletes what nobody needs any more, but not at once: sandboxes stay for people to read until they are old
// enough, or until the disk needs the space.
//
// Whoever owns a path tells the [GarbageCollector] when to delete it, may change its mind until then, and may call the
// time earlier for all paths together with Prune. Deletion itself runs off the actor's turn. Nothing is remembered
// across a restart: the owner schedules again what it finds.
//
// Mesos: GarbageCollector.
package gc

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"meseta/actors/metrics"
	"meseta/runtime"
)

// ErrUnscheduled is what the future of Schedule fails with when the path is to stay after all.
var ErrUnscheduled = errors.New("unscheduled from garbage collection")

// Options tune a [GarbageCollector].
type Options struct {
	// Remove deletes a path with all below it, off the actor's turn. nil: from the disk.
	Remove func(ctx context.Context, path string) error
}

// GarbageCollector deletes the paths that are scheduled, one at a time, when they are due.
type GarbageCollector struct {
	runtime.Actor
	remove func(ctx context.Context, path string) error
	due    schedule
	timer  runtime.Timer
	doomed []*entry // to be deleted now, one after another; the first is being deleted
	stats  struct{ succeeded, failed uint64 }
}

// New returns a collector to be spawned.
func New(o Options) *GarbageCollector {
	if o.Remove == nil {
		o.Remove = remove
	}
	return &GarbageCollector{remove: o.Remove, due: newSchedule()}
}

// Initialize implements [runtime.Initializer].
func (c *GarbageCollector) Initialize() { metrics.Export(c, c.measure) }

func (c *GarbageCollector) measure(s *metrics.Sample) {
	s.Counter("gc/path_removals_succeeded", c.stats.succeeded)
	s.Counter("gc/path_removals_failed", c.stats.failed)
	s.Gauge("gc/path_removals_pending", float64(c.due.len()))
}

// Item is a path and how long it is to stay.
type Item struct {
	Path string
	In   time.Duration
}

// Schedule books the deletion of a path; an earlier booking of the same path is replaced. The future completes when the
// path is gone, and fails when it could not be deleted or was taken back.
func (c *GarbageCollector) Schedule(i Item) runtime.Future[struct{}] {
	if e := c.due.get(i.Path); e != nil && e.removing {
		return runtime.Chain(c, e.done.Future(), func(struct{}, error) runtime.Future[struct{}] { return c.Schedule(i) })
	}
	c.Unschedule(i.Path)
	e := &entry{path: i.Path, at: c.Now().Add(i.In), done: runtime.Owe[struct{}](c)}
	c.due.add(e)
	c.Log().Info().Str("path", i.Path).Dur("in", i.In).Msg("scheduled for garbage collection")
	c.rearm()
	return e.done.Future()
}

// Unschedule takes a booking back. The future tells whether there was one; when the path is being deleted at this
// moment, it completes after that, with false.
func (c *GarbageCollector) Unschedule(path string) runtime.Future[bool] {
	e := c.due.get(path)
	if e == nil {
		return runtime.Ready(false)
	}
	if e.removing {
		return runtime.Continue(c, e.done.Future(), func(struct{}, error) (bool, error) { return false, nil })
	}
	c.due.drop(e)
	c.rearm()
	e.done.Fail(ErrUnscheduled)
	c.Log().Info().Str("path", path).Msg("unscheduled from garbage collection")
	return runtime.Ready(true)
}

// UnscheduleAll takes several bookings back and completes when none of the paths is being deleted any more.
func (c *GarbageCollector) UnscheduleAll(paths []string) runtime.Future[[]bool] {
	all := make([]runtime.Future[bool], len(paths))
	for i, path := range paths {
		all[i] = c.Unschedule(path)
	}
	return runtime.Collect(all...)
}

// Prune deletes now what would be deleted within d.
func (c *GarbageCollector) Prune(d time.Duration) { c.collect(c.Now().Add(d)) }

// rearm sets the timer to the earliest booking.
func (c *GarbageCollector) rearm() {
	c.timer.Cancel()
	if next := c.due.next(); next != nil {
		c.timer = c.Delay(max(0, next.at.Sub(c.Now())), func() { c.collect(c.Now()) })
	}
}

func (c *GarbageCollector) collect(until time.Time) {
	idle := len(c.doomed) == 0
	for _, e := range c.due.until(until) {
		e.removing = true
		c.doomed = append(c.doomed, e)
	}
	c.rearm()
	if idle {
		c.delete()
	}
}

// delete deletes the first of what is doomed, and then the next: the disk has other things to do.
func (c *GarbageCollector) delete() {
	if len(c.doomed) == 0 {
		return
	}
	e := c.doomed[0]
	removed := runtime.Go(c, func(ctx context.Context) (struct{}, error) { return struct{}{}, c.remove(ctx, e.path) })
	runtime.Await(c, removed, func(_ struct{}, err error) {
		c.doomed = c.doomed[1:]
		c.due.drop(e)
		if err != nil {
			c.Log().Warn().Err(err).Str("path", e.path).Msg("garbage not deleted")
			c.stats.failed++
			e.done.Fail(err)
		} else {
			c.stats.succeeded++
			c.Log().Info().Str("path", e.path).Msg("garbage deleted")
			e.done.Set(struct{}{})
		}
		c.delete()
	})
}

// remove deletes a tree even where a task has left directories it may not be deleted from.
func remove(_ context.Context, path string) error {
	err := os.RemoveAll(path)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	unlock(path)
	return os.RemoveAll(path)
}

// unlock lets all folders at and below path be emptied. It follows no link out of path, not even one that takes the place
// of a folder meanwhile. What fails here fails again when the folder is emptied, with a better error.
func unlock(path string) {
	if info, err := os.Lstat(path); err != nil || !info.IsDir() {
		return
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return
	}
	defer root.Close()
	_ = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = root.Chmod(name, 0o700)
		}
		return nil
	})
}
