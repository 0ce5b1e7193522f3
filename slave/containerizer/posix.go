package containerizer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/fetcher"
	"meseta/slave/processtree"
)

// Options tune the [Containerizer] of real processes.
type Options struct {
	WorkDir        string        // of the agent: containers of an earlier agent there are killed; "": none are
	FrameworksHome string        // where relative URIs start
	StallTimeout   time.Duration // a download that stands still this long is given up; 0: 1min
}

// Posix runs each container as a process of the system, in a session of its own, with its sandbox as its directory and
// files stdout and stderr there. Nothing is isolated. When the process ends, or is destroyed, all that it started is
// killed: its session and group, its descendants, and what still carries the name of its sandbox in its environment.
//
// Mesos: MesosContainerizer with the posix launcher.
//
// Differs: Mesos loses what has left the session of an executor that died; looking at environments finds it.
type Posix struct {
	runtime.Actor
	options    Options
	containers map[ids.Container]*container
	counts     struct{ fetched, notFetched, notKilled uint64 } // of containers
}

// container is a process from the wish to have it until somebody has heard how it ended.
type container struct {
	launch   Launch
	fetched  runtime.Future[struct{}] // complete before the process is started
	starting runtime.Future[*process]
	process  *process                 // nil until it runs
	unwanted bool                     // to be destroyed as soon as it can be
	drained  runtime.Future[struct{}] // complete when all that the process said has been heard
	waited   bool
	over     bool
	done     runtime.Promise[*slavepb.ContainerTermination]
}

// NewPosix starts the actor on n and returns the port to it. It blocks until the containers of an earlier agent are
// gone: nobody knows them any more.
//
// Mesos: MesosContainerizer::recover, of which only the end of orphans is here.
func NewPosix(n *runtime.Node, o Options) (Containerizer, error) {
	if o.WorkDir != "" {
		executors, alone := filepath.Join(o.WorkDir, "slaves")+"/", filepath.Join(o.WorkDir, "containers")+"/"
		err := processtree.KillSandboxed(func(sandbox string) bool {
			return strings.HasPrefix(sandbox, executors) || strings.HasPrefix(sandbox, alone)
		})
		if err != nil {
			return nil, fmt.Errorf("end the containers of an earlier agent: %w", err)
		}
	}
	ref, err := runtime.Spawn(n, n.NewID("mesos-containerizer"), &Posix{options: o, containers: map[ids.Container]*container{}})
	return posix{n, ref}, err
}

// Initialize implements [runtime.Initializer].
func (p *Posix) Initialize() { metrics.Export(p, p.measure) }

func (p *Posix) measure(s *metrics.Sample) {
	s.Counter("containerizer/fetcher/task_fetches_succeeded", p.counts.fetched)
	s.Counter("containerizer/fetcher/task_fetches_failed", p.counts.notFetched)
	s.Counter("containerizer/mesos/container_destroy_errors", p.counts.notKilled)
	// Neither is anything cached, nor are there images whose file systems could be left.
	s.Gauge("containerizer/fetcher/cache_size_total_bytes", 0)
	s.Gauge("containerizer/fetcher/cache_size_used_bytes", 0)
	s.Counter("containerizer/mesos/provisioner/remove_container_errors", 0)
	s.Counter("containerizer/mesos/provisioner/bind/remove_rootfs_errors", 0)
}

// Finalize kills all containers: without recovery, nobody would find them again.
func (p *Posix) Finalize() {
	for _, id := range slices.Sorted(maps.Keys(p.containers)) {
		c := p.containers[id]
		if c.process == nil {
			continue
		}
		_ = c.process.kill()
		if c.process.board != nil {
			c.process.board.Close()
		}
	}
}

func (p *Posix) launch(l Launch) runtime.Future[struct{}] {
	if p.containers[l.ID] != nil {
		return runtime.Failed[struct{}](fmt.Errorf("%w: %s", ErrExists, l.ID))
	}
	l, err := p.place(l)
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	fetched := runtime.NewPromise[struct{}]()
	c := &container{launch: l, fetched: fetched.Future(), done: runtime.NewPromise[*slavepb.ContainerTermination]()}
	p.containers[l.ID] = c
	clock := p.Node().Clock()
	c.starting = runtime.Go(p, func(ctx context.Context) (*process, error) {
		if err := makeNested(l); err != nil {
			return nil, err
		}
		err := fetcher.Fetch(ctx, l.Config.GetCommandInfo().GetUris(), fetcher.Options{
			Directory: l.Config.GetDirectory(), User: l.Config.GetUser(), FrameworksHome: p.options.FrameworksHome,
			StallTimeout: p.options.StallTimeout, Clock: clock,
		})
		if err != nil {
			return nil, fetchError{err}
		}
		fetched.Set(struct{}{})
		return startProcess(l)
	})
	running := runtime.NewPromise[struct{}]()
	runtime.Await(p, c.starting, func(started *process, err error) {
		p.countFetch(err)
		p.started(l.ID, started, err)
		if err != nil {
			running.Fail(err)
			return
		}
		running.Set(struct{}{})
	})
	return running.Future()
}

// fetchError is what went wrong before the process was started.
type fetchError struct{ err error }

// Error implements error.
func (e fetchError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e fetchError) Unwrap() error { return e.err }

func (p *Posix) countFetch(err error) {
	if failed := (fetchError{}); errors.As(err, &failed) {
		p.counts.notFetched++
	} else {
		p.counts.fetched++
	}
}

