package slave

import (
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/units"
)

const (
	// commandExecutor is the program that runs a command for a framework without an executor of its own.
	commandExecutor = "mesos-executor"
	// defaultExecutor is the program that runs groups of tasks for such a framework.
	defaultExecutor = "mesos-default-executor"
	// commandOverhead is what that program needs beside the command.
	commandOverhead = "cpus:0.1;mem:32"
	// killSlack is added to the grace period of a task for its executor: to notice the end, and to report it.
	killSlack = 2 * time.Second
)

// executorOf returns the executor a task is to run in: its own, or the one that runs commands.
//
// Mesos: Slave::getExecutorInfo.
func (c Config) executorOf(t *mesospb.TaskInfo, f *mesospb.FrameworkInfo) *mesospb.ExecutorInfo {
	if t.Executor != nil {
		return t.GetExecutor()
	}
	e := &mesospb.ExecutorInfo{
		ExecutorId:  &mesospb.ExecutorID{Value: t.GetTaskId().Value},
		FrameworkId: f.GetId(),
		Name:        proto.String("Command Executor (Task: " + t.GetTaskId().GetValue() + ") " + summary(t.GetCommand())),
		Source:      t.GetTaskId().Value,
		Container:   t.GetContainer(),
		Labels:      t.GetLabels(),
		Discovery:   t.GetDiscovery(),
		Resources:   overhead(t),
		Command: &mesospb.CommandInfo{
			Shell:       proto.Bool(false),
			Value:       proto.String(filepath.Join(c.LauncherDir, commandExecutor)),
			Arguments:   []string{commandExecutor, "--launcher_dir=" + c.LauncherDir},
			Uris:        t.GetCommand().GetUris(),
			Environment: t.GetCommand().GetEnvironment(),
			User:        t.GetCommand().User,
		},
	}
	if grace := t.GetKillPolicy().GetGracePeriod(); grace != nil {
		e.ShutdownGracePeriod = &mesospb.DurationInfo{
			Nanoseconds: proto.Int64(int64(units.Sum(nanoseconds(grace), killSlack))),
		}
	}
	return e
}

// defaultExecutorCommand starts the program that runs groups of tasks.
//
// Mesos: defaultExecutorCommandInfo.
func (c Config) defaultExecutorCommand(user string) *mesospb.CommandInfo {
	command := &mesospb.CommandInfo{
		Shell: proto.Bool(false), Value: proto.String(filepath.Join(c.LauncherDir, defaultExecutor)),
		Arguments: []string{defaultExecutor, "--launcher_dir=" + c.LauncherDir},
	}
	if user != "" {
		command.User = proto.String(user)
	}
	return command
}

// summary is the beginning of a command, for the name of its executor.
func summary(c *mesospb.CommandInfo) string {
	shell := c.GetShell()
	switch {
	case c.Value == nil && shell:
		return "(Command: NO COMMAND)"
	case c.Value == nil:
		return "(Command: NO EXECUTABLE)"
	case shell:
		return "(Command: sh -c '" + shortened(c.GetValue()) + "')"
	}
	return "(Command: [" + shortened(c.GetValue()+", "+strings.Join(c.GetArguments(), ", ")) + "])"
}

func shortened(s string) string {
	if len(s) > 15 {
		return strings.ToValidUTF8(s[:12], "") + "..."
	}
	return s
}

// overhead is allocated to the role that the task's resources are.
func overhead(t *mesospb.TaskInfo) []*mesospb.Resource {
	bag, err := resources.Parse(commandOverhead, "*")
	if err != nil {
		panic(err)
	}
	for _, r := range t.GetResources() {
		if role := r.GetAllocationInfo().GetRole(); role != "" {
			bag = bag.Allocate(role)
			break
		}
	}
	return bag.Proto()
}

func nanoseconds(d *mesospb.DurationInfo) time.Duration { return time.Duration(d.GetNanoseconds()) }
