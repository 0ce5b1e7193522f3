package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/flags"
	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

// options are the flags' values.
type options struct {
	master, name, command, resources, role, principal string
	shell, checkpoint, partitionAware, tty            bool
	capabilities                                      []string
	environment                                       map[string]string
	killAfter                                         time.Duration
	task                                              *mesospb.TaskInfo // given, or made of the other flags
}

func bind(set *flags.Set) *options {
	o := &options{}
	set.Bind("master", &o.master)
	set.Bind("task", flags.Func(o.readTask))
	set.Bind("name", &o.name)
	set.Bind("shell", &o.shell)
	set.Bind("command", &o.command)
	set.Bind("env", flags.Func(o.readEnvironment))
	set.Bind("resources", &o.resources)
	set.Bind("checkpoint", &o.checkpoint)
	set.Bind("framework_capabilities", &o.capabilities)
	set.Bind("role", &o.role)
	set.Bind("kill_after", &o.killAfter)
	set.Bind("principal", &o.principal)
	set.Bind("tty", &o.tty)
	set.Bind("partition_aware", &o.partitionAware)
	set.Check(func() error {
		for _, c := range o.capabilities {
			if c != "GPU_RESOURCES" {
				return fmt.Errorf("--framework_capabilities: %q is not one that can be chosen; GPU_RESOURCES is", c)
			}
		}
		return nil
	})
	set.Check(o.complete)
	return o
}

// readTask takes JSON, or the path of a file that holds it. (The flags package reads file://… by itself.)
func (o *options) readTask(text string) error {
	if strings.HasPrefix(text, "/") {
		content, err := os.ReadFile(text)
		if err != nil {
			return err
		}
		text = string(content)
	}
	o.task = &mesospb.TaskInfo{}
	return (protojson.UnmarshalOptions{AllowPartial: true, DiscardUnknown: true}).Unmarshal([]byte(text), o.task)
}

func (o *options) readEnvironment(text string) error {
	return json.Unmarshal([]byte(text), &o.environment)
}

// complete makes the task of the flags, unless it is given.
func (o *options) complete() error {
	switch {
	case o.task != nil && (o.name != "" || o.command != "" || o.environment != nil):
		return errors.New("--name, --command and --env cannot be given together with --task")
	case o.task != nil && o.task.GetCommand() == nil:
		return errors.New("--task: the task has no command")
	case o.task != nil:
		return nil
	case o.name == "":
		return errors.New("missing required option --name")
	case o.command == "":
		return errors.New("missing required option --command")
	}
	want, err := resources.Parse(o.resources, "*")
	if err != nil {
		return fmt.Errorf("--resources: %w", err)
	}
	o.task = &mesospb.TaskInfo{
		Name: &o.name, TaskId: ids.Task(o.name).Proto(), SlaveId: ids.Agent("").Proto(), Resources: want.Proto(),
		Command: &mesospb.CommandInfo{Shell: &o.shell, Value: &o.command, Environment: &mesospb.Environment{}},
	}
	if o.tty {
		o.task.Container = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), TtyInfo: &mesospb.TTYInfo{}}
	}
	if !o.shell {
		o.task.Command.Arguments = []string{o.command}
	}
	for _, name := range slices.Sorted(maps.Keys(o.environment)) {
		o.task.Command.Environment.Variables = append(o.task.Command.Environment.Variables,
			&mesospb.Environment_Variable{Name: proto.String(name), Value: proto.String(o.environment[name])})
	}
	return nil
}

func (o *options) framework() *mesospb.FrameworkInfo {
	capabilities := []mesospb.FrameworkInfo_Capability_Type{
		mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT,
		mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE,
		mesospb.FrameworkInfo_Capability_REVOCABLE_RESOURCES,
	}
	if o.partitionAware {
		capabilities = append(capabilities, mesospb.FrameworkInfo_Capability_PARTITION_AWARE)
	}
	if len(o.capabilities) > 0 {
		capabilities = append(capabilities, mesospb.FrameworkInfo_Capability_GPU_RESOURCES)
	}
	info := &mesospb.FrameworkInfo{Name: proto.String("mesos-execute instance"), Role: &o.role, Checkpoint: &o.checkpoint}
	if o.principal != "" {
		info.Principal = &o.principal
	}
	for _, c := range capabilities {
		info.Capabilities = append(info.Capabilities, &mesospb.FrameworkInfo_Capability{Type: c.Enum()})
	}
	return info
}
