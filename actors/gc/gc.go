// Package gc deletes files that are no longer needed, after a delay: sandboxes stay available for inspection until
// they are old enough, or until the disk space is needed.
//
// The owner of a path tells the [GarbageCollector] when to delete it, may cancel that until then, and may hasten the
// deletion of all paths with Prune. Deletion runs off the actor's turn. Schedules do not survive a restart: the owner
// schedules again the paths it finds.
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
	"meseta/runtime/disk"
)

// ErrUnscheduled is the error of a future of Schedule whose deletion was canceled.
var ErrUnscheduled = errors.New("unscheduled from garbage collection")

// Options configures a [GarbageCollector].
type Options struct {
	// Remove deletes a path and everything below it, off the actor's turn. nil means to delete it from Disk.
	Remove func(ctx context.Context, path string) error
	// Disk has the paths. nil means the disk of the node.
	Disk disk.Disk
}

// GarbageCollector deletes scheduled paths when they are due, one at a time.
type GarbageCollector struct {
	runtime.Actor
	remove func(ctx context.Context, path string) error
	disk   disk.Disk
	due    schedule
	timer  runtime.Timer
	doomed []*entry // due paths, in order; the first is being deleted
	stats  struct{ succeeded, failed uint64 }
}

// New returns a collector, which the caller spawns.
func New(o Options) *GarbageCollector {
	return &GarbageCollector{remove: o.Remove, disk: o.Disk, due: newSchedule()}
}

// Initialize implements [runtime.Initializer].
func (c *GarbageCollector) Initialize() {
	metrics.Export(c, c.measure)
	if c.disk == nil {
		c.disk = disk.Of(c.Node())
	}
	if c.remove == nil {
		c.remove = func(_ context.Context, path string) error { return remove(c.disk, path) }
	}
}

func (c *GarbageCollector) measure(s *metrics.Sample) {
	s.Counter("gc/path_removals_succeeded", c.stats.succeeded)
	s.Counter("gc/path_removals_failed", c.stats.failed)
	s.Gauge("gc/path_removals_pending", float64(c.due.len()))
}

// Item is a path and the time after which it is deleted.
type Item struct {
	Path string
	In   time.Duration
	// Remove deletes the path, off the actor's turn. It is for paths on which somebody else could put a link. nil means that
	// the collector deletes it as it deletes others.
	Remove func(ctx context.Context) error
}

// Schedule schedules the deletion of a path and replaces an earlier schedule of the same path. The future completes
// when the path is deleted, and fails if that failed or was canceled.
func (c *GarbageCollector) Schedule(i Item) runtime.Future[struct{}] {
	if e := c.due.get(i.Path); e != nil && e.removing {
		return runtime.Chain(c, e.done.Future(), func(struct{}, error) runtime.Future[struct{}] { return c.Schedule(i) })
	}
	c.Unschedule(i.Path)
	if i.Remove == nil {
		i.Remove = func(ctx context.Context) error { return c.remove(ctx, i.Path) }
	}
	e := &entry{path: i.Path, at: c.Now().Add(i.In), remove: i.Remove, done: runtime.Owe[struct{}](c)}
	c.due.add(e)
	c.Log().Info().Str("path", i.Path).Dur("in", i.In).Msg("scheduled for garbage collection")
	c.rearm()
	return e.done.Future()
}

// Unschedule cancels the deletion of a path. The future reports whether one was scheduled. If the path is being
// deleted at that moment, the future completes afterwards, with false.
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

// UnscheduleAll cancels several deletions. The future completes when none of the paths is being deleted any more.
func (c *GarbageCollector) UnscheduleAll(paths []string) runtime.Future[[]bool] {
	all := make([]runtime.Future[bool], len(paths))
	for i, path := range paths {
		all[i] = c.Unschedule(path)
	}
	return runtime.Collect(all...)
}

// Prune deletes now all paths that would be deleted within d.
func (c *GarbageCollector) Prune(d time.Duration) { c.collect(c.Now().Add(d)) }

// rearm sets the timer for the earliest deletion.
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

// delete deletes the due paths one after another, in order not to overload the disk.
func (c *GarbageCollector) delete() {
	if len(c.doomed) == 0 {
		return
	}
	e := c.doomed[0]
	removed := runtime.Go(c, func(ctx context.Context) (struct{}, error) { return struct{}{}, e.remove(ctx) })
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

// remove deletes a tree, even one with directories that lack the permissions needed for it.
func remove(d disk.Disk, path string) error {
	err := d.RemoveAll(path)
	if err == nil || !errors.Is(err, fs.ErrPermission) || os.Geteuid() == 0 { // root lacks none
		return err
	}
	unlock(path) // only the disk of this system has permissions
	return d.RemoveAll(path)
}

// unlock makes all directories at and below path writable. It follows no symbolic link out of path, not even one that
// replaces a directory in the meantime. Errors are ignored here, since removing the directory reports them better.
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
