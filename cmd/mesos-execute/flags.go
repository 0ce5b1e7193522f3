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

	"google.golang.org/protobuf/proto"

	"meseta/actors/credentials"
	"meseta/cmd/internal/flags"
	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// options holds the values of the flags.
type options struct {
	master, name, command, resources, role, principal, secret string
	file                                                      string // with principal and secret
	containerizer, image                                      string
	shell, checkpoint, partitionAware, tty                    bool
	capabilities, networks                                    []string
	environment                                               map[string]string
	killAfter                                                 *time.Duration
	task                                                      *mesospb.TaskInfo
	taskGroup                                                 *mesospb.TaskGroupInfo

	tasks []*mesospb.TaskInfo // given, or made from the other flags
	group bool                // the tasks form a group
}

func bind(set *flags.Set) *options {
	o := &options{}
	set.Bind("master", &o.master)
	set.Bind("task", flags.Func(func(text string) error {
		o.task = &mesospb.TaskInfo{}
		return readJSON(text, o.task)
	}))
	set.Bind("task_group", flags.Func(func(text string) error {
		o.taskGroup = &mesospb.TaskGroupInfo{}
		return readJSON(text, o.taskGroup)
	}))
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
	set.Bind("secret", &o.secret)
	set.Define(flags.Flag{
		Group: "Framework", Name: "credential", Type: "path",
		Help: "file with the principal and secret to authenticate with, as for mesos-agent; unlike --secret it does not show in the list of processes",
	}, &o.file)
	set.Bind("tty", &o.tty)
	set.Bind("containerizer", &o.containerizer)
	set.Bind("docker_image", &o.image)
	set.Bind("networks", &o.networks)
	set.Bind("partition_aware", &o.partitionAware)
	set.Check(func() error {
		for _, c := range o.capabilities {
			if c != "GPU_RESOURCES" {
				return fmt.Errorf("--framework_capabilities: %q cannot be set; only GPU_RESOURCES can", c)
			}
		}
		return nil
	})
	set.Check(func() error {
		if o.image != "" && o.containerizer != "docker" {
			return errors.New("--docker_image: images are not supported yet without --containerizer=docker")
		}
		return nil
	})
	set.Check(func() error {
		if o.secret != "" && o.principal == "" {
			return errors.New("--secret: it belongs to a principal; give --principal as well")
		}
		return nil
	})
	set.Check(o.readCredential)
	set.Check(o.complete)
	return o
}

// readCredential reads the file of --credential.
func (o *options) readCredential() error {
	if o.file == "" {
		return nil
	}
	if o.principal != "" || o.secret != "" {
		return errors.New("--credential: it names a principal and a secret; do not give --principal or --secret as well")
	}
	file, err := credentials.ReadOne(o.file)
	if err != nil {
		return fmt.Errorf("--credential: %w", err)
	}
	o.principal, o.secret = file.Credentials[0].GetPrincipal(), file.Credentials[0].GetSecret()
	return nil
}

// readJSON reads text, or the file at that path, into a message of v0; the JSON has the names of v1. Package flags
// itself reads values that begin with file://.
func readJSON(text string, into proto.Message) error {
	if strings.HasPrefix(text, "/") {
		content, err := os.ReadFile(text)
		if err != nil {
			return err
		}
		text = string(content)
	}
	return mesosjson.UnmarshalV1([]byte(text), into)
}

func (o *options) readEnvironment(text string) error {
	return json.Unmarshal([]byte(text), &o.environment)
}

// complete determines the tasks.
func (o *options) complete() error {
	single := o.name != "" || o.command != "" || o.environment != nil
	switch {
	case o.task != nil && o.taskGroup != nil:
		return errors.New("--task and --task_group cannot be given together")
	case (o.task != nil || o.taskGroup != nil) && single:
		return errors.New("--name, --command and --env cannot be given together with --task or --task_group")
	case o.task != nil && len(o.networks) > 0:
		return errors.New("--networks: it cannot be given together with --task; name the networks in the container of the task")
	case o.task != nil && o.task.GetCommand() == nil:
		return errors.New("--task: the task has no command")
	case o.task != nil:
		o.tasks = []*mesospb.TaskInfo{o.task}
		return nil
	case o.taskGroup != nil && len(o.taskGroup.GetTasks()) == 0:
		return errors.New("--task_group: the group has no tasks")
	case o.taskGroup != nil:
		o.tasks, o.group = o.taskGroup.GetTasks(), true
		return nil
	case o.name == "":
		return errors.New("missing required option --name")
	case o.containerizer != "mesos" && o.containerizer != "docker":
		return fmt.Errorf("--containerizer: Unsupported containerizer: %s; there are mesos and docker", o.containerizer)
	case o.containerizer == "docker" && o.image == "":
		return errors.New("--containerizer: docker needs an image; give --docker_image as well")
	case o.containerizer == "docker" && len(o.networks) > 1:
		return errors.New("--networks: 'Docker' containerizer can only support a single network")
	case o.containerizer == "docker" && o.tty:
		return errors.New("--tty: tasks of the docker containerizer have no terminal that one can attach to")
	case o.command == "" && (o.shell || o.containerizer != "docker"): // others may have a command in their image
		return errors.New("missing required option --command")
	}
	return o.compose()
}

