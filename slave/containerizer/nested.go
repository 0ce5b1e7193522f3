package containerizer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
)

// place gives a nested container its place in the containers around it. What a container asks for and cannot have, an
// image or a network of its own, it is not started without.
//
// Mesos: MesosContainerizerProcess::launch, NetworkCniIsolatorProcess::prepare.
func (p *Posix) place(l Launch) (Launch, error) {
	info := l.Config.GetContainerInfo()
	if info != nil && (info.GetType() != mesospb.ContainerInfo_MESOS || info.GetMesos().GetImage() != nil) {
		return l, ErrUnsupported
	}
	for _, n := range info.GetNetworkInfos() {
		if n.Name != nil {
			return l, fmt.Errorf("Unknown CNI network '%s'", n.GetName())
		}
	}
	parent := l.ID.Parent()
	if parent == "" {
		_, err := links(l, "")
		return l, err
	}
	outer, root := p.containers[parent], p.containers[l.ID.Root()]
	switch {
	case outer == nil:
		return l, fmt.Errorf("Parent container %s does not exist", parent)
	case outer.over || outer.unwanted:
		return l, fmt.Errorf("Parent container %s is in 'DESTROYING' state", parent)
	}
	config := proto.CloneOf(l.Config)
	if config.User == nil {
		config.User = outer.launch.Config.User
	}
	config.Directory = proto.String(nestedSandbox(root.launch.Config.GetDirectory(), l.ID))
	config.ExecutorInfo = root.launch.Config.GetExecutorInfo()
	l.Config = config
	if config.GetContainerClass() == slavepb.ContainerClass_DEBUG {
		l.beside = outer.process
	}
	var err error
	l.volumes, err = links(l, outer.launch.Config.GetDirectory())
	return l, err
}

// nestedSandbox is where a nested container is: in the sandbox of the outermost, a folder "containers" on each level.
func nestedSandbox(root string, id ids.Container) string {
	path := root
	for _, name := range strings.Split(string(id), ".")[1:] {
		path = filepath.Join(path, "containers", name)
	}
	return path
}

// makeNested makes the sandbox of a nested container, with its volumes; that of another is there.
func makeNested(l Launch) error {
	if l.ID.Parent() == "" {
		return nil
	}
	dir := l.Config.GetDirectory()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the nested sandbox: %w", err)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		return fmt.Errorf("close the nested sandbox to others: %w", err)
	}
	for _, v := range l.volumes {
		if err := v.make(dir); err != nil {
			return err
		}
	}
	owner, err := credential(l.Config.GetUser())
	if err != nil || owner == nil {
		return err
	}
	return os.Chown(dir, int(owner.Uid), int(owner.Gid))
}

// nested are the containers directly in a container, in order.
func (p *Posix) nested(id ids.Container) []ids.Container {
	var inner []ids.Container
	for _, other := range slices.Sorted(maps.Keys(p.containers)) {
		if other.Parent() == id {
			inner = append(inner, other)
		}
	}
	return inner
}

// signal reaches the first process only; what it leaves behind is killed when it is over. A container that has not
// started yet does not start.
func (p *Posix) signal(id ids.Container, s syscall.Signal) error {
	c := p.containers[id]
	switch {
	case c == nil || c.over:
		return ErrUnknown
	case c.process == nil:
		p.destroy(id)
		return nil
	}
	return c.process.signal(s)
}

func (p *Posix) remove(id ids.Container) runtime.Future[struct{}] {
	c := p.containers[id]
	switch {
	case c == nil && id.Parent() != "" && p.containers[id.Root()] == nil:
		return runtime.Failed[struct{}](errors.New("Unknown root container"))
	case c == nil:
		return runtime.Ready(struct{}{})
	case !c.over:
		return runtime.Failed[struct{}](errors.New("Nested container has not terminated yet"))
	}
	delete(p.containers, id)
	dir := c.launch.Config.GetDirectory()
	return runtime.Go(p, func(context.Context) (struct{}, error) { return struct{}{}, os.RemoveAll(dir) })
}

func (p *Posix) list() []ids.Container {
	var all []ids.Container
	for _, id := range slices.Sorted(maps.Keys(p.containers)) {
		if !p.containers[id].over {
			all = append(all, id)
		}
	}
	return all
}
