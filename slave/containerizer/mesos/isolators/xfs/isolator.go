// Package xfs implements the isolator disk/xfs: the sandbox of a container and each of its persistent volumes is a project of
// the file system XFS, which counts what their files take up, and may refuse to let them take up more.
//
// The sandbox and what a container changes in its file system share a project, and so does all that is in the containers nested in
// it. A persistent volume has its own for as long as it exists. The projects are recorded nowhere but in the file system, where
// the next agent finds them.
//
// Mesos: XfsDiskIsolatorProcess.
package xfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer/mesos"
)

// Options are which projects there are, and what happens to a container that exceeds its quota.
type Options struct {
	WorkDir  string           // of the agent
	Disks    []string         // directories of the disks of type PATH that the agent offers
	Projects resources.Ranges // (--xfs_project_range)
	// Enforce gives projects limits (--enforce_container_disk_quota): writes beyond them fail. Otherwise files are only counted.
	Enforce bool
	// Kill has writes succeed up to Headroom beyond the limit, and has the container ended when it is seen to be there
	// (--xfs_kill_containers, --xfs_quota_headroom).
	Kill     bool
	Headroom units.Bytes
	Interval time.Duration // between two looks at a container, if it would be ended (--container_disk_watch_interval)
	Clock    runtime.Clock
	System   System // nil means [Kernel]
}

// Isolator is the isolator disk/xfs. It watches outermost containers; what nested ones have in the sandbox counts.
type Isolator struct {
	mesos.Base
	options Options
	system  System
	log     zerolog.Logger

	giving sync.Mutex // held while directories get projects

	mu       sync.Mutex
	projects projects
	infos    map[ids.Container]*info
}

// info is what is known of a container. It is never changed, but replaced.
type info struct {
	places []place // that of the sandbox is the first
}

// place is a directory that counts, and what it may have.
type place struct {
	path    string
	device  string
	project Project
	quota   units.Bytes
	volume  *mesospb.Resource_DiskInfo // nil for the sandbox
}

// mounted reports whether a place is a disk of its own, which has no quota.
func (p place) mounted() bool {
	return p.volume.GetSource().GetType() == mesospb.Resource_DiskInfo_Source_MOUNT
}

