// Package disk implements the isolator disk/du, which adds up the files in the sandbox of a container and in its
// persistent volumes, and may end a container that has more than it requested.
//
// Mesos: PosixDiskIsolatorProcess.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/runtime/disk/descent"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer/mesos"
)

// Options are how the disk is watched.
type Options struct {
	WorkDir  string        // of the agent, which has the persistent volumes that are on no disk of their own
	Interval time.Duration // between two looks at a container (--container_disk_watch_interval)
	Enforce  bool          // a container that has too much is ended (--enforce_container_disk_quota)
	Clock    runtime.Clock
}

// Isolator is the isolator disk/du. It watches outermost containers; what is in the sandboxes of nested ones counts.
//
// Differs: it needs no program, and follows no links.
type Isolator struct {
	mesos.Base
	options Options

	mu    sync.Mutex
	infos map[ids.Container]*info
}

// info is what is known of a container. It is guarded by the isolator's mutex.
type info struct {
	places []place // that of the sandbox is the first
}

// place is a directory that counts, and what it may have.
type place struct {
	path   string // "" is the sandbox
	quota  resources.Resources
	volume *mesospb.Resource_DiskInfo // nil for the sandbox
	used   *uint64                    // in bytes; nil until it was looked at
}

// New returns the isolator.
func New(o Options) *Isolator { return &Isolator{options: o, infos: map[ids.Container]*info{}} }

// Prepare implements [mesos.Isolator].
func (x *Isolator) Prepare(_ context.Context, c *mesos.Container) error {
	return x.Update(c, c.Config.GetResources(), nil)
}

// Recover implements [mesos.Isolator].
func (x *Isolator) Recover(c *mesos.Container, _ *slavepb.ContainerLaunchInfo) error {
	return x.Prepare(context.Background(), c)
}

// Update implements [mesos.Isolator].
func (x *Isolator) Update(c *mesos.Container, rs []*mesospb.Resource, _ map[string]*mesospb.Value_Scalar) error {
	if c.Parent != nil {
		return nil
	}
	disk := resources.FromValid(rs).Named("disk")
	fresh := &info{places: []place{{quota: disk.Filter(func(r resources.Resource) bool { return !r.IsPersistentVolume() })}}}
	for v := range disk.PersistentVolumes().All() {
		path, err := checkpoint.Root(x.options.WorkDir).Volume(v)
		if err != nil {
			return err
		}
		fresh.places = append(fresh.places, place{path: path, quota: resources.Of(v), volume: v.Disk()})
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if had := x.infos[c.ID]; had != nil {
		fresh.keep(had)
	}
	x.infos[c.ID] = fresh
	return nil
}

// keep keeps what is known of the places that are the same.
func (i *info) keep(had *info) {
	for n := range i.places {
		for _, p := range had.places {
			if p.path == i.places[n].path {
				i.places[n].used = p.used
			}
		}
	}
}

// Watch implements [mesos.Watcher].
func (x *Isolator) Watch(ctx context.Context, c *mesos.Container) (*slavepb.ContainerLimitation, error) {
	for c.Parent == nil {
		l, err := x.look(ctx, c)
		if l != nil || err != nil {
			return l, err
		}
		if err := mesos.Pause(ctx, x.options.Clock, x.options.Interval); err != nil {
			return nil, err
		}
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// Exceeded implements [mesos.Watcher].
func (x *Isolator) Exceeded(*mesos.Container) *slavepb.ContainerLimitation { return nil }

// look adds up the files of a container, and returns the limit that it exceeds.
func (x *Isolator) look(ctx context.Context, c *mesos.Container) (*slavepb.ContainerLimitation, error) {
	for _, p := range x.places(c) {
		used, err := x.size(ctx, c, p.path)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue // it is gone, or cannot be read; the next look may succeed
		}
		x.note(c, p.path, used)
		quota := units.Bytes(p.quota.Disk().Float() * float64(units.Megabyte))
		if x.options.Enforce && !p.quota.IsEmpty() && units.Bytes(used) > quota {
			return &slavepb.ContainerLimitation{
				Reason: mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_DISK.Enum(), Resources: p.quota.Proto(),
				Message: proto.String(fmt.Sprintf("Disk usage (%s) exceeds quota (%s)", units.Bytes(used), quota)),
			}, nil
		}
	}
	return nil, nil
}

// places returns a copy of the places of a container.
func (x *Isolator) places(c *mesos.Container) []place {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := x.infos[c.ID]; i != nil {
		return append([]place(nil), i.places...)
	}
	return nil
}

// note remembers how much a place of a container has.
func (x *Isolator) note(c *mesos.Container, path string, used uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := x.infos[c.ID]; i != nil {
		for n := range i.places {
			if i.places[n].path == path {
				i.places[n].used = &used
			}
		}
	}
}

// size returns the space that the files in a directory take up. A file with several names in it counts once. Neither names nor
// depths hide files.
func (x *Isolator) size(ctx context.Context, c *mesos.Container, path string) (uint64, error) {
	root, err := open(c, path)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	var about unix.Stat_t
	top, err := root.Open(".")
	if err != nil {
		return 0, err
	}
	defer top.Close()
	if err := unix.Fstat(int(top.Fd()), &about); err != nil {
		return 0, err
	}
	total := uint64(about.Blocks) * 512
	type file struct{ dev, ino uint64 }
	seen := map[file]bool{}
	err = descent.Walk(fmt.Sprintf("/proc/self/fd/%d", top.Fd()), descent.Visitor{File: func(dir int, name string) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var s unix.Stat_t
		if err := unix.Fstatat(dir, name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if errors.Is(err, fs.ErrNotExist) { // it was deleted meanwhile
				return nil
			}
			return err
		}
		if f := (file{s.Dev, s.Ino}); s.Nlink > 1 && s.Mode&unix.S_IFMT != unix.S_IFDIR {
			if seen[f] {
				return nil
			}
			seen[f] = true
		}
		total += uint64(s.Blocks) * 512
		return nil
	}})
	if errors.Is(err, descent.ErrMoved) { // so much there is at least
		err = nil
	}
	return total, err
}

func open(c *mesos.Container, path string) (*os.Root, error) {
	if path == "" {
		return c.Place.Open()
	}
	return os.OpenRoot(path)
}

// Usage implements [mesos.Isolator].
func (x *Isolator) Usage(c *mesos.Container, _ int, u *mesospb.ResourceStatistics) error {
	for _, p := range x.places(c) {
		limit := uint64(p.quota.Disk().Float() * float64(units.Megabyte))
		one := &mesospb.DiskStatistics{UsedBytes: p.used}
		if !p.quota.IsEmpty() {
			one.LimitBytes = &limit
		}
		if p.volume == nil {
			u.DiskLimitBytes, u.DiskUsedBytes = one.LimitBytes, p.used
		} else {
			one.Persistence, one.Source = p.volume.GetPersistence(), p.volume.GetSource()
		}
		u.DiskStatistics = append(u.DiskStatistics, one)
	}
	return nil
}

// Cleanup implements [mesos.Isolator].
func (x *Isolator) Cleanup(c *mesos.Container) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.infos, c.ID)
	return nil
}
