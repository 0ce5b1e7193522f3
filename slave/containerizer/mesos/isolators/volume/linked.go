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

	mu     sync.Mutex // held while a sandbox changes
	linked map[ids.Container]resources.Resources
}

// NewLinked returns the isolator of an agent with that work directory.
func NewLinked(workDir string) *Linked {
	return &Linked{root: checkpoint.Root(workDir), linked: map[ids.Container]resources.Resources{}}
}

// Prepare implements [mesos.Isolator].
func (p *Linked) Prepare(_ context.Context, c *mesos.Container) error {
	return p.Update(c, c.Config.GetResources(), nil)
}

// Update implements [mesos.Isolator]. It links new volumes and removes the links to those that the container no longer has.
// An agent that has just recovered the container finds links that are right already.
func (p *Linked) Update(c *mesos.Container, all []*mesospb.Resource, _ map[string]*mesospb.Value_Scalar) error {
	if c.Parent != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := resources.FromValid(all).PersistentVolumes()
	had := p.linked[c.ID]
	if wanted.IsEmpty() && had.IsEmpty() {
		return nil
	}
	sandbox, err := c.Place.Open()
	if err != nil {
		return fmt.Errorf("Failed to open sandbox '%s': %w", c.Place.Path(), err)
	}
	defer sandbox.Close()
	if err := p.unlink(sandbox, had, wanted); err != nil {
		return err
	}
	for v := range wanted.All() {
		if had.Contains(resources.Of(v)) {
			continue
		}
		if err := p.link(sandbox, c, v); err != nil {
			return err
		}
	}
	p.linked[c.ID] = wanted
	return nil
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

// link gives a volume to the owner of a sandbox, and links it there.
//
// Differs: Mesos follows a link that exists to the end; here it has to be the one that would be made.
func (p *Linked) link(sandbox *os.Root, c *mesos.Container, v resources.Resource) error {
	name, err := name(v)
	if err != nil {
		return err
	}
	target, err := p.root.Volume(v)
	if err != nil {
		return err
	}
	if err := give(sandbox, target, v, c.ID, p.linked); err != nil {
		return fmt.Errorf("Failed to change the ownership of the persistent volume at '%s': %w", target, err)
	}
	path := filepath.Join(sandbox.Name(), name)
	err = sandbox.Symlink(target, name)
	if errors.Is(err, fs.ErrExist) {
		if is, rerr := sandbox.Readlink(name); rerr != nil || filepath.Clean(is) != target {
			return fmt.Errorf("'%s' exists and is no symlink to the persistent volume at '%s'", path, target)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("Failed to symlink persistent volume from '%s' to '%s': %w", target, path, err)
	}
	return nil
}
