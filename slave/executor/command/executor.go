package command

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/health"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
)

const (
	defaultKillGrace = 3 * time.Second
	// The time for which the executor waits for the acknowledgement of the last update. Over v1 it is longer.
	linger     = time.Second
	lingerHTTP = time.Minute
	// reapAllowance is subtracted from the shutdown grace period, so that there is time to report the command's end.
	//
	// Mesos: MAX_REAP_INTERVAL and a second.
	reapAllowance = 2 * time.Second
)

// Options configures an [Executor]. The zero value runs the task's own command with an empty environment.
type Options struct {
	Command          *mesospb.CommandInfo // runs instead of the task's own command (--task_command); nil means the task's own
	Environment      *mesospb.Environment // added to the inherited environment (--task_environment)
	User             string               // of the command; empty means that of the executor
	Groups           []uint32             // of that user in addition to its own (--task_supplementary_groups)
	WorkingDirectory string               // of the command; empty means that of the executor
	Sandbox          string               // as the command sees it; empty means as the executor does
	Inherited        []string             // the environment that the command inherits, as from os.Environ
	Launcher         Launcher             // nil means [Posix]
	Prober           health.Prober        // of checks; nil means the launcher's commands and the network
}

// Executor runs one command. It is an actor; [Start] connects it with a driver.
//
// Mesos: class CommandExecutor.
type Executor struct {
	runtime.Actor
	executor.Base
	options Options
	driver  *executor.Driver
	linger  time.Duration

	capabilities []mesospb.FrameworkInfo_Capability_Type
	task         *mesospb.TaskInfo // nil until it is launched
	process      Process           // nil until it has started
	ended        bool              // a terminal update was sent
	latest       *mesospb.TaskStatus
	checks       *health.Watch

	killed     bool          // it was asked to end
	overdue    bool          // because of max_completion_time
	sick       bool          // because of failed health checks
	killStart  time.Time     // when SIGTERM was sent, or would have been sent
	escalation runtime.Timer // to SIGKILL
	escalateAt time.Time
	completion runtime.Timer // max_completion_time
}

// New returns a command executor, to be passed to [Start].
func New(o Options) *Executor {
	if o.Launcher == nil {
		o.Launcher = Posix{}
	}
	return &Executor{options: o}
}

// LaunchTask starts the command of the first task. A second task fails.
//
// Mesos: CommandExecutor::launch.
func (x *Executor) LaunchTask(_ *executor.Driver, task *mesospb.TaskInfo) {
	if x.task != nil {
		x.driver.SendStatusUpdate(&mesospb.TaskStatus{
			TaskId: task.GetTaskId(), State: mesospb.TaskState_TASK_FAILED.Enum(),
			Message: proto.String(`Attempted to run multiple tasks using a "command" executor`),
		})
		return
	}
	x.task = task
	x.tell(mesospb.TaskState_TASK_STARTING, "")
	if limit := time.Duration(task.GetMaxCompletionTime().GetNanoseconds()); limit > 0 {
		x.completion = x.Delay(limit, x.completionTimeout)
	}
	c, err := x.command()
	if err != nil {
		x.end(mesospb.TaskState_TASK_FAILED, err.Error(), nil)
		return
	}
	started := runtime.Go(x, func(context.Context) (Process, error) { return x.options.Launcher.Launch(c) })
	runtime.Await(x, started, x.started)
}

func (x *Executor) started(p Process, err error) {
	if err != nil {
		x.end(mesospb.TaskState_TASK_FAILED, "Failed to launch the command: "+err.Error(), nil)
		return
	}
	x.process = p
	x.Log().Info().Stringer("task_id", x.id()).Int("pid", p.PID()).Msg("command started")
	x.tell(mesospb.TaskState_TASK_RUNNING, "")
	runtime.Await(x, p.Ended(x), x.reaped)
	if x.killed { // while it was starting
		x.signal(syscall.SIGTERM)
		x.escalate(x.escalateAt)
		return
	}
	x.watch()
}

