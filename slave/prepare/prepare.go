// Package prepare turns a task into the configuration of a container: its executor, the executor's command, and its
// environment variables. It decides, and touches nothing.
package prepare

import (
	"cmp"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/runtime/web/jwt"
	"meseta/slave/book"
)

// Options is the part of an agent's configuration about executors.
type Options struct {
	LauncherDir         string            // directory of the programs of executors
	LibprocessIP        string            // the address on which executors have to listen; empty means any
	Environment         map[string]string // for executors, in addition to their own variables
	HTTPCommandExecutor bool              // the command executor uses the HTTP API
	SandboxDirectory    string            // of tasks with images, as they see it
	SwitchUser          bool              // tasks run as the users that they ask for
	// DefaultContainer is what executors have that do not say what container they want (--default_container_info). nil means
	// nothing.
	DefaultContainer *mesospb.ContainerInfo

	ShutdownGrace   time.Duration // time between asking an executor to shut down and killing it
	Reregistration  time.Duration // time in which executors have to reconnect to a restarted agent
	RecoveryTimeout time.Duration // time for which executors wait for an agent to come back
	Socket          string        // where executors reach the HTTP API; empty means at the agent's port
	Key             []byte        // signs the tokens of executors; nil means that they get none
}

const (
	// commandExecutor is the program that runs a command task.
	commandExecutor = "mesos-executor"
	// defaultExecutor is the program that runs task groups without an executor of their own.
	defaultExecutor = "mesos-default-executor"
	// commandOverhead is what commandExecutor needs in addition to the command.
	commandOverhead = "cpus:0.1;mem:32"
	// killSlack is the additional grace period of a task's executor, for noticing and reporting the task's end.
	killSlack = 2 * time.Second
)

// Executor returns the executor for a task: its own, or the one that runs commands.
//
// Mesos: Slave::getExecutorInfo.
func (o Options) Executor(t *mesospb.TaskInfo, f *mesospb.FrameworkInfo) *mesospb.ExecutorInfo {
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
			Value:       proto.String(filepath.Join(o.LauncherDir, commandExecutor)),
			Arguments:   []string{commandExecutor, "--launcher_dir=" + o.LauncherDir},
			Uris:        t.GetCommand().GetUris(),
			Environment: t.GetCommand().GetEnvironment(),
			User:        t.GetCommand().User,
		},
	}
	if t.GetContainer().GetMesos().GetImage() != nil {
		e.Command.Arguments = append(e.Command.Arguments, o.imageArguments(t, f)...)
	}
	if grace := t.GetKillPolicy().GetGracePeriod(); grace != nil {
		e.ShutdownGracePeriod = &mesospb.DurationInfo{
			Nanoseconds: proto.Int64(int64(units.Sum(nanoseconds(grace), killSlack))),
		}
	}
	return e
}

// imageArguments returns the arguments of a command executor for a task with an image, into which only the task goes. The
// executor has the rights of the agent, and the task those of its user.
func (o Options) imageArguments(t *mesospb.TaskInfo, f *mesospb.FrameworkInfo) []string {
	all := []string{"--sandbox_directory=" + o.SandboxDirectory}
	if user := cmp.Or(t.GetCommand().GetUser(), f.GetUser()); user != "" && o.SwitchUser {
		all = append(all, "--user="+user)
	}
	return all
}

// defaultExecutorCommand returns the command that starts the default executor.
//
// Mesos: defaultExecutorCommandInfo.
func (o Options) defaultExecutorCommand(user string) *mesospb.CommandInfo {
	command := &mesospb.CommandInfo{
		Shell: proto.Bool(false), Value: proto.String(filepath.Join(o.LauncherDir, defaultExecutor)),
		Arguments: []string{defaultExecutor, "--launcher_dir=" + o.LauncherDir},
	}
	if user != "" {
		command.User = proto.String(user)
	}
	return command
}

// summary returns the beginning of a command, for the name of its executor.
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

// overhead returns commandOverhead, allocated to the role of the task's resources.
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