// compose makes a task from the flags.
func (o *options) compose() error {
	want, err := resources.Parse(o.resources, "*")
	if err != nil {
		return fmt.Errorf("--resources: %w", err)
	}
	task := &mesospb.TaskInfo{
		Name: &o.name, TaskId: ids.Task(o.name).Proto(), SlaveId: ids.Agent("").Proto(), Resources: want.Proto(),
		Command: &mesospb.CommandInfo{Shell: &o.shell, Value: &o.command, Environment: &mesospb.Environment{}},
	}
	task.Container = o.container()
	switch {
	case o.shell:
	case o.containerizer != "docker":
		task.Command.Arguments = []string{o.command}
	case o.command == "":
		task.Command.Value = nil
	}
	for _, name := range slices.Sorted(maps.Keys(o.environment)) {
		task.Command.Environment.Variables = append(task.Command.Environment.Variables,
			&mesospb.Environment_Variable{Name: proto.String(name), Value: proto.String(o.environment[name])})
	}
	o.tasks = []*mesospb.TaskInfo{task}
	return nil
}

// container returns the container of a task made from the flags; nil means that it has none of its own.
func (o *options) container() *mesospb.ContainerInfo {
	switch {
	case o.containerizer == "docker":
		info := &mesospb.ContainerInfo_DockerInfo{Image: &o.image}
		if len(o.networks) > 0 {
			info.Network = mesospb.ContainerInfo_DockerInfo_USER.Enum()
		}
		return &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_DOCKER.Enum(), Docker: info, NetworkInfos: o.networkInfos()}
	case o.tty:
		return &mesospb.ContainerInfo{
			Type: mesospb.ContainerInfo_MESOS.Enum(), TtyInfo: &mesospb.TTYInfo{}, NetworkInfos: o.networkInfos(),
		}
	default:
		return o.joining()
	}
}

// executorContainer returns the container of the executor of a group, whose networks the tasks share; nil means that it has
// none of its own.
func (o *options) executorContainer() *mesospb.ContainerInfo {
	if !o.group {
		return nil
	}
	return o.joining()
}

// joining returns a container that has nothing but its networks; nil if there are none.
func (o *options) joining() *mesospb.ContainerInfo {
	if len(o.networks) == 0 {
		return nil
	}
	return &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), NetworkInfos: o.networkInfos()}
}

func (o *options) networkInfos() (infos []*mesospb.NetworkInfo) {
	for _, name := range o.networks {
		infos = append(infos, &mesospb.NetworkInfo{Name: proto.String(name)})
	}
	return infos
}

// credential returns what the framework authenticates with; nil if it does not.
func (o *options) credential() *mesospb.Credential {
	if o.secret == "" {
		return nil
	}
	return &mesospb.Credential{Principal: &o.principal, Secret: &o.secret}
}

func (o *options) framework() *mesospb.FrameworkInfo {
	types := []mesospb.FrameworkInfo_Capability_Type{
		mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT,
		mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE,
		mesospb.FrameworkInfo_Capability_REVOCABLE_RESOURCES,
	}
	if o.partitionAware {
		types = append(types, mesospb.FrameworkInfo_Capability_PARTITION_AWARE)
	}
	if len(o.capabilities) > 0 {
		types = append(types, mesospb.FrameworkInfo_Capability_GPU_RESOURCES)
	}
	info := &mesospb.FrameworkInfo{Name: proto.String("mesos-execute instance"), Role: &o.role, Checkpoint: &o.checkpoint}
	if o.principal != "" {
		info.Principal = &o.principal
	}
	info.Capabilities = capabilities.ListForFramework(types...)
	return info
}
