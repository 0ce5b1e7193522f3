package mesos

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"meseta/actors/account"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/logger"
	"meseta/slave/sandbox"
)

// users sets the user of the container: the one it names, or that of its parent.
//
// Mesos: Launcher and os::su in mesos-containerizer.
type users struct{ Base }

// Prepare implements [Isolator]. A container that looks at its parent uses the volumes that the parent uses.
func (users) Prepare(_ context.Context, c *Container) error {
	if c.Beside != nil {
		c.VolumeGroups = slices.Clone(c.Beside.VolumeGroups)
	}
	name := c.Config.GetUser()
	if name == "" {
		return nil
	}
	owner, err := account.Lookup(name)
	if err != nil {
		return err
	}
	c.Owner, c.Credential = &owner, owner.Credential()
	return nil
}

// Recover implements [Isolator]. A user that the system does not know any more still has the sandbox.
func (u users) Recover(c *Container, _ *slavepb.ContainerLaunchInfo) error {
	err := u.Prepare(context.Background(), c)
	var about unix.Stat_t
	if err == nil || unix.Lstat(c.Place.Path(), &about) != nil {
		return err
	}
	owner := account.Account{Name: c.Config.GetUser(), UID: about.Uid, GID: about.Gid}
	c.Owner, c.Credential = &owner, &syscall.Credential{Uid: owner.UID, Gid: owner.GID}
	return nil
}

// sandboxes creates the sandbox of a nested container, opens that of any other, and creates stdout and stderr in it.
//
// Mesos: the nested part of MesosContainerizerProcess::launch, SandboxContainerLogger.
type sandboxes struct {
	Base
	loggers loggers
}

// Prepare implements [Isolator].
func (s sandboxes) Prepare(_ context.Context, c *Container) (err error) {
	if c.Parent == nil {
		if c.Sandbox, err = c.Place.Open(); err != nil {
			return fmt.Errorf("Failed to open sandbox '%s': %w", c.Place.Path(), err)
		}
	} else if c.Sandbox, err = c.Place.Make(c.Owner); err != nil {
		return fmt.Errorf("Failed to create nested sandbox '%s': %w", c.Place.Path(), err)
	}
	for i, name := range logger.Streams {
		if c.Logs[i], err = sandbox.Append(c.Sandbox, name, c.Owner); err != nil {
			return fmt.Errorf("Failed to create '%s' file: %w", name, err)
		}
	}
	return s.loggers.start(c)
}

// Cleanup implements [Isolator].
func (s sandboxes) Cleanup(c *Container) error {
	closeAll(c.Logs[:])
	c.Logs = [2]*os.File{}
	if !c.scribed {
		return nil
	}
	return s.loggers.scribes.Settle(c.Runtime, lastWords)
}
