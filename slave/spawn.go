package slave

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"meseta/actors/gc"
	"meseta/actors/hooks"
	"meseta/actors/metrics"
	"meseta/actors/operationupdate"
	"meseta/actors/statusupdate"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/composing"
	"meseta/slave/containerizer/docker"
	"meseta/slave/containerizer/logger"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/gids"
	"meseta/slave/probe"
)

// Spawn spawns an agent on a node, as slave(1) if it is the node's first, with all its actors, which terminate with it.
// It fails if the configuration is invalid. Problems with the machine or the work directory, which the agent examines
// later, are passed to c.Fatal.
func Spawn(n *runtime.Node, c Config) (runtime.Ref[*Slave], error) {
	none := runtime.Ref[*Slave]{}
	c = c.complete()
	if err := c.validate(); err != nil {
		return none, fmt.Errorf("agent: %w", err)
	}
	root, err := filepath.Abs(c.WorkDir)
	if err != nil {
		return none, fmt.Errorf("agent: %w", err)
	}
	c.WorkDir = root
	if c.Disk == nil {
		c.Disk = disk.Of(n)
	}
	s := &Slave{config: c, book: book.New(c.limits())}
	if err := s.spawnParts(n); err != nil {
		return none, err
	}
	return runtime.Spawn(n, n.NewID("slave"), s)
}

// spawnParts spawns the actors that the agent's parts are.
//
// Differs: checkpoints are on the medium as parts of a journal first, and as the files of Mesos within 30 seconds. An agent of
// Mesos that takes over the work directory after the machine has crashed, not only the agent, finds the files as they were
// up to 30 seconds before.
func (s *Slave) spawnParts(n *runtime.Node) (err error) {
	if s.disk, err = runtime.Spawn(n, n.NewID("disk-writer"), disk.NewJournaled(s.config.Disk, s.config.WorkDir)); err != nil {
		return err
	}
	if s.manager, err = runtime.Spawn(n, n.NewID("task-status-update-manager"), statusupdate.New(statusupdate.Options{Writer: s.disk})); err != nil {
		return err
	}
	if s.operationManager, err = runtime.Spawn(n, n.NewID("operation-status-update-manager"), operationupdate.New(operationupdate.Options{Writer: s.disk})); err != nil {
		return err
	}
	if s.garbage, err = runtime.Spawn(n, n.NewID("agent-garbage-collector"), gc.New(gc.Options{Disk: s.config.Disk})); err != nil {
		return err
	}
	s.containers = s.config.Containerizer
	if s.containers == nil {
		return s.ownContainers(n)
	}
	return nil
}

// ownContainers starts the containerizers of this system.
func (s *Slave) ownContainers(n *runtime.Node) (err error) {
	c := s.config
	if err := s.shareVolumes(n); err != nil {
		return err
	}
	options := mesos.Options{
		WorkDir: c.WorkDir, RuntimeDir: c.RuntimeDir, FrameworksHome: c.FrameworksHome, StallTimeout: c.FetcherStallTimeout,
		HadoopHome: c.HadoopHome, CacheDir: c.FetcherCacheDir, CacheSize: c.FetcherCacheSize,
		Fetched: c.fetched(), Forker: c.Forker, Contain: c.Contain, Secrets: c.Secrets, GIDs: s.gids,
	}
	if c.ContainerLogger != nil {
		options.Loggers = func(e *mesospb.Environment) ([]logger.Program, error) {
			return c.ContainerLogger.Programs(c.LauncherDir, e)
		}
	}
	if c.GCNested {
		options.Garbage = mesos.Garbage{Collector: s.garbage, Delay: c.GCDelay}
	}
	joined := make([]containerizer.Containerizer, len(c.Containerizers))
	if i := slices.Index(c.Containerizers, Mesos); i >= 0 { // first: others use its fetcher
		if c.Isolation.Ports.Agent, err = probe.Ports(probe.Given{Resources: c.Resources, Role: c.Role}); err != nil {
			return fmt.Errorf("Failed to create a containerizer: %w", err)
		}
		if c.Isolation.Quotas.Disks, err = probe.Paths(probe.Given{Resources: c.Resources, Role: c.Role, WorkDir: c.WorkDir}); err != nil {
			return fmt.Errorf("Failed to create a containerizer: %w", err)
		}
		c.Isolation.Quotas.ReclaimInterval = c.DiskWatchInterval
		tree := mesos.Tree{Base: c.Cgroups.Base, Root: c.Cgroups.Root}
		if joined[i], err = c.Isolation.New(n, tree, options); err != nil {
			return fmt.Errorf("Failed to create a containerizer: %w", err)
		}
		options.Beside = joined[i]
	}
	if i := slices.Index(c.Containerizers, Docker); i >= 0 {
		if joined[i], err = docker.New(n, c.docker(), options); err != nil {
			return fmt.Errorf("Failed to create a containerizer: %w", err)
		}
	}
	s.containers, err = composing.New(n, joined...)
	return err
}

// shareVolumes has volumes have groups, if there are any for them.
func (s *Slave) shareVolumes(n *runtime.Node) (err error) {
	if s.config.VolumeGIDs.IsEmpty() {
		return nil
	}
	s.gids, err = gids.New(gids.Options{Range: s.config.VolumeGIDs, WorkDir: s.config.WorkDir, Disk: s.config.Disk})
	if err != nil {
		return fmt.Errorf("Failed to initialize volume gid manager: %w", err)
	}
	groups := s.gids
	metrics.ExportOf(n, func(m *metrics.Sample) {
		total, free := groups.Counts()
		m.Gauge("volume_gid_manager/volume_gids_total", float64(total))
		m.Gauge("volume_gid_manager/volume_gids_free", float64(free))
	})
	return nil
}

// destroyed takes their groups from persistent volumes that were destroyed.
//
// Mesos: Slave::syncCheckpointedResources.
func (s *Slave) destroyed(volumes []string) runtime.Future[struct{}] {
	if s.gids == nil || len(volumes) == 0 {
		return runtime.Ready(struct{}{})
	}
	groups := s.gids
	return runtime.Go(s, func(context.Context) (struct{}, error) {
		var errs []error
		for _, path := range volumes {
			errs = append(errs, groups.Release(path))
		}
		return struct{}{}, errors.Join(errs...)
	})
}

// docker returns the options of the Docker containerizer that follow from others.
func (c Config) docker() docker.Options {
	o := c.Docker
	o.LauncherDir, o.WorkDir, o.CFS, o.Mapped = c.LauncherDir, c.WorkDir, c.Isolation.CFS, c.Isolation.SandboxDirectory
	o.DNS = c.Isolation.Networks.DNS
	if c.Hooks.Has(func(h hooks.Hook) bool { return h.SlavePreLaunchDockerTaskExecutorDecorator != nil }) {
		o.Decorate = c.Hooks.SlavePreLaunchDockerTaskExecutorDecorator
	}
	return o
}
