package docker

import (
	"context"
	"fmt"
	"io"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/mesos"
)

// pull fetches the image, unless the engine has it and the task is content with that.
//
// Mesos: Docker::pull.
func (x *isolator) pull(ctx context.Context, c *mesos.Container, info *mesospb.ContainerInfo_DockerInfo) error {
	image := info.GetImage()
	if !info.GetForcePullImage() {
		if _, tag := engine.Split(image); tag == "latest" {
			image = strings.TrimSuffix(image, ":latest") + ":latest"
		}
		has, err := x.engine.HasImage(ctx, image)
		if has || ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return x.failure("inspect "+image, err)
		}
	}
	auth, err := x.auth(c, image)
	if err != nil {
		return err
	}
	if err := x.engine.Pull(ctx, image, auth); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return x.failure("pull "+image, err)
	}
	return nil
}

// failure returns an error as that of Docker's command, which Mesos runs.
func (x *isolator) failure(command string, err error) error {
	return fmt.Errorf("Failed to run '%s -H unix://%s %s': exited with status 1; stderr='%w\n'", x.options.Command, x.options.Socket, command, err)
}

// maxCredentials bounds a file with credentials, in bytes.
const maxCredentials = 1 << 20

// auth returns the credentials for the registry of an image. Those that were fetched into the sandbox, where Docker's command
// would look for them, take the place of the agent's.
func (x *isolator) auth(c *mesos.Container, image string) (*engine.Auth, error) {
	for _, name := range []string{".docker/config.json", ".dockercfg"} {
		file, err := c.Sandbox.Open(name)
		if err != nil {
			continue
		}
		defer file.Close()
		content, err := io.ReadAll(io.LimitReader(file, maxCredentials))
		if err != nil {
			return nil, err
		}
		credentials, err := engine.ParseCredentials(content)
		if err != nil {
			return nil, fmt.Errorf("the file '%s' in the sandbox has no credentials of a Docker client: %w", name, err)
		}
		return credentials.For(image), nil
	}
	return x.options.Credentials.For(image), nil
}
