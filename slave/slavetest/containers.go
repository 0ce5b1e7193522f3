package slavetest

import (
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
)

// Containers is a containerizer without processes: its containers run until they are destroyed or the test ends them.
type Containers struct {
	OnLaunch  func(containerizer.Launch) // called when a container runs, on whoever's turn launched it
	LaunchErr error                      // when set, launching fails
	UpdateErr error                      // when set, updates fail
	Immortal  bool                       // destroying has no effect until the test ends the container

	mu       sync.Mutex
	launched []containerizer.Launch
	running  map[ids.Container]runtime.Promise[*slavepb.ContainerTermination]
	updates  map[ids.Container][]*mesospb.Resource
}

// Launched are all containers so far.
func (c *Containers) Launched() []containerizer.Launch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.launched)
}

// Running counts the containers that are not over.
func (c *Containers) Running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range c.running {
		if _, _, over := p.Future().Peek(); !over {
			n++
		}
	}
	return n
}

// Resources are what a container may use since the last update.
func (c *Containers) Resources(id ids.Container) []*mesospb.Resource {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.updates[id]
}

// End makes a container end with a wait status.
func (c *Containers) End(id ids.Container, status int32) {
	c.EndWith(id, &slavepb.ContainerTermination{Status: proto.Int32(status)})
}

// EndWith makes a container end.
func (c *Containers) EndWith(id ids.Container, t *slavepb.ContainerTermination) {
	c.mu.Lock()
	p, ok := c.running[id]
	c.mu.Unlock()
	if ok {
		p.Set(t)
	}
}

// Launch implements [containerizer.Containerizer].
func (c *Containers) Launch(l containerizer.Launch) runtime.Future[struct{}] {
	c.mu.Lock()
	if c.running == nil {
		c.running = map[ids.Container]runtime.Promise[*slavepb.ContainerTermination]{}
		c.updates = map[ids.Container][]*mesospb.Resource{}
	}
	c.launched = append(c.launched, l)
	p := runtime.NewPromise[*slavepb.ContainerTermination]()
	c.running[l.ID] = p
	err := c.LaunchErr
	c.mu.Unlock()
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	if c.OnLaunch != nil {
		c.OnLaunch(l)
	}
	return runtime.Ready(struct{}{})
}

// Update implements [containerizer.Containerizer].
func (c *Containers) Update(id ids.Container, rs []*mesospb.Resource) runtime.Future[struct{}] {
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
	if _, ok := c.find(id); !ok {
		return runtime.Failed[*mesospb.ContainerStatus](containerizer.ErrUnknown)
	}
	return runtime.Ready(&mesospb.ContainerStatus{ContainerId: id.Proto(), ExecutorPid: proto.Uint32(4711)})
}

// Usage implements [containerizer.Containerizer].
func (c *Containers) Usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics] {
	if _, ok := c.find(id); !ok {
		return runtime.Failed[*mesospb.ResourceStatistics](containerizer.ErrUnknown)
	}
	return runtime.Ready(&mesospb.ResourceStatistics{Timestamp: proto.Float64(0)})
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
		p.Set(&slavepb.ContainerTermination{Status: proto.Int32(9)}) // killed by signal 9
	}
	return p.Future()
}

func (c *Containers) find(id ids.Container) (runtime.Promise[*slavepb.ContainerTermination], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.running[id]
	return p, ok
}
