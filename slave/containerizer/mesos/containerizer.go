// Package mesos implements a containerizer with processes of the system, like Mesos's own containerizer.
//
// A [Launcher] starts the first process of each container and kills everything that it started. An ordered list of
// [Isolator]s prepares the process, and limits and measures it: its user, its sandbox, its volumes, its environment,
// its files. The actor is independent of both. It keeps the tree of containers and the order of their states.
package mesos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"meseta/actors/metrics"
	"meseta/actors/secrets"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/forker"
	"meseta/slave/containerizer/logger"
	"meseta/slave/containerizer/roster"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/containerizer/scribe"
	"meseta/slave/containerizer/turns"
	"meseta/slave/gids"
	"meseta/slave/processtree"
)

// Options configures the containerizer.
type Options struct {
	WorkDir        string           // of the agent; Recover ends containers of an earlier run there; "" means that there are none
	RuntimeDir     string           // of the records by which the next agent finds the containers; "" means that they end with this one
	FrameworksHome string           // directory of relative URIs
	StallTimeout   time.Duration    // time after which a download without progress is abandoned; 0 means never
	HadoopHome     string           // directory of a Hadoop client; "" means to use the environment
	CacheDir       string           // directory of cached files; "" means no cache
	CacheSize      units.Bytes      // of the cache; 0 means that nothing is cached
	Secrets        secrets.Resolver // of environment variables; nil means [secrets.Values]
	// Forker is the program of the process that starts all containers, see [forker.Program]. It stays open. nil means the program
	// that runs.
	Forker *os.File
	// Contain is called with the process that starts all containers, before it starts any. nil means nothing.
	Contain func(pid int) error
	// Launcher starts the containers (--launcher).
	Launcher LauncherKind
	// SandboxDirectory is where a container with a file system of its own has its sandbox (--sandbox_directory); "" means
	// [DefaultSandboxDirectory].
	SandboxDirectory string
	// Groups are those of the containers, which the Linux launcher and isolators make.
	Groups Tree
	// DestroyTimeout is how long the processes of a container may take to vanish (--cgroups_destroy_timeout).
	DestroyTimeout time.Duration
	// Isolators are those that were chosen (--isolation), in order, in addition to the ones that every container has.
	Isolators []Isolator
	// Prepared are isolators that see a container when everything else is prepared and its URIs are in the sandbox.
	Prepared []Isolator
	// Beside is another containerizer of this package, whose fetcher this one uses, and which reports the metrics of both and ends
	// processes that belong to neither. nil means that there is none.
	Beside containerizer.Containerizer
	// Garbage is for the sandboxes of nested containers (--gc_non_executor_container_sandboxes).
	Garbage Garbage
	// Images gives containers the file systems of images, by an isolator. nil means that no container has one.
	Images Images
	// GIDs gives volumes groups, so that users share them. nil means that they have none.
	GIDs *gids.Manager
	// Loggers returns the programs that write the output of a container with that environment: none if it does so itself. nil
	// means that all do.
	Loggers func(*mesospb.Environment) ([]logger.Program, error)
	// SkipCPU and SkipMemory say that the use of the processes of a container is not added up, because an isolator measures
	// it or because nobody asked for it.
	SkipCPU, SkipMemory bool
	// HardCPULimit says that containers cannot use more processors than they requested (--cgroups_enable_cfs).
	HardCPULimit bool
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
	disk       disk.Disk
	clock      runtime.Clock
	runtimeDir runtimedir.Dir
	passing    bool // the containers and their records end with the actor
	workDir    string
	launcher   Launcher
	forker     *forker.Forker
	scribes    scribe.Scribes
	isolators  []Isolator
	networkers []Networker // of isolators
	fetching   *fetching   // one of isolators
	beside     bool        // fetching is that of another containerizer
	images     Images
	garbage    Garbage
	hardCPUs   bool
	turns      turns.Turns
	running    roster.Roster[ids.Container, *process] // including those that have just started, which the actor does not know yet
	notKilled  uint64                                 // number of containers

	containers map[ids.Container]*container // those that have not ended, and outermost ones until their termination was delivered
}

