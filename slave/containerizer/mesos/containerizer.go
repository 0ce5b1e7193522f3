// Package mesos implements a containerizer with processes of the system, as Mesos's own containerizer does.
//
// A [Launcher] starts the first process of each container and ends what has become of it. An ordered list of
// [Isolator]s prepares what the process is started with, and bounds and measures it: who runs it, its sandbox, its
// volumes, its environment, the files it needs. The actor knows nothing of either; it keeps the tree of containers and
// the order of their lives.
package mesos

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/processtree"
)

// Options tune the containerizer.
type Options struct {
	WorkDir        string        // of the agent: Recover ends containers of an earlier one there; "": there are none
	FrameworksHome string        // where relative URIs start
	StallTimeout   time.Duration // a download that stands still this long is given up; 0: never
	HadoopHome     string        // where a Hadoop client is; "": where the environment says
	CacheDir       string        // where fetched files are cached; "": nowhere
	CacheSize      units.Bytes   // of the cache; 0: nothing is cached
}

// Containerizer runs each container as a process of the system, with its sandbox as its directory and files stdout and
// stderr there. When the process ends, or is destroyed, all that it started is killed.
//
// Mesos: MesosContainerizerProcess.
type Containerizer struct {
	runtime.Actor
	launcher  Launcher
	isolators []Isolator
	fetching  *fetching // one of them
	running   processes // also those that have just started, of which the actor does not know yet
	notKilled uint64    // containers

	containers map[ids.Container]*container // those that are not over, and outermost ones until their end was heard
}

// New starts the actor on n and returns the port to it.
func New(n *runtime.Node, o Options) (containerizer.Containerizer, error) {
	f := newFetching(n, o)
	table := &processtree.Table{}
	x := &Containerizer{
		launcher: posix{workDir: o.WorkDir, table: table}, fetching: f,
		isolators: []Isolator{
			users{}, sandboxes{}, volumes{}, surroundings{path: os.Getenv("PATH")}, f, accounting{table: table},
		},
		containers: map[ids.Container]*container{},
		running:    processes{all: map[ids.Container]*process{}},
	}
	ref, err := runtime.Spawn(n, n.NewID("mesos-containerizer"), x)
	return port{n, ref}, err
}

// Initialize exports what is counted.
func (x *Containerizer) Initialize() {
	metrics.Export(x, x.measure)
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
	// There are no images whose file systems could be left.
	s.Counter("containerizer/mesos/provisioner/remove_container_errors", 0)
	s.Counter("containerizer/mesos/provisioner/bind/remove_rootfs_errors", 0)
}

// Finalize kills all containers: without recovery, nobody would find them again.
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

// recover takes over what an earlier agent has left running: nothing yet. All of it is killed.
//
// Mesos: MesosContainerizer::recover, of which only the end of orphans is here.
func (x *Containerizer) recover(known []containerizer.Survivor) runtime.Future[struct{}] {
	return runtime.Go(x, func(context.Context) (struct{}, error) { return struct{}{}, x.launcher.Recover(known) })
}

// wait tells how a container ended, and then forgets it unless it is nested.
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
