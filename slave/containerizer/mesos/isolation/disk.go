package isolation

import (
	"errors"
	"fmt"
	"time"

	"meseta/actors/metrics"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/disk"
	"meseta/slave/containerizer/mesos/isolators/xfs"
)

// QuotaConfig says how the isolator disk/xfs uses the quotas of XFS, in addition to what it has in common with disk/du.
type QuotaConfig struct {
	Projects string // the range of projects, such as [5000-10000], which nobody else on the machine uses (--xfs_project_range)
	// Kill has a container ended that exceeds its quota, instead of having its writes fail (--xfs_kill_containers).
	Kill bool
	// Headroom is by how much such a container can exceed it (--xfs_quota_headroom). With 0 its writes fail as without Kill.
	Headroom units.Bytes
	// ReclaimInterval is the time between two looks for projects whose directories are gone (--disk_watch_interval). 0 means a
	// millisecond. No flag of its own sets it.
	ReclaimInterval time.Duration
	Disks           []string // the directories of the agent's disks of type PATH; no flag sets it
}

// checkDisk returns an error for limits of disk space that would have no effect.
func (c Config) checkDisk() error {
	if c.EnforceDisk && !c.Has(du) && !c.Has(quotas) {
		return errors.New("enforce_container_disk_quota: needs the isolator disk/du or disk/xfs (--isolation)")
	}
	if c.Quotas.Kill && (!c.EnforceDisk || !c.Has(quotas)) {
		return errors.New("xfs_kill_containers: needs the isolator disk/xfs (--isolation) and --enforce_container_disk_quota")
	}
	if _, err := xfs.ParseProjects(c.Quotas.Projects); err != nil && c.Has(quotas) {
		return fmt.Errorf("xfs_project_range: %w", err)
	}
	return nil
}

// addDisk adds the isolator disk/du.
func (c Config) addDisk(n *runtime.Node, o *mesos.Options) error {
	if c.Has(du) {
		o.Isolators = append(o.Isolators, disk.New(disk.Options{
			WorkDir: o.WorkDir, Interval: max(c.DiskInterval, shortestInterval), Enforce: c.EnforceDisk, Clock: n.Clock(),
		}))
	}
	return nil
}

// addQuotas adds the isolator disk/xfs, before those that mount volumes in sandboxes.
func (c Config) addQuotas(n *runtime.Node, o *mesos.Options) error {
	if !c.Has(quotas) {
		return nil
	}
	projects, err := xfs.ParseProjects(c.Quotas.Projects)
	if err != nil {
		return failed(quotas, err)
	}
	x, err := xfs.New(xfs.Options{
		WorkDir: o.WorkDir, Disks: c.Quotas.Disks, Projects: projects, Enforce: c.EnforceDisk, Kill: c.Quotas.Kill, Headroom: c.Quotas.Headroom,
		Interval: max(c.DiskInterval, shortestInterval), Clock: n.Clock(),
	})
	if err != nil {
		return failed(quotas, err)
	}
	metrics.ExportOf(n, func(s *metrics.Sample) {
		total, free := x.Counts()
		s.Gauge("containerizer/mesos/disk/project_ids_total", float64(total))
		s.Gauge("containerizer/mesos/disk/project_ids_free", float64(free))
	})
	o.Isolators = append(o.Isolators, x)
	_, err = runtime.Spawn(n, n.NewID("xfs-disk-isolator"), &xfs.Collector{Isolator: x, Interval: max(c.Quotas.ReclaimInterval, shortestInterval)})
	return err
}
