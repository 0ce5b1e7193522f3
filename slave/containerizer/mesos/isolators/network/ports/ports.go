// Package ports implements the isolator network/ports: a container on the network of the agent may listen only on ports that it
// was given.
//
// Mesos: NetworkPortsIsolatorProcess.
package ports

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/messages/values"
	"meseta/runtime"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/mesos"
)

// Options says how ports are watched.
type Options struct {
	Tree     mesos.Tree // where the processes of containers are
	Interval time.Duration
	Enforce  bool              // a container that listens on a port of others is ended (--enforce_container_ports)
	Isolated *resources.Ranges // the ports that are watched; nil means all
	Clock    runtime.Clock
}

// Isolator is the isolator network/ports.
type Isolator struct {
	mesos.Base
	options   Options
	hierarchy cgroups.Hierarchy
	log       zerolog.Logger

	mu        sync.Mutex
	roots     map[ids.Container]*root
	listeners listeners
}

// root is what is known of an outermost container on the agent's network. It is guarded by the isolator's mutex.
type root struct {
	inner     map[ids.Container]bool
	allocated *resources.Ranges                  // nil until it is known, which is some time after a recovery
	reported  map[ids.Container]resources.Ranges // the ports of others that were logged
}

// New returns the isolator.
//
// Mesos: NetworkPortsIsolatorProcess::create.
func New(o Options) (*Isolator, error) {
	h, err := cgroups.Kernel(o.Tree.Base)
	if err != nil {
		return nil, fmt.Errorf("Failed to prepare the freezer cgroup: %w", err)
	}
	return &Isolator{options: o, hierarchy: h, log: zerolog.Nop(), roots: map[ids.Container]*root{}}, nil
}

// UseLog says where the isolator writes what it sees. Before, nothing is written.
func (x *Isolator) UseLog(log zerolog.Logger) { x.log = log }

// named reports whether a container is on networks that it names, where it has an address of its own.
func named(info *mesospb.ContainerInfo) bool {
	return slices.ContainsFunc(info.GetNetworkInfos(), func(n *mesospb.NetworkInfo) bool { return n.Name != nil })
}

// Prepare implements [mesos.Isolator].
//
// Differs: a nested container with networks of its own is not watched. Its ports are not those of the agent.
func (x *Isolator) Prepare(_ context.Context, c *mesos.Container) error {
	x.enter(c, true)
	return nil
}

// Recover implements [mesos.Isolator]. What the container was given is not known until its next Update.
func (x *Isolator) Recover(c *mesos.Container, _ *slavepb.ContainerLaunchInfo) error {
	x.enter(c, false)
	return nil
}

func (x *Isolator) enter(c *mesos.Container, fresh bool) {
	if named(c.Config.GetContainerInfo()) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if c.Parent != nil {
		if r := x.roots[c.ID.Root()]; r != nil && (c.ID.Parent() == c.ID.Root() || r.inner[c.ID.Parent()]) {
			r.inner[c.ID] = true
		}
		return
	}
	r := &root{inner: map[ids.Container]bool{}, reported: map[ids.Container]resources.Ranges{}}
	if fresh {
		r.allocate(c.Config.GetResources())
	}
	x.roots[c.ID] = r
}

func (r *root) allocate(rs []*mesospb.Resource) {
	ports := resources.FromValid(rs).Ranges("ports")
	r.allocated = &ports
}

// Update implements [mesos.Isolator].
func (x *Isolator) Update(c *mesos.Container, rs []*mesospb.Resource, _ map[string]*mesospb.Value_Scalar) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r := x.roots[c.ID]; r != nil {
		r.allocate(rs)
	}
	return nil
}

// Cleanup implements [mesos.Isolator].
func (x *Isolator) Cleanup(c *mesos.Container) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.roots, c.ID)
	if r := x.roots[c.ID.Root()]; r != nil {
		delete(r.inner, c.ID)
		delete(r.reported, c.ID)
	}
	return nil
}

// Watch implements [mesos.Watcher]. It looks at an outermost container and all that are in it.
func (x *Isolator) Watch(ctx context.Context, c *mesos.Container) (*slavepb.ContainerLimitation, error) {
	for x.watches(c.ID) {
		if err := mesos.Pause(ctx, x.options.Clock, x.options.Interval); err != nil {
			return nil, err
		}
		if l := x.look(c.ID); l != nil {
			return l, nil
		}
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// Exceeded implements [mesos.Watcher].
func (x *Isolator) Exceeded(*mesos.Container) *slavepb.ContainerLimitation { return nil }

func (x *Isolator) watches(id ids.Container) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.roots[id] != nil
}

// look returns the limit that an outermost container exceeds, if limits are enforced.
//
// Mesos: NetworkPortsIsolatorProcess::check.
func (x *Isolator) look(id ids.Container) *slavepb.ContainerLimitation {
	x.mu.Lock()
	r := x.roots[id]
	if r == nil || r.allocated == nil {
		x.mu.Unlock()
		return nil
	}
	allocated, all := *r.allocated, append([]ids.Container{id}, slices.Sorted(maps.Keys(r.inner))...)
	x.mu.Unlock()
	for _, one := range all {
		ports, err := x.listening(one)
		if err != nil {
			x.log.Error().Err(err).Stringer("container_id", one).Msg("the ports of a container are not known")
			continue
		}
		if others := ports.Minus(allocated); !others.IsEmpty() {
			if l := x.exceeded(r, one, others); l != nil {
				return l
			}
		}
	}
	return nil
}

// exceeded logs ports of others, once, and returns the limit that a container exceeds with them, if limits are enforced.
func (x *Isolator) exceeded(r *root, id ids.Container, others resources.Ranges) *slavepb.ContainerLimitation {
	ports := values.RangesProto(others.Intervals())
	message := fmt.Sprintf("Container %s is listening on unallocated port(s): %s", id, values.FormatRanges(ports))
	x.mu.Lock()
	fresh := !others.Equal(r.reported[id])
	r.reported[id] = others
	x.mu.Unlock()
	if fresh {
		x.log.Info().Stringer("container_id", id).Msg(message)
	}
	if !x.options.Enforce {
		return nil
	}
	return &slavepb.ContainerLimitation{
		Reason: mesospb.TaskStatus_REASON_CONTAINER_LIMITATION.Enum(), Message: &message,
		Resources: []*mesospb.Resource{{Name: proto.String("ports"), Type: mesospb.Value_RANGES.Enum(), Ranges: ports}},
	}
}