// Container returns the configuration of an executor's container, with the resources of its first tasks.
//
// Mesos: the end of Slave::__run.
func (o Options) Container(e *book.Executor, l *book.Launch) *slavepb.ContainerConfig {
	info := proto.CloneOf(e.Info)
	if info.GetType() == mesospb.ExecutorInfo_DEFAULT {
		info.Command = o.defaultExecutorCommand(e.User)
	}
	total, limits := resources.FromValid(info.GetResources()), tasks.Limits(info.GetResources(), holders(l.Tasks))
	for _, t := range l.Tasks {
		total = total.Plus(resources.FromValid(t.GetResources()))
	}
	info.Resources = total.Proto()
	if info.Container == nil {
		info.Container = proto.CloneOf(o.DefaultContainer)
	}
	config := &slavepb.ContainerConfig{
		ExecutorInfo: info, CommandInfo: info.GetCommand(), ContainerInfo: info.GetContainer(),
		Resources: info.GetResources(), Limits: limits, Directory: proto.String(e.Directory),
	}
	if config.CommandInfo == nil {
		config.CommandInfo = &mesospb.CommandInfo{}
	}
	if e.User != "" {
		config.User = proto.String(e.User)
	}
	if l.Command {
		config.TaskInfo = l.Tasks[0]
	}
	return config
}

func holders(infos []*mesospb.TaskInfo) []tasks.Holder {
	all := make([]tasks.Holder, len(infos))
	for i, t := range infos {
		all[i] = t
	}
	return all
}

// Execution is what an executor is told about itself and its agent.
type Execution struct {
	Executor   *mesospb.ExecutorInfo
	Container  ids.Container
	Directory  string
	Agent      ids.Agent
	PID        runtime.PID
	Checkpoint bool
}

// Variables returns the environment variables of an executor.
//
// Mesos: executorEnvironment.
//
// Differs: an executor in a container of Docker, which does not see the socket, is not told of it, and uses the port.
func (o Options) Variables(x Execution) map[string]string {
	env := map[string]string{}
	if o.LibprocessIP != "" {
		env["LIBPROCESS_IP"] = o.LibprocessIP
	}
	maps.Copy(env, o.Environment)
	grace := o.ShutdownGrace
	if x.Executor.GetShutdownGracePeriod() != nil {
		grace = nanoseconds(x.Executor.GetShutdownGracePeriod())
	}
	maps.Copy(env, map[string]string{
		"LIBPROCESS_PORT":                      "0",
		"MESOS_FRAMEWORK_ID":                   x.Executor.GetFrameworkId().GetValue(),
		"MESOS_EXECUTOR_ID":                    x.Executor.GetExecutorId().GetValue(),
		"MESOS_DIRECTORY":                      x.Directory,
		"MESOS_SLAVE_ID":                       string(x.Agent),
		"MESOS_SLAVE_PID":                      x.PID.String(),
		"MESOS_AGENT_ENDPOINT":                 x.PID.Addr,
		"MESOS_CHECKPOINT":                     flag(x.Checkpoint),
		"MESOS_HTTP_COMMAND_EXECUTOR":          flag(o.HTTPCommandExecutor),
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": units.FormatDuration(grace),
	})
	if o.Socket != "" && !x.inDocker() {
		env["MESOS_DOMAIN_SOCKET"] = o.Socket
	}
	if o.Key != nil {
		env["MESOS_EXECUTOR_AUTHENTICATION_TOKEN"] = jwt.Sign(x.claims(), o.Key)
	}
	if x.Checkpoint {
		env["MESOS_RECOVERY_TIMEOUT"] = units.FormatDuration(o.RecoveryTimeout)
		env["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = units.FormatDuration(o.Reregistration)
	}
	return env
}

// inDocker reports whether the executor, or the container that it looks after, is Docker's.
func (x Execution) inDocker() bool {
	c := x.Executor.GetContainer()
	return c != nil && c.GetType() == mesospb.ContainerInfo_DOCKER
}

// claims returns what an executor's token says.
//
// Mesos: Slave::generateSecret.
func (x Execution) claims() map[string]string {
	return map[string]string{
		"fid": x.Executor.GetFrameworkId().GetValue(), "eid": x.Executor.GetExecutorId().GetValue(), "cid": string(x.Container),
	}
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
