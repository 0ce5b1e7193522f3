package mesos

import (
	"context"
	"maps"

	"meseta/slave/processtree"
)

// defaultPath is where programs are looked for when neither the command nor the agent says.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// surroundings gives a process its environment, the agent's variables overruled by the command's, and its directory.
//
// Differs: PATH is the agent's own and not a constant, because executors expect to find what the agent's operator put
// there.
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
