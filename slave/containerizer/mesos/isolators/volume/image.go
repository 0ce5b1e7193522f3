package volume

import (
	"context"
	"errors"

	"meseta/slave/containerizer/mesos"
	"meseta/slave/provisioner"
)

// Image is the isolator volume/image: a container gets the files of an image. What it changes there is its own, and goes with it,
// with everything else that was provisioned for the container.
//
// Mesos: VolumeImageIsolatorProcess.
type Image struct {
	mesos.Base
	SandboxDirectory string // where containers with a file system of their own have their sandboxes
	Provisioner      *provisioner.Provisioner
}

// Prepare implements [mesos.Isolator].
//
// Differs: Mesos provisions all images at once; the second of two volumes with one image finds it there.
func (i Image) Prepare(ctx context.Context, c *mesos.Container) error {
	for _, v := range c.Config.GetContainerInfo().GetVolumes() {
		if v.Image == nil {
			continue
		}
		if debugs(c) {
			return errors.New("Image volume is not supported for DEBUG containers")
		}
		to, err := target(c, v, i.SandboxDirectory)
		if err != nil {
			return err
		}
		p, err := i.Provisioner.Provision(ctx, c.ID, v.Image)
		if err != nil {
			return err
		}
		bind(c, p.Rootfs, to, v.GetMode())
	}
	return nil
}