// reaped reports the end of the task when the command has ended.
//
// Mesos: CommandExecutor::reaped.
func (x *Executor) reaped(status ExitStatus, err error) {
	state, message := mesospb.TaskState_TASK_FAILED, "Command "+status.String()
	var reason *mesospb.TaskStatus_Reason
	switch {
	case err != nil:
		message = "Failed to get exit status for Command: " + err.Error()
	case x.overdue:
		reason = mesospb.TaskStatus_REASON_MAX_COMPLETION_TIME_REACHED.Enum()
	case x.killed:
		state = mesospb.TaskState_TASK_KILLED
	case status.Success():
		state = mesospb.TaskState_TASK_FINISHED
	}
	x.Log().Info().Stringer("task_id", x.id()).Int("pid", x.process.PID()).Str("status", status.String()).Msg("command ended")
	x.end(state, message, reason)
}

// end sends the last update, and waits a moment for its acknowledgement.
func (x *Executor) end(state mesospb.TaskState, message string, reason *mesospb.TaskStatus_Reason) {
	x.escalation.Cancel()
	x.completion.Cancel()
	x.checks.End()
	x.ended = true
	status := x.status(state)
	status.Message, status.Reason = &message, reason
	if x.sick {
		status.Healthy = proto.Bool(false)
	}
	x.send(status)
	x.Delay(x.linger, func() { x.driver.Stop() })
}

// Acknowledged stops the executor when its last update was acknowledged.
func (x *Executor) Acknowledged(_ *executor.Driver, task ids.Task, state mesospb.TaskState) {
	if x.ended && task == x.id() && state == x.latest.GetState() {
		x.driver.Stop()
	}
}

func (x *Executor) tell(state mesospb.TaskState, message string) {
	status := x.status(state)
	if message != "" {
		status.Message = &message
	}
	x.send(status)
}

// status returns a status of the task. It has the latest result of the check if the task has one.
func (x *Executor) status(state mesospb.TaskState) *mesospb.TaskStatus {
	s := &mesospb.TaskStatus{TaskId: x.task.GetTaskId(), State: state.Enum()}
	if info := x.task.GetCheck(); info != nil {
		s.CheckStatus = health.Unknown(info)
	}
	return s
}

func (x *Executor) send(s *mesospb.TaskStatus) {
	x.latest = s
	x.driver.SendStatusUpdate(proto.CloneOf(s))
}

func (x *Executor) id() ids.Task { return ids.TaskOf(x.task.GetTaskId()) }

// command returns the command to run. Of two variables with the same name the later one counts.
func (x *Executor) command() (Command, error) {
	info := x.options.Command
	if info == nil {
		info = x.task.GetCommand()
	}
	return x.commandOf(info)
}

// plain adds to env the variables that are no secrets, but for those that are hidden.
func plain(env []string, e *mesospb.Environment, hidden func(name string) bool) []string {
	env = slices.Clone(env)
	for _, v := range e.GetVariables() {
		if v.GetType() != mesospb.Environment_Variable_SECRET && (hidden == nil || !hidden(v.GetName())) {
			env = append(env, v.GetName()+"="+v.GetValue())
		}
	}
	return env
}

// secret reports whether a variable of the task is a secret. The value is among the inherited ones; what the task's image has by
// that name does not take its place.
func (x *Executor) secret(name string) bool {
	return slices.ContainsFunc(x.task.GetCommand().GetEnvironment().GetVariables(), func(v *mesospb.Environment_Variable) bool {
		return v.GetName() == name && v.GetType() == mesospb.Environment_Variable_SECRET
	})
}

// commandOf returns how a command of the task is run.
func (x *Executor) commandOf(info *mesospb.CommandInfo) (Command, error) {
	if info.GetValue() == "" {
		return Command{}, fmt.Errorf("task %q has no command", x.id())
	}
	c := Command{Env: x.options.Inherited, Dir: x.options.WorkingDirectory, User: x.options.User, Groups: x.options.Groups}
	if info.Shell == nil || info.GetShell() {
		c.Path, c.Args = "/bin/sh", []string{"sh", "-c", info.GetValue()}
	} else {
		c.Path, c.Args = info.GetValue(), info.GetArguments()
	}
	if x.options.Sandbox != "" {
		c.Env = append(c.Env[:len(c.Env):len(c.Env)], "MESOS_SANDBOX="+x.options.Sandbox)
	}
	c.Env = plain(c.Env, x.options.Environment, x.secret)
	c.Env = plain(c.Env, info.GetEnvironment(), nil)
	if r := x.task.GetResources(); len(r) > 0 {
		c.Env = append(c.Env[:len(c.Env):len(c.Env)], "MESOS_ALLOCATION_ROLE="+r[0].GetAllocationInfo().GetRole())
	}
	return c, nil
}
