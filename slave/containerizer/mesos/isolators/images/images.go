// Package images implements the isolators that give containers images: their file systems, and what Docker images say about
// the commands that run in them (docker/runtime).
package images

import (
	"context"

	"meseta/messages/ids"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/provisioner"
)

// Rootfs gives a container the file system of its image. It comes before the isolators that use that, so that it is removed
// after them.
//
// Mesos: the provisioner's part of MesosContainerizerProcess.
type Rootfs struct {
	mesos.Base
	Provisioner *provisioner.Provisioner
}

// Prepare implements [mesos.Isolator].
func (i Rootfs) Prepare(ctx context.Context, c *mesos.Container) error {
	image := c.Config.GetContainerInfo().GetMesos().GetImage()
	if image == nil {
		return nil
	}
	p, err := i.Provisioner.Provision(ctx, c.ID, image)
	if err != nil {
		return err
	}
	c.Provision(p.Rootfs)
	c.Config.EphemeralVolumes = p.Ephemeral // the configuration is the container's own now
	if p.Image.Docker != nil {
		c.Config.Docker = dockerOf(p.Image.Docker)
	}
	return nil
}

// Cleanup implements [mesos.Isolator].
func (i Rootfs) Cleanup(c *mesos.Container) error { return i.Provisioner.Destroy(c.ID) }

// Sweep implements [mesos.Sweeper].
func (i Rootfs) Sweep(kept func(ids.Container) bool) error {
	return i.Provisioner.Recover(context.Background(), kept)
}