// started waits for the end of a process, which cannot be far if nobody wants it any more.
func (p *Posix) started(id ids.Container, started *process, err error) {
	c := p.containers[id]
	if err != nil {
		p.ending(id, &slavepb.ContainerTermination{}) // who launched it knows why
		return
	}
	p.Log().WithLevel(c.launch.Level()).Stringer("container_id", id).Int("os_pid", started.pid()).Msg("container runs")
	c.process = started
	c.drained = p.connect(started)
	reaped := runtime.Go(p, func(context.Context) (int32, error) { return started.reap() })
	runtime.Await(p, reaped, func(status int32, err error) {
		t := &slavepb.ContainerTermination{Status: proto.Int32(status)}
		if err != nil {
			t = &slavepb.ContainerTermination{Message: proto.String(err.Error())}
		}
		p.drain(id, func() { p.ending(id, t) })
	})
	if c.unwanted {
		p.kill(id)
	}
}

// ending waits for the end of what is nested in a container whose process is over.
func (p *Posix) ending(id ids.Container, t *slavepb.ContainerTermination) {
	p.containers[id].unwanted = true
	var nested []runtime.Future[*slavepb.ContainerTermination]
	for _, inner := range p.nested(id) {
		nested = append(nested, p.destroy(inner))
	}
	if len(nested) == 0 {
		p.ended(id, t)
		return
	}
	runtime.Await(p, runtime.Settled(nested...), func([]runtime.Result[*slavepb.ContainerTermination], error) { p.ended(id, t) })
}

func (p *Posix) ended(id ids.Container, t *slavepb.ContainerTermination) {
	c := p.containers[id]
	c.over = true
	p.Log().WithLevel(c.launch.Level()).Stringer("container_id", id).Int32("status", t.GetStatus()).Msg("container is over")
	c.done.Set(t)
	if id.Parent() != "" {
		return
	}
	for _, inner := range p.nested(id) {
		delete(p.containers, inner)
	}
	if c.waited {
		delete(p.containers, id)
	}
}

// wait tells how a container ended, and then forgets it unless it is nested.
func (p *Posix) wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	c := p.containers[id]
	if c == nil {
		return runtime.Failed[*slavepb.ContainerTermination](ErrUnknown)
	}
	c.waited = true
	if c.over && id.Parent() == "" {
		delete(p.containers, id)
	}
	return c.done.Future()
}

func (p *Posix) destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	c := p.containers[id]
	if c == nil {
		return runtime.Failed[*slavepb.ContainerTermination](ErrUnknown)
	}
	if !c.unwanted && !c.over {
		c.unwanted = true
		c.starting.Discard()
		for _, inner := range p.nested(id) {
			p.destroy(inner)
		}
		p.kill(id)
	}
	return c.done.Future()
}

// kill ends a container that runs; one that does not will be killed when it does.
func (p *Posix) kill(id ids.Container) {
	started := p.containers[id].process
	if started == nil {
		return
	}
	if started.board != nil {
		started.board.Flow()
	}
	killed := runtime.Go(p, func(context.Context) (struct{}, error) { return struct{}{}, started.kill() })
	runtime.Await(p, killed, func(_ struct{}, err error) {
		if err != nil {
			p.counts.notKilled++
			p.Log().Error().Err(err).Stringer("container_id", id).Msg("container not killed")
		}
	})
}

func (p *Posix) update(id ids.Container, rs []*mesospb.Resource) error {
	c := p.containers[id]
	if c == nil {
		return nil // it has just ended, which its owner will hear
	}
	config := proto.CloneOf(c.launch.Config)
	config.Resources = rs
	c.launch.Config = config
	return nil
}

// status waits for a process that is being started: it may be heard of before the start has returned.
func (p *Posix) status(id ids.Container) runtime.Future[*mesospb.ContainerStatus] {
	c := p.containers[id]
	if c == nil {
		return runtime.Failed[*mesospb.ContainerStatus](ErrUnknown)
	}
	if _, _, fetched := c.fetched.Peek(); c.process == nil && (!fetched || c.over) {
		return runtime.Ready(&mesospb.ContainerStatus{ContainerId: id.Proto()})
	}
	return runtime.Then(c.starting, func(started *process) (*mesospb.ContainerStatus, error) {
		return &mesospb.ContainerStatus{ContainerId: id.Proto(), ExecutorPid: proto.Uint32(uint32(started.pid()))}, nil
	})
}

func (p *Posix) usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics] {
	c := p.containers[id]
	if c == nil || c.process == nil {
		return runtime.Failed[*mesospb.ResourceStatistics](ErrUnknown)
	}
	bag := resources.FromValid(c.launch.Config.GetResources())
	u := &mesospb.ResourceStatistics{Timestamp: proto.Float64(float64(p.Now().UnixNano()) / 1e9)}
	if cpus, ok := bag.Scalar("cpus"); ok {
		u.CpusSoftLimit = proto.Float64(cpus.Float())
	}
	if mem, ok := bag.Scalar("mem"); ok {
		limit := uint64(mem.Float() * (1 << 20))
		u.MemLimitBytes, u.MemSoftLimitBytes = &limit, &limit
	}
	started := c.process
	return runtime.Go(p, func(context.Context) (*mesospb.ResourceStatistics, error) { return u, started.measure(u) })
}
