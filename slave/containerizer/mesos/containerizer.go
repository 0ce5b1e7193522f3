// Package mesos implements a containerizer with processes of the system, like Mesos's own containerizer.
//
// A [Launcher] starts the first process of each container and kills everything that it started. An ordered list of
// [Isolator]s prepares the process, and limits and measures it: its user, its sandbox, its volumes, its environment,
// its files. The actor is independent of both. It keeps the tree of containers and the order of their states.
package mesos

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/processtree"
)

// Options configures the containerizer.
type Options struct {
	WorkDir        string        // of the agent; Recover ends containers of an earlier run there; "" means that there are none
	FrameworksHome string        // directory of relative URIs
	StallTimeout   time.Duration // time after which a download without progress is abandoned; 0 means never
	HadoopHome     string        // directory of a Hadoop client; "" means to use the environment
	CacheDir       string        // directory of cached files; "" means no cache
	CacheSize      units.Bytes   // of the cache; 0 means that nothing is cached
	// Fetched is called when the URIs of a container are in its sandbox, before its process starts. It may block, and is
	// called from any goroutine. An error is logged. nil means nothing.
	Fetched func(ctx context.Context, id *mesospb.ContainerID, sandbox string) error
}

// Containerizer runs each container as a process of the system. The sandbox is its working directory and has the files
// stdout and stderr. When the process ends or is destroyed, everything that it started is killed.
//
// Mesos: MesosContainerizerProcess.
type Containerizer struct {
	runtime.Actor
	launcher  Launcher
	isolators []Isolator
	fetching  *fetching // one of isolators
	running   processes // including those that have just started, which the actor does not know yet
	notKilled uint64    // number of containers

	containers map[ids.Container]*container // those that have not ended, and outermost ones until their termination was delivered
}

// New spawns the actor on n and returns the port to it.
func New(n *runtime.Node, o Options) (containerizer.Containerizer, error) {
	f := newFetching(n, o)
	table := &processtree.Table{}
	x := &Containerizer{
		launcher: posix{workDir: o.WorkDir, table: table}, fetching: f,
		isolators: []Isolator{
			users{}, sandboxes{}, newPersistent(o.WorkDir), volumes{}, surroundings{path: os.Getenv("PATH")}, f, accounting{table: table},
		},
		containers: map[ids.Container]*container{},
		running:    processes{all: map[ids.Container]*process{}},
	}
	ref, err := runtime.Spawn(n, n.NewID("mesos-containerizer"), x)
	return port{n, ref}, err
}

// Initialize exports the metrics.
func (x *Containerizer) Initialize() {
	metrics.Export(x, x.measure)
	x.fetching.log = *x.Log()
	if err := x.fetching.uncached; err != nil {
		x.Log().Warn().Err(err).Msg("files are fetched without the cache until it can be used")
	}
}

func (x *Containerizer) measure(s *metrics.Sample) {
	s.Counter("containerizer/fetcher/task_fetches_succeeded", x.fetching.fetched.Load())
	s.Counter("containerizer/fetcher/task_fetches_failed", x.fetching.failed.Load())
	s.Counter("containerizer/mesos/container_destroy_errors", x.notKilled)
	size, used := x.fetching.options.Cache.Usage()
	s.Gauge("containerizer/fetcher/cache_size_total_bytes", float64(size))
	s.Gauge("containerizer/fetcher/cache_size_used_bytes", float64(used))
	// There are no images, so that no file system can be left.
	s.Counter("containerizer/mesos/provisioner/remove_container_errors", 0)
	s.Counter("containerizer/mesos/provisioner/bind/remove_rootfs_errors", 0)
}

// Finalize kills all containers, because there is no recovery by which they could be found again.
func (x *Containerizer) Finalize() {
	if err := x.fetching.options.Cache.Close(); err != nil {
		x.Log().Warn().Err(err).Msg("fetcher cache not closed")
	}
	for _, p := range x.running.end() {
		_ = p.kill()
		if p.board != nil {
			p.board.Close()
		}
	}
}

// recover kills the containers of an earlier run of the agent. It cannot take over any yet.
//
// Mesos: MesosContainerizer::recover, as far as it destroys orphans.
func (x *Containerizer) recover(known []containerizer.Survivor) runtime.Future[[]ids.Container] {
	return runtime.Go(x, func(context.Context) ([]ids.Container, error) { return nil, x.launcher.Recover(known) })
}

// wait returns the termination of a container, which is then forgotten unless it is nested.
func (x *Containerizer) wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	c := x.find(id)
	if c == nil {
		return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
	}
	c.waited = true
	if c.over && c.outer == nil {
		delete(x.containers, id)
	}
	return c.done.Future()
}

func (x *Containerizer) list() []ids.Container {
	var all []ids.Container
	for _, id := range slices.Sorted(maps.Keys(x.containers)) {
		if !x.containers[id].over {
			all = append(all, id)
		}
	}
	return all
}
