package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/gids"
)

// Linked is the isolator of persistent volumes where containers have no mounts of their own. It links them into the sandboxes of
// outermost containers; the default executor shares them with the nested ones. A volume that is to be read-only can be written to.
//
// Mesos: PosixFilesystemIsolatorProcess.
//
// Differs: Mesos starts a container without the volumes that it cannot link, because their path in the container is not
// a name; such a container is refused.
type Linked struct {
	mesos.Base
	root checkpoint.Root // the work directory, which has the volumes that are on no disk of their own
	gids *gids.Manager   // of the groups of volumes; nil means that they have none

	mu     sync.Mutex // held while a sandbox changes
	linked map[ids.Container]resources.Resources
}

// NewLinked returns the isolator of an agent with that work directory. Without groups, nil, users do not share volumes.
func NewLinked(workDir string, groups *gids.Manager) *Linked {
	return &Linked{root: checkpoint.Root(workDir), gids: groups, linked: map[ids.Container]resources.Resources{}}
}

// Prepare implements [mesos.Isolator].
func (p *Linked) Prepare(ctx context.Context, c *mesos.Container) (err error) {
	c.VolumeGroups, err = p.update(ctx, c, c.Config.GetResources())
	return err
}

// Update implements [mesos.Isolator]. It links new volumes and removes the links to those that the container no longer has.
// An agent that has just recovered the container finds links that are right already. Processes that run get no new groups.
func (p *Linked) Update(c *mesos.Container, all []*mesospb.Resource, _ map[string]*mesospb.Value_Scalar) error {
	_, err := p.update(context.Background(), c, all)
	return err
}

// update returns the groups of the new volumes, in addition to those that the container has.
func (p *Linked) update(ctx context.Context, c *mesos.Container, all []*mesospb.Resource) ([]uint32, error) {
	groups := c.VolumeGroups
	if c.Parent != nil {
		return groups, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := resources.FromValid(all).PersistentVolumes()
	had := p.linked[c.ID]
	if wanted.IsEmpty() && had.IsEmpty() {
		return groups, nil
	}
	sandbox, err := c.Place.Open()
	if err != nil {
		return nil, fmt.Errorf("Failed to open sandbox '%s': %w", c.Place.Path(), err)
	}
	defer sandbox.Close()
	if err := p.unlink(sandbox, had, wanted); err != nil {
		return nil, err
	}
	for v := range wanted.All() {
		if had.Contains(resources.Of(v)) {
			continue
		}
		more, err := p.link(ctx, sandbox, c, v)
		if err != nil {
			return nil, err
		}
		groups = append(groups, more...)
	}
	p.linked[c.ID] = wanted
	return groups, nil
}

// Cleanup implements [mesos.Isolator]. The links stay until the sandbox is collected.
func (p *Linked) Cleanup(c *mesos.Container) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.linked, c.ID)
	return nil
}

// unlink removes the links to the volumes in had that are not in wanted. What the task has put in place of a link stays.
func (p *Linked) unlink(sandbox *os.Root, had, wanted resources.Resources) error {
	for v := range had.All() {
		name, err := name(v)
		if err != nil || wanted.Contains(resources.Of(v)) {
			continue
		}
		if _, err := sandbox.Readlink(name); err != nil {
			continue
		}
		if err := sandbox.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("Failed to remove the symlink for the unneeded persistent volume at '%s': %w",
				filepath.Join(sandbox.Name(), name), err)
		}
	}
	return nil
}

// link gives a volume to the owner of a sandbox, and links it there. It returns the groups for that.
//
// Differs: Mesos follows a link that exists to the end; here it has to be the one that would be made.
func (p *Linked) link(ctx context.Context, sandbox *os.Root, c *mesos.Container, v resources.Resource) ([]uint32, error) {
	name, err := name(v)
	if err != nil {
		return nil, err
	}
	target, err := p.root.Volume(v)
	if err != nil {
		return nil, err
	}
	groups, err := give(ctx, p.gids, sandbox, target, v, c.ID, p.linked)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(sandbox.Name(), name)
	err = sandbox.Symlink(target, name)
	if errors.Is(err, fs.ErrExist) {
		if is, rerr := sandbox.Readlink(name); rerr != nil || filepath.Clean(is) != target {
			return nil, fmt.Errorf("'%s' exists and is no symlink to the persistent volume at '%s'", path, target)
		}
		return groups, nil
	}
	if err != nil {
		return nil, fmt.Errorf("Failed to symlink persistent volume from '%s' to '%s': %w", target, path, err)
	}
	return groups, nil
}
