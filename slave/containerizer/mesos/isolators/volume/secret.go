package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"meseta/actors/secrets"
	"meseta/messages/pb/mesospb"
	"meseta/messages/validate"
	"meseta/slave/containerizer/forker/serve"
	"meseta/slave/containerizer/mesos"
)

// Secret is the isolator volume/secret: a container gets a secret as a file, which is in memory and goes with the container.
//
// Mesos: VolumeSecretIsolatorProcess.
type Secret struct {
	mesos.Base
	SandboxDirectory string // where containers with a file system of their own have their sandboxes
	Resolver         secrets.Resolver
}

// Prepare implements [mesos.Isolator].
func (i Secret) Prepare(ctx context.Context, c *mesos.Container) error {
	if debugs(c) {
		return nil
	}
	for _, v := range c.Config.GetContainerInfo().GetVolumes() {
		if v.GetSource().GetType() != mesospb.Volume_Source_SECRET {
			continue
		}
		if err := i.add(ctx, c, v); err != nil {
			return err
		}
	}
	return nil
}

// add has the init of a container make one file.
func (i Secret) add(ctx context.Context, c *mesos.Container, v *mesospb.Volume) error {
	secret := v.GetSource().GetSecret()
	if secret == nil {
		return errors.New("volume.source.secret is not specified")
	}
	if err := validate.Secret(secret); err != nil {
		return fmt.Errorf("Invalid secret specified in volume: %w", err)
	}
	path := v.GetContainerPath()
	if filepath.IsAbs(path) && c.Config.Rootfs == nil {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("Absolute container path '%s' does not exist", path)
		}
	}
	to, err := target(c, v, i.SandboxDirectory)
	if err != nil {
		return err
	}
	content, err := i.Resolver.Resolve(ctx, secret)
	if err != nil {
		return fmt.Errorf("Failed to resolve the secret of the volume at '%s': %w", path, err)
	}
	c.Init()
	c.Secrets = append(c.Secrets, serve.Secret{Target: to, Content: content, ReadOnly: v.GetMode() == mesospb.Volume_RO})
	return nil
}