// New returns the isolator, which knows the projects of an earlier agent's directories. It blocks.
//
// Mesos: XfsDiskIsolatorProcess::create, recover.
func New(o Options) (*Isolator, error) {
	x := &Isolator{
		options: o, system: cmp.Or[System](o.System, Kernel{}), log: zerolog.Nop(), projects: newProjects(o.Projects), infos: map[ids.Container]*info{},
	}
	for _, dir := range append([]string{o.WorkDir}, o.Disks...) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := x.system.Check(dir, o.Enforce); err != nil {
			return nil, err
		}
	}
	all, err := places(o.WorkDir, o.Disks)
	if err != nil {
		return nil, fmt.Errorf("Failed to scan sandbox directories: %w", err)
	}
	for _, dir := range all {
		if _, err := x.found(dir); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// UseLog says where the isolator writes what it does. Before, nothing is written.
func (x *Isolator) UseLog(log zerolog.Logger) {
	x.log = log
	total, free := x.Counts()
	log.Info().Uint64("total", total).Uint64("free", free).Msg("projects of XFS for sandboxes and volumes")
}

// Counts returns how many projects there are, and how many of these are free.
func (x *Isolator) Counts() (total, free uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.projects.all.Count(), x.projects.free.Count()
}

// found returns the project that a directory has, and notes it. It returns 0 if there is none, or no such directory.
func (x *Isolator) found(dir string) (Project, error) {
	p, err := x.system.Project(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil || p == 0 {
		return 0, err
	}
	return p, x.hold(p, dir)
}

func (x *Isolator) hold(p Project, dir string) error {
	device, err := x.system.Device(dir)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.projects.hold(p, device, dir)
}

// assign gives directories a project that is free.
func (x *Isolator) assign(dirs ...string) (Project, error) {
	x.mu.Lock()
	p, any := x.projects.take()
	x.mu.Unlock()
	if !any {
		return 0, errors.New("Failed to assign project ID, range exhausted")
	}
	err := x.give(p, dirs...)
	if err != nil {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.projects.used[p] == nil {
			x.projects.release(p)
		}
	}
	return p, err
}

func (x *Isolator) give(p Project, dirs ...string) error {
	for _, dir := range dirs {
		err := x.hold(p, dir)
		if err == nil {
			err = x.system.Assign(dir, p)
		}
		if err != nil {
			return fmt.Errorf("Failed to assign project %d: %w", p, err)
		}
		x.log.Info().Uint32("project", uint32(p)).Str("directory", dir).Msg("project assigned")
	}
	return nil
}

// Prepare implements [mesos.Isolator]. It comes before the isolators that mount something in the sandbox.
//
// Differs: Mesos does not count what nested containers change in the file systems of their images.
func (x *Isolator) Prepare(_ context.Context, c *mesos.Container) error {
	if c.Parent != nil {
		return x.prepareNested(c)
	}
	x.giving.Lock()
	p, err := x.assign(append([]string{c.Place.Path()}, c.Config.GetEphemeralVolumes()...)...)
	x.giving.Unlock()
	if err != nil {
		return err
	}
	x.know(c, place{path: c.Place.Path(), project: p})
	return x.Update(c, c.Config.GetResources(), nil)
}

// prepareNested has what a nested container changes in the file system of its image count for the outermost one.
func (x *Isolator) prepareNested(c *mesos.Container) error {
	outermost := x.places(c.ID.Root())
	if len(outermost) == 0 {
		return nil
	}
	x.giving.Lock()
	defer x.giving.Unlock()
	return x.give(outermost[0].project, c.Config.GetEphemeralVolumes()...)
}

// Recover implements [mesos.Isolator]. The limits stay as they are until the container is updated.
func (x *Isolator) Recover(c *mesos.Container, _ *slavepb.ContainerLaunchInfo) error {
	if c.Parent != nil {
		return nil
	}
	x.giving.Lock()
	defer x.giving.Unlock()
	p, err := x.found(c.Place.Path())
	if err == nil && p == 0 { // an earlier agent was without the isolator
		if _, gone := os.Lstat(c.Place.Path()); gone != nil {
			return nil
		}
		p, err = x.assign(c.Place.Path())
	}
	if err != nil {
		return err
	}
	x.know(c, place{path: c.Place.Path(), project: p})
	return nil
}

// know notes the sandbox of a container.
func (x *Isolator) know(c *mesos.Container, sandbox place) {
	x.mu.Lock()
	defer x.mu.Unlock()
	sandbox.device = x.projects.used[sandbox.project].device
	x.infos[c.ID] = &info{places: []place{sandbox}}
}

// places returns the directories of a container. It returns none for one that is not watched.
func (x *Isolator) places(id ids.Container) []place {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := x.infos[id]; i != nil {
		return i.places
	}
	return nil
}

// Update implements [mesos.Isolator].
func (x *Isolator) Update(c *mesos.Container, rs []*mesospb.Resource, _ map[string]*mesospb.Value_Scalar) error {
	had := x.places(c.ID)
	if len(had) == 0 {
		return nil
	}
	x.giving.Lock()
	defer x.giving.Unlock()
	disk := resources.FromValid(rs).Named("disk")
	sandbox := had[0]
	if quota := disk.Filter(func(r resources.Resource) bool { return r.Disk() == nil }); !quota.IsEmpty() {
		sandbox.quota = sizeOf(quota)
		if err := x.limit(sandbox); err != nil {
			return err
		}
	}
	fresh := []place{sandbox}
	for v := range disk.PersistentVolumes().All() {
		p, err := x.volume(v)
		if err != nil {
			return err
		}
		fresh = append(fresh, p)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.infos[c.ID] != nil {
		x.infos[c.ID] = &info{places: fresh}
	}
	return nil
}

func sizeOf(disk resources.Resources) units.Bytes {
	return units.Bytes(disk.Disk().Float() * float64(units.Megabyte))
}

// volume gives a persistent volume a project, unless it has one, and limits it.
//
// Differs: a volume with a project that is not known, which an operator may have given it, keeps that. Mesos's agent aborts.
func (x *Isolator) volume(v resources.Resource) (place, error) {
	path, err := checkpoint.Root(x.options.WorkDir).Volume(v)
	p := place{path: path, quota: sizeOf(resources.Of(v)), volume: v.Disk()}
	if err != nil || p.mounted() {
		return p, err
	}
	if p.project, err = x.found(path); err == nil && p.project == 0 {
		if err = x.system.Check(path, x.options.Enforce); err == nil {
			p.project, err = x.assign(path)
		}
	}
	if err == nil {
		p.device, err = x.system.Device(path)
	}
	if err != nil {
		return p, err
	}
	return p, x.limit(p)
}

// limit has the kernel limit a directory, if that is wanted.
//
// Mesos: applyProjectQuota.
func (x *Isolator) limit(p place) error {
	if !x.options.Enforce {
		if err := x.system.Limit(p.device, p.project, 0, 0); err != nil {
			return fmt.Errorf("Failed to clear quota for project %d: %w", p.project, err)
		}
		return nil
	}
	soft, hard := p.quota, p.quota
	if x.options.Kill {
		hard += x.options.Headroom
	}
	if soft == 0 { // which means none to the kernel
		return fmt.Errorf("Failed to update quota for project %d: Quota limit must be greater than 0", p.project)
	}
	if err := x.system.Limit(p.device, p.project, uint64(soft), uint64(hard)); err != nil {
		return fmt.Errorf("Failed to update quota for project %d: %w", p.project, err)
	}
	x.log.Info().Uint32("project", uint32(p.project)).Str("directory", p.path).Stringer("soft", soft).Stringer("hard", hard).Msg("quota set")
	return nil
}

// Watch implements [mesos.Watcher].
func (x *Isolator) Watch(ctx context.Context, c *mesos.Container) (*slavepb.ContainerLimitation, error) {
	for x.options.Enforce && x.options.Kill && c.Parent == nil {
		if l := x.look(c); l != nil {
			return l, nil
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

// look returns the limit that a container exceeds.
//
// Mesos: XfsDiskIsolatorProcess::check.
func (x *Isolator) look(c *mesos.Container) *slavepb.ContainerLimitation {
	for _, p := range x.places(c.ID) {
		if p.mounted() {
			continue
		}
		q, err := x.system.Quota(p.device, p.project)
		if err != nil {
			x.log.Warn().Err(err).Stringer("container_id", c.ID).Str("directory", p.path).Msg("disk usage not checked")
			continue
		}
		if q.Soft == 0 || q.Used <= q.Soft {
			continue
		}
		message := fmt.Sprintf("Disk usage (%s) exceeded quota (%s)", units.Bytes(q.Used), units.Bytes(q.Soft))
		used := &mesospb.Resource{
			Name: proto.String("disk"), Type: mesospb.Value_SCALAR.Enum(), Disk: p.volume,
			Scalar: &mesospb.Value_Scalar{Value: proto.Float64(float64(q.Used / uint64(units.Megabyte)))},
		}
		if p.volume != nil {
			message += " for volume '" + p.volume.GetPersistence().GetId() + "'"
		}
		return &slavepb.ContainerLimitation{
			Reason: mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_DISK.Enum(), Message: &message, Resources: []*mesospb.Resource{used},
		}
	}
	return nil
}

// Usage implements [mesos.Isolator].
func (x *Isolator) Usage(c *mesos.Container, _ int, u *mesospb.ResourceStatistics) error {
	for _, p := range x.places(c.ID) {
		used, err := x.used(p)
		if err != nil {
			return err
		}
		limit := uint64(p.quota)
		if p.volume == nil {
			u.DiskLimitBytes, u.DiskUsedBytes = &limit, used
			continue
		}
		one := &mesospb.DiskStatistics{Persistence: p.volume.GetPersistence(), Source: p.volume.GetSource(), UsedBytes: used}
		if !p.mounted() {
			one.LimitBytes = &limit
		}
		u.DiskStatistics = append(u.DiskStatistics, one)
	}
	return nil
}

// used returns the space that a directory takes up.
func (x *Isolator) used(p place) (*uint64, error) {
	if !p.mounted() {
		q, err := x.system.Quota(p.device, p.project)
		return &q.Used, err
	}
	var about unix.Statfs_t
	if err := unix.Statfs(p.path, &about); err != nil {
		return nil, fmt.Errorf("Failed to query disk usage for '%s': %w", p.path, err)
	}
	used := (about.Blocks - about.Bfree) * uint64(about.Frsize)
	return &used, nil
}

// Cleanup implements [mesos.Isolator]. The projects are given back when their directories are gone.
func (x *Isolator) Cleanup(c *mesos.Container) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.infos, c.ID)
	return nil
}

// Reclaim gives back the projects whose directories are gone, with their limits. It blocks.
//
// Mesos: XfsDiskIsolatorProcess::reclaimProjectIds.
func (x *Isolator) Reclaim() {
	x.giving.Lock()
	defer x.giving.Unlock()
	for p, device := range x.gone() {
		if err := x.system.Limit(device, p, 0, 0); err != nil {
			x.log.Error().Err(err).Uint32("project", uint32(p)).Msg("quota not cleared")
		}
		x.mu.Lock()
		x.projects.release(p)
		x.mu.Unlock()
		x.log.Info().Uint32("project", uint32(p)).Msg("project given back")
	}
}

func (x *Isolator) gone() map[Project]string {
	x.mu.Lock()
	defer x.mu.Unlock()
	kept := map[Project]bool{}
	for _, i := range x.infos {
		for _, p := range i.places {
			kept[p.project] = true
		}
	}
	return x.projects.gone(kept)
}

// Collector has projects given back from time to time. It is an actor.
type Collector struct {
	runtime.Actor
	Isolator *Isolator
	Interval time.Duration // (--disk_watch_interval)
}

// Initialize begins.
func (c *Collector) Initialize() { c.Delay(c.Interval, c.collect) }

func (c *Collector) collect() {
	done := runtime.Go(c, func(context.Context) (struct{}, error) {
		c.Isolator.Reclaim()
		return struct{}{}, nil
	})
	runtime.Await(c, done, func(struct{}, error) { c.Delay(c.Interval, c.collect) })
}