// New spawns the actor on n and returns the port to it. It blocks.
func New(n *runtime.Node, o Options) (containerizer.Containerizer, error) {
	if o.Secrets == nil {
		o.Secrets = secrets.Values{}
	}
	x := &Containerizer{
		disk: disk.Of(n), clock: n.Clock(), runtimeDir: runtimedir.Dir(o.RuntimeDir), passing: o.RuntimeDir == "", workDir: o.WorkDir,
		images: o.Images, garbage: o.Garbage, hardCPUs: o.HardCPULimit, containers: map[ids.Container]*container{}, turns: turns.New(),
	}
	if o.Beside != nil {
		x.beside, x.fetching, o.WorkDir = true, o.Beside.(port).fetching, ""
	} else {
		x.fetching = newFetching(n, o)
	}
	if err := x.useRuntimeDir(n.Clock(), o); err != nil {
		return nil, err
	}
	x.scribes = scribe.Scribes{Forker: x.forker, Disk: x.disk, Pass: func(d time.Duration) { pass(n.Clock(), d) }}
	table := &processtree.Table{}
	if err := x.useLauncher(n.Clock(), table, o); err != nil {
		return nil, err
	}
	x.isolators = append([]Isolator{users{}, sandboxes{loggers: loggers{o.Loggers, x.scribes}}}, o.Isolators...)
	sandboxDirectory := cmp.Or(o.SandboxDirectory, DefaultSandboxDirectory)
	x.isolators = append(x.isolators, surroundings{path: os.Getenv("PATH"), sandbox: sandboxDirectory, secrets: o.Secrets}, x.fetching)
	x.isolators = append(x.isolators, o.Prepared...)
	if !o.SkipCPU || !o.SkipMemory {
		x.isolators = append(x.isolators, accounting{table: table, cpu: !o.SkipCPU, memory: !o.SkipMemory})
	}
	for _, isolator := range x.isolators {
		if w, ok := isolator.(Networker); ok {
			x.networkers = append(x.networkers, w)
		}
	}
	ref, err := runtime.Spawn(n, n.NewID("mesos-containerizer"), x)
	return port{n, ref, x.fetching}, err
}

// DefaultSandboxDirectory is where containers with file systems of their own have their sandboxes.
const DefaultSandboxDirectory = "/mnt/mesos/sandbox"

// LauncherKind is a kind of [Launcher].
type LauncherKind string

// The launchers, by the names that operators know.
const (
	Posix LauncherKind = "posix" // plain processes; the default
	Linux LauncherKind = "linux" // a control group for each container
)

func (x *Containerizer) useLauncher(clock runtime.Clock, table *processtree.Table, o Options) error {
	p := posix{workDir: o.WorkDir, table: table, forker: x.forker}
	if o.Launcher != Linux {
		x.launcher = p
		return nil
	}
	l, err := newLinux(p, o.Groups, cgroups.Destroyer{Clock: clock, Timeout: o.DestroyTimeout})
	x.launcher = l
	return err
}

// useRuntimeDir makes the runtime directory and locks it, so that no other agent takes its containers for orphans.
func (x *Containerizer) useRuntimeDir(clock runtime.Clock, o Options) error {
	if x.passing {
		dir, err := os.MkdirTemp("", "mesos-runtime-")
		if err != nil {
			return fmt.Errorf("Failed to create the runtime directory: %w", err)
		}
		x.runtimeDir, x.forker = runtimedir.Dir(dir), forker.New(o.Forker, dir, nil, o.Contain)
		return nil
	}
	if err := x.disk.MkdirAll(string(x.runtimeDir), 0o755); err != nil {
		return fmt.Errorf("Failed to create the runtime directory: %w", err)
	}
	lock, err := lockSoon(clock, string(x.runtimeDir))
	if errors.Is(err, forker.ErrHeld) {
		return fmt.Errorf("another agent uses the runtime directory %s; give each agent on this machine its own --runtime_dir", x.runtimeDir)
	}
	if err != nil {
		return fmt.Errorf("Failed to lock the runtime directory: %w", err)
	}
	x.forker = forker.New(o.Forker, string(x.runtimeDir), lock, o.Contain)
	return nil
}

// The forker of an agent that was killed holds the lock until it has noticed that.
const (
	lockAttempts = 100
	lockPause    = 50 * time.Millisecond
)

// lockSoon locks a directory, and waits a while for the forker of an earlier agent.
func lockSoon(clock runtime.Clock, dir string) (lock *os.File, err error) {
	for range lockAttempts {
		if lock, err = forker.LockDir(dir); !errors.Is(err, forker.ErrHeld) {
			break
		}
		pass(clock, lockPause)
	}
	return lock, err
}

// pass blocks for a while.
func pass(clock runtime.Clock, d time.Duration) { _ = Pause(context.Background(), clock, d) }

// Initialize exports the metrics.
func (x *Containerizer) Initialize() {
	if x.beside {
		return
	}
	metrics.Export(x, x.measure)
	for _, isolator := range x.isolators {
		if l, ok := isolator.(Logger); ok {
			l.UseLog(*x.Log())
		}
	}
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
}

// Finalize leaves the containers to the next agent, except those that it could not take over because their output ends
// here. Without a runtime directory there is no next agent, and all are killed.
func (x *Containerizer) Finalize() {
	if !x.beside {
		if err := x.fetching.options.Cache.Close(); err != nil {
			x.Log().Warn().Err(err).Msg("fetcher cache not closed")
		}
	}
	for _, p := range x.running.Close() {
		if x.passing || p.container.perishable() {
			_ = p.kill()
		}
		if p.board != nil {
			p.board.Close()
		}
		p.leave()
	}
	x.forker.Close()
	if x.passing {
		if err := x.disk.RemoveAll(string(x.runtimeDir)); err != nil {
			x.Log().Warn().Err(err).Msg("runtime directory not removed")
		}
	}
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
