package slave

import (
	"fmt"
	"path/filepath"

	"meseta/actors/gc"
	"meseta/actors/operationupdate"
	"meseta/actors/statusupdate"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/book"
	"meseta/slave/containerizer/composing"
	"meseta/slave/containerizer/mesos"
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

// ownContainers starts the containerizer of this system.
func (s *Slave) ownContainers(n *runtime.Node) (err error) {
	tree := mesos.Tree{Base: s.config.Cgroups.Base, Root: s.config.Cgroups.Root}
	processes, err := s.config.Isolation.New(n, tree, mesos.Options{
		WorkDir: s.config.WorkDir, RuntimeDir: s.config.RuntimeDir, FrameworksHome: s.config.FrameworksHome, StallTimeout: s.config.FetcherStallTimeout,
		HadoopHome: s.config.HadoopHome, CacheDir: s.config.FetcherCacheDir, CacheSize: s.config.FetcherCacheSize,
		Fetched: s.config.fetched(), Contain: s.config.Contain, Secrets: s.config.Secrets,
	})
	if err != nil {
		return fmt.Errorf("Failed to create a containerizer: %w", err)
	}
	s.containers, err = composing.New(n, processes)
	return err
}
