package mesos

import (
	"cmp"
	"context"
	"maps"

	"meseta/messages/pb/slavepb"
	"meseta/slave/processtree"
)

// defaultPath is the PATH if neither the command nor the agent has one.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// token is the variable by which an executor proves who it is. Debug containers inherit the environment of an executor, but
// must not act for it.
const token = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN"

// surroundings sets the working directory and the environment of a process. Variables of the command take precedence
// over the agent's.
//
// Differs: PATH is the agent's own instead of a constant, so that executors find what the agent's operator installed.
type surroundings struct {
	Base
	path string
}

// Prepare implements [Isolator].
func (s surroundings) Prepare(_ context.Context, c *Container) error {
	env := map[string]string{"PATH": defaultPath}
	if s.path != "" {
		env["PATH"] = s.path
	}
	c.Directory = c.Place
	if c.Beside != nil {
		env, c.Directory = maps.Clone(c.Beside.Environment), c.Beside.Directory
		delete(env, token)
	}
	maps.Copy(env, c.Launch.Environment)
	if c.Beside == nil {
		env[processtree.SandboxVariable] = c.Place.Path()
	}
	for _, v := range c.Config.GetCommandInfo().GetEnvironment().GetVariables() {
		env[v.GetName()] = v.GetValue()
	}
	c.Environment = env
	return nil
}

// Recover implements [Isolator].
func (s surroundings) Recover(c *Container, info *slavepb.ContainerLaunchInfo) error {
	c.Directory = c.Place
	c.Environment = map[string]string{"PATH": cmp.Or(s.path, defaultPath), processtree.SandboxVariable: c.Place.Path()}
	for _, v := range info.GetEnvironment().GetVariables() {
		c.Environment[v.GetName()] = v.GetValue()
	}
	return nil
}
