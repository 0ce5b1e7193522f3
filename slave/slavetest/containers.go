package slavetest

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer"
)

// Containers is a containerizer without processes. Its containers run until they are destroyed or the test ends them, and
// outlive agents.
type Containers struct {
	Disk  disk.Disk           // for files with IDs of processes; nil means that none are written
	OnEnd func(ids.Container) // called when a container ends

	OnLaunch  func(containerizer.Launch)               // called when a container runs, on the turn of the caller of Launch
	LaunchErr error                                    // if set, launches fail with it
	UpdateErr error                                    // if set, updates fail with it
	OnSignal  func(ids.Container, syscall.Signal) bool // reports whether a signal ends a container; nil means always
	Networks  []*mesospb.NetworkInfo                   // of each container
	Immortal  bool                                     // destroying a container has no effect until the test ends it

	mu       sync.Mutex
	launched []containerizer.Launch
	running  map[ids.Container]runtime.Promise[*slavepb.ContainerTermination]
	updates  map[ids.Container][]*mesospb.Resource
}

// Launched returns all launches so far.
func (c *Containers) Launched() []containerizer.Launch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.launched)
}

// nested kills the containers nested in id.
func (c *Containers) nested(id ids.Container) {
	c.mu.Lock()
	var inner []ids.Container
	for other := range c.running {
		if other.Parent() == id {
			inner = append(inner, other)
		}
	}
	c.mu.Unlock()
	slices.Sort(inner)
	for _, other := range inner {
		c.nested(other)
		c.End(other, 9)
	}
}

// Running returns the number of containers that have not ended.
func (c *Containers) Running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range c.running {
		if _, over, _ := p.Future().Peek(); !over {
			n++
		}
	}
	return n
}

// Resources returns the limits that the latest update set for a container.
func (c *Containers) Resources(id ids.Container) []*mesospb.Resource {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.updates[id]
}

// End ends a container with a wait status.
func (c *Containers) End(id ids.Container, status int32) {
	c.EndWith(id, &slavepb.ContainerTermination{Status: proto.Int32(status)})
}

// EndWith ends a container with t.
func (c *Containers) EndWith(id ids.Container, t *slavepb.ContainerTermination) {
	c.mu.Lock()
	p, ok := c.running[id]
	c.mu.Unlock()
	if !ok {
		return
	}
	if _, over, _ := p.Future().Peek(); over {
		return
	}
	c.nested(id)
	p.Set(t)
	if c.OnEnd != nil {
		c.OnEnd(id)
	}
}

// Recover implements [containerizer.Containerizer]. It takes over the known containers that were launched before, and ends
// those of other executors.
func (c *Containers) Recover(known []containerizer.Survivor) runtime.Future[[]ids.Container] {
	isKnown := func(id ids.Container) bool {
		return slices.ContainsFunc(known, func(s containerizer.Survivor) bool { return s.ID == id })
	}
	var taken []ids.Container
	for _, l := range c.Launched() {
		switch _, is := c.find(l.ID); {
		case is && isKnown(l.ID):
			taken = append(taken, l.ID)
		case l.ID == l.ID.Root() && l.Config.GetExecutorInfo() != nil:
			c.End(l.ID, 9)
		}
	}
	slices.Sort(taken)
	return runtime.Ready(taken)
}

// Launch implements [containerizer.Containerizer].
func (c *Containers) Launch(l containerizer.Launch) runtime.Future[struct{}] {
	c.mu.Lock()
	if c.running == nil {
		c.running = map[ids.Container]runtime.Promise[*slavepb.ContainerTermination]{}
		c.updates = map[ids.Container][]*mesospb.Resource{}
	}
	if _, ok := c.running[l.ID]; ok {
		c.mu.Unlock()
		return runtime.Failed[struct{}](containerizer.ErrExists)
	}
	c.launched = append(c.launched, l)
	p := runtime.NewPromise[*slavepb.ContainerTermination]()
	c.running[l.ID] = p
	err := cmp.Or(c.LaunchErr, c.recordPID(l.PIDFile, firstPID+len(c.launched)))
	c.mu.Unlock()
	if err != nil {
		p.Set(&slavepb.ContainerTermination{})
		return runtime.Failed[struct{}](err)
	}
	if c.OnLaunch != nil {
		c.OnLaunch(l)
	}
	return runtime.Ready(struct{}{})
}

