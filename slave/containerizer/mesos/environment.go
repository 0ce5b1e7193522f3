package mesos

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"

	"meseta/actors/secrets"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/processtree"
)

// defaultPath is the PATH if neither the command nor the agent has one.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// token is the variable by which an executor proves who it is. Debug containers inherit the environment of an executor, but
// must not act for it.
const token = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN"

// surroundings sets the working directory and the environment of a process. Variables of the command take precedence
// over those of isolators, and these over the agent's.
//
// Differs: PATH is the agent's own instead of a constant, so that executors find what the agent's operator installed.
type surroundings struct {
	Base
	path    string
	sandbox string // of containers with a file system of their own, as they see it
	secrets secrets.Resolver
}

// Prepare implements [Isolator].
func (s surroundings) Prepare(ctx context.Context, c *Container) error {
	env := map[string]string{"PATH": defaultPath}
	if s.path != "" {
		env["PATH"] = s.path
	}
	c.Directory = c.Place
	if c.Beside != nil {
		env, c.Directory, c.Inside = maps.Clone(c.Beside.Environment), c.Beside.Directory, c.Beside.Inside
		c.Hidden = maps.Clone(c.Beside.Hidden)
		delete(env, token)
		if c.Beside.Delegates() { // it sees what the task sees
			c.Inside, env[processtree.SandboxVariable] = s.sandbox, s.sandbox
			setAll(env, c.Beside.Setup.GetTaskEnvironment())
		}
	}
	maps.Copy(env, c.Launch.Environment)
	setAll(env, c.Setup.GetEnvironment())
	if c.Beside == nil {
		env[processtree.SandboxVariable] = c.Place.Path()
	}
	if c.pivots() {
		c.Inside = s.sandbox
		env[processtree.SandboxVariable] = s.sandbox
	}
	for _, v := range c.Config.GetCommandInfo().GetEnvironment().GetVariables() {
		value, err := s.value(ctx, c, v)
		if err != nil {
			return err
		}
		env[v.GetName()] = value
	}
	c.Environment = env
	return nil
}

func setAll(env map[string]string, to *mesospb.Environment) {
	for _, v := range to.GetVariables() {
		env[v.GetName()] = v.GetValue()
	}
}

// value returns the value of a variable. If it is a secret, it is resolved, and hidden from the records of the container.
//
// Mesos: EnvironmentSecretIsolatorProcess::prepare.
func (s surroundings) value(ctx context.Context, c *Container, v *mesospb.Environment_Variable) (string, error) {
	if v.GetType() != mesospb.Environment_Variable_SECRET {
		return v.GetValue(), nil
	}
	data, err := s.secrets.Resolve(ctx, v.GetSecret())
	switch {
	case err != nil:
		return "", fmt.Errorf("Failed to resolve the secret of environment variable '%s': %w", v.GetName(), err)
	case bytes.IndexByte(data, 0) >= 0:
		return "", fmt.Errorf("Environment variable '%s' cannot have a NUL character in its secret", v.GetName())
	}
	if c.Hidden == nil {
		c.Hidden = map[string]bool{}
	}
	c.Hidden[v.GetName()] = true
	return string(data), nil
}

// pivots reports whether the command sees a file system of its own.
func (c *Container) pivots() bool { return c.Setup.GetRootfs() != "" }

// Recover implements [Isolator].
func (s surroundings) Recover(c *Container, info *slavepb.ContainerLaunchInfo) error {
	c.Directory = c.Place
	c.Environment = map[string]string{"PATH": cmp.Or(s.path, defaultPath), processtree.SandboxVariable: c.Place.Path()}
	if info.GetRootfs() != "" {
		c.Init().Rootfs, c.Inside = info.Rootfs, info.GetWorkingDirectory()
	}
	if len(info.GetTaskEnvironment().GetVariables()) > 0 {
		c.Init().TaskEnvironment = info.TaskEnvironment
	}
	for _, v := range info.GetEnvironment().GetVariables() {
		if v.GetType() != mesospb.Environment_Variable_SECRET {
			c.Environment[v.GetName()] = v.GetValue()
		}
	}
	return nil
}
