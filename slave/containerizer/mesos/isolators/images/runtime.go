package images

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/dockerv1pb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/mesos"
)

func dockerOf(m *dockerv1pb.ImageManifest) *slavepb.ContainerConfig_Docker {
	return &slavepb.ContainerConfig_Docker{Manifest: m}
}

// Docker is the isolator docker/runtime: a command gets the environment and the working directory of its image, and runs what
// the image says unless it says so itself. The user of the image is ignored, as Mesos does.
//
// Mesos: DockerRuntimeIsolatorProcess.
type Docker struct{ mesos.Base }

// Prepare implements [mesos.Isolator].
func (Docker) Prepare(_ context.Context, c *mesos.Container) error {
	if c.Config.Docker == nil {
		return nil
	}
	config := c.Config.GetDocker().GetManifest().GetConfig()
	own := c.Config.GetCommandInfo()
	task := c.Config.GetTaskInfo() != nil && c.Parent == nil // whose command an executor runs, which needs nothing of the image
	if task {
		own = c.Config.GetTaskInfo().GetCommand()
	}
	command, err := merge(own, config)
	if err != nil {
		return fmt.Errorf("Failed to determine the launch command: %w", err)
	}
	if task {
		c.Init().TaskEnvironment = environment(config)
		delegate(c, command, config.GetWorkingDir())
		return nil
	}
	c.Init().Environment = environment(config)
	c.Init().Command = command
	if dir := config.GetWorkingDir(); dir != "" {
		c.Init().WorkingDirectory = &dir
	}
	return nil
}

// delegate passes on a command, which is changed, and its working directory to the executor of a task. The secrets among the
// variables are left out: everybody sees arguments, and the executor has them in its environment, from which the command gets them.
//
// Differs: in Mesos they are among the arguments.
func delegate(c *mesos.Container, command *mesospb.CommandInfo, dir string) {
	if dir != "" {
		c.AddArguments("--working_directory=" + dir)
	}
	if command == nil {
		return
	}
	if e := command.GetEnvironment(); e != nil {
		e.Variables = slices.DeleteFunc(e.Variables, func(v *mesospb.Environment_Variable) bool {
			return v.GetType() == mesospb.Environment_Variable_SECRET
		})
	}
	c.AddArguments("--task_command=" + string(mesosjson.Marshal(command)))
}

// environment returns the variables of an image, or nil if it has none.
func environment(config *dockerv1pb.ImageManifest_Config) *mesospb.Environment {
	var all *mesospb.Environment
	for _, text := range config.GetEnv() {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			continue
		}
		if all == nil {
			all = &mesospb.Environment{}
		}
		all.Variables = append(all.Variables, &mesospb.Environment_Variable{Name: &name, Value: &value})
	}
	return all
}

// merge returns the command that a container runs, which is its own together with that of its image, or nil if that is its
// own alone.
//
// A command with a value is complete. Otherwise the image has the program: its entry point, followed by the arguments of the
// command, or by those of the image if there are none; or the first word of its own command, followed likewise.
//
// Mesos: DockerRuntimeIsolatorProcess::getLaunchCommand.
func merge(own *mesospb.CommandInfo, config *dockerv1pb.ImageManifest_Config) (*mesospb.CommandInfo, error) {
	switch {
	case own.GetShell() && own.Value == nil:
		return nil, errors.New("Shell specified but no command value provided")
	case own.GetShell() || own.Value != nil:
		return nil, nil
	}
	words, rest := config.GetEntrypoint(), config.GetCmd()
	if len(words) == 0 && len(rest) > 0 {
		words, rest = rest[:1], rest[1:]
	}
	if len(words) == 0 {
		return nil, errors.New("No executable is found")
	}
	if len(own.GetArguments()) > 0 {
		rest = own.GetArguments()
	}
	merged := proto.CloneOf(own)
	merged.Value, merged.Arguments = proto.String(words[0]), slices.Concat(words, rest)
	return merged, nil
}