// firstPID is the ID of the first process, plus 1.
const firstPID = 4710

func (c *Containers) recordPID(file string, pid int) error {
	if file == "" || c.Disk == nil {
		return nil
	}
	if err := checkpoint.RunOf(file).Make(c.Disk); err != nil {
		return err
	}
	return disk.Replace(c.Disk, file, []byte(strconv.Itoa(pid)), 0o600)
}

// Update implements [containerizer.Containerizer].
func (c *Containers) Update(id ids.Container, rs []*mesospb.Resource, _ map[string]*mesospb.Value_Scalar) runtime.Future[struct{}] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.UpdateErr != nil {
		return runtime.Failed[struct{}](c.UpdateErr)
	}
	c.updates[id] = rs
	return runtime.Ready(struct{}{})
}

// Status implements [containerizer.Containerizer].
func (c *Containers) Status(id ids.Container) runtime.Future[*mesospb.ContainerStatus] {
	p, ok := c.find(id)
	if !ok {
		return runtime.Failed[*mesospb.ContainerStatus](containerizer.ErrUnknown)
	}
	if _, over, _ := p.Future().Peek(); over {
		return runtime.Failed[*mesospb.ContainerStatus](containerizer.ErrUnknown)
	}
	return runtime.Ready(&mesospb.ContainerStatus{ContainerId: id.Proto(), ExecutorPid: proto.Uint32(4711), NetworkInfos: c.Networks})
}

// Usage implements [containerizer.Containerizer].
func (c *Containers) Usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics] {
	if _, ok := c.find(id); !ok {
		return runtime.Failed[*mesospb.ResourceStatistics](containerizer.ErrUnknown)
	}
	return runtime.Ready(&mesospb.ResourceStatistics{
		Timestamp: proto.Float64(0), CpusUserTimeSecs: proto.Float64(1.5), CpusSystemTimeSecs: proto.Float64(0.5),
		CpusSoftLimit: proto.Float64(1.1), MemRssBytes: proto.Uint64(1 << 20), MemLimitBytes: proto.Uint64(96 << 20),
		MemSoftLimitBytes: proto.Uint64(96 << 20),
	})
}

// Wait implements [containerizer.Containerizer].
func (c *Containers) Wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	p, ok := c.find(id)
	if !ok {
		return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
	}
	return p.Future()
}

// Destroy implements [containerizer.Containerizer].
func (c *Containers) Destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	p, ok := c.find(id)
	if !ok {
		return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
	}
	if !c.Immortal {
		c.End(id, 9) // killed by signal 9
	}
	return p.Future()
}

// Signal implements [containerizer.Containerizer]. Any signal ends a container unless OnSignal says otherwise.
func (c *Containers) Signal(id ids.Container, s syscall.Signal) runtime.Future[struct{}] {
	p, ok := c.find(id)
	if !ok {
		return runtime.Failed[struct{}](containerizer.ErrUnknown)
	}
	if _, over, _ := p.Future().Peek(); over {
		return runtime.Failed[struct{}](containerizer.ErrUnknown)
	}
	if c.OnSignal == nil || c.OnSignal(id, s) {
		c.End(id, int32(s))
	}
	return runtime.Ready(struct{}{})
}

// Attach implements [containerizer.Containerizer]. It always fails.
func (c *Containers) Attach(ids.Container) runtime.Future[containerizer.Board] {
	return runtime.Failed[containerizer.Board](containerizer.ErrUnattachable)
}

// Remove implements [containerizer.Containerizer].
func (c *Containers) Remove(id ids.Container) runtime.Future[struct{}] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.running[id.Root()]; !ok && id.Parent() != "" {
		return runtime.Failed[struct{}](errors.New("Unknown root container"))
	}
	delete(c.running, id)
	return runtime.Ready(struct{}{})
}

// List implements [containerizer.Containerizer].
func (c *Containers) List() runtime.Future[[]ids.Container] {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []ids.Container
	for id, p := range c.running {
		if _, over, _ := p.Future().Peek(); !over {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return runtime.Ready(all)
}

func (c *Containers) find(id ids.Container) (runtime.Promise[*slavepb.ContainerTermination], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.running[id]
	return p, ok
}
