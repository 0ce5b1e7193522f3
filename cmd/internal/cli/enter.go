package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/cli/console"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
)

// ExitError is the exit status of a command in a container.
type ExitError int

func (e ExitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// noSwitchboard is the beginning of an agent's response to an attempt to attach to a container without a terminal.
const noSwitchboard = "I/O switchboard server was disabled"

func attachCommand(s *session) *cobra.Command {
	var silent bool
	cmd := &cobra.Command{
		Use: "attach [--no-stdin] <task-id>", Short: "Connect this terminal to the terminal of a task", Args: takes(false, "task-id"),
		Long: "Connect this terminal to the terminal of a task that was launched with one. Every key goes to the task,\n" +
			"including Ctrl-C. Ctrl-p Ctrl-q detaches and leaves the task running.\n\n" +
			"If the task is part of a task group, this command exits with the task's exit status.",
		Example:           "  mesos task attach shell.1\n  mesos task attach --no-stdin shell.1",
		ValidArgsFunction: s.completes((*session).runningTasks),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.attach(cmd.Context(), args[0], !silent)
		},
	}
	cmd.Flags().BoolVar(&silent, "no-stdin", false, "do not send standard input to the task")
	return cmd
}

func execCommand(s *session) *cobra.Command {
	var interactive, tty bool
	cmd := &cobra.Command{
		Use: "exec [-i] [-t] <task-id> <command> [argument …]", Short: "Run a command in the container of a task",
		Long: "Run a command in the container of a running task and exit with its exit status, or with 128 plus the number\n" +
			"of the signal that killed it. The command ends with this program: Ctrl-C ends it.\n\n" +
			"Without -i the input of the command is empty. With -it this terminal is connected to the command: every key\n" +
			"goes to it, and Ctrl-p Ctrl-q detaches. The command is not run by a shell; to use pipes or variables, run one.",
		Args: takes(true, "task-id", "command"),
		Example: "  mesos task exec web.1 ls -l\n  mesos task exec -it web.1 bash\n" +
			"  mesos task exec web.1 sh -c 'echo $MESOS_SANDBOX'\n  mesos task exec -i web.1 tar x < files.tar",
		ValidArgsFunction: s.completes((*session).runningTasks),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.exec(cmd.Context(), args[0], args[1:], interactive, tty)
		},
	}
	cmd.Flags().BoolVarP(&interactive, "interactive", "i", false, "send standard input to the command")
	cmd.Flags().BoolVarP(&tty, "tty", "t", false, "allocate a terminal for the command")
	cmd.Flags().SetInterspersed(false) // arguments after the task belong to the command
	return cmd
}

// entry is a connection to a container.
type entry struct {
	*session
	agent     string
	container *mesosv1pb.ContainerID
	console   console.Console
}

// console returns the standard streams as what a container is connected to.
func (s *session) console(interactive, tty bool) console.Console {
	return console.Console{In: s.In, Out: s.Out, Err: s.Err, Interactive: interactive, TTY: tty}
}

func (s *session) attach(ctx context.Context, id string, interactive bool) error {
	t, agent, err := s.enter(ctx, id)
	if err != nil {
		return err
	}
	e := &entry{session: s, agent: agent, container: t.container().proto(), console: s.console(interactive, true)}
	err = e.run(ctx, &agentv1pb.Call{
		Type:                  agentv1pb.Call_ATTACH_CONTAINER_OUTPUT.Enum(),
		AttachContainerOutput: &agentv1pb.Call_AttachContainerOutput{ContainerId: e.container},
	})
	var refused *refusal
	switch {
	case errors.As(err, &refused) && strings.HasPrefix(refused.why, noSwitchboard):
		return fmt.Errorf("task %s was launched without a terminal; use mesos task logs -f to see its output", t.ID)
	case errors.Is(err, console.ErrDetached):
		return nil
	case err != nil || e.container.Parent == nil:
		return err // only the executor knows how the container of a command ends
	}
	return e.wait(ctx)
}

func (s *session) exec(ctx context.Context, id string, command []string, interactive, tty bool) error {
	t, agent, err := s.enter(ctx, id)
	if err != nil {
		return err
	}
	e := &entry{session: s, agent: agent, console: s.console(interactive, tty), container: &mesosv1pb.ContainerID{
		Value: proto.String(uuid.NewString()), Parent: t.container().proto(),
	}}
	launch := &agentv1pb.Call_LaunchNestedContainerSession{
		ContainerId: e.container,
		Command:     &mesosv1pb.CommandInfo{Shell: proto.Bool(false), Value: &command[0], Arguments: command},
	}
	if tty {
		launch.Container = &mesosv1pb.ContainerInfo{Type: mesosv1pb.ContainerInfo_MESOS.Enum(), TtyInfo: &mesosv1pb.TTYInfo{}}
	}
	err = e.run(ctx, &agentv1pb.Call{
		Type: agentv1pb.Call_LAUNCH_NESTED_CONTAINER_SESSION.Enum(), LaunchNestedContainerSession: launch,
	})
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("run %s in task %s: %w", command[0], t.ID, err)
	case errors.Is(err, console.ErrDetached):
		return nil
	case err != nil:
		return err
	}
	return e.wait(ctx)
}

func (s *session) enter(ctx context.Context, id string) (task, string, error) {
	t, err := s.runningTask(ctx, id)
	if err != nil {
		return t, "", err
	}
	agent, err := s.address(ctx, t.AgentID)
	return t, agent, err
}

// run makes a call whose response is the container's output, prints it, and sends the input if requested.
func (e *entry) run(ctx context.Context, call *agentv1pb.Call) error {
	restore, err := e.console.Raw()
	if err != nil {
		return err
	}
	defer restore()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	output, err := e.client.stream(ctx, e.agent, call, typeProtobuf)
	if err != nil {
		return err
	}
	defer output.Close()
	go func() {
		// A container that refuses input has ended, and its output will report that.
		var refused *refusal
		err := e.sendInput(ctx)
		if err != nil && e.console.Interactive && (!errors.As(err, &refused) || refused.code != http.StatusInternalServerError) {
			cancel(err)
		}
	}()
	err = e.console.Print(output)
	if cause := context.Cause(ctx); errors.Is(cause, console.ErrDetached) || (err != nil && cause != nil) {
		return cause
	}
	return err
}

// sendInput sends what the user types and the size of the terminal. Without standard input, it sends the end of input.
func (e *entry) sendInput(ctx context.Context) error {
	if e.console.TTY && !e.console.Interactive {
		return nil // the end of input on a terminal would end the program that runs there
	}
	in, out := io.Pipe()
	go func() { out.CloseWithError(e.console.Type(ctx, e.container, out)) }()
	header := http.Header{
		"Content-Type": {typeRecords}, "Message-Content-Type": {typeProtobuf}, "Accept": {typeProtobuf},
	}
	answer, err := e.client.send(ctx, http.MethodPost, e.agent+"/api/v1", header, in)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// wait waits for the end of the container and returns an [ExitError] if its exit status is not 0.
func (e *entry) wait(ctx context.Context) error {
	response, err := e.client.call(ctx, e.agent, &agentv1pb.Call{
		Type:          agentv1pb.Call_WAIT_CONTAINER.Enum(),
		WaitContainer: &agentv1pb.Call_WaitContainer{ContainerId: e.container},
	})
	if err != nil {
		return err
	}
	status := syscall.WaitStatus(response.GetWaitContainer().GetExitStatus())
	switch {
	case status.Signaled():
		return ExitError(128 + int(status.Signal()))
	case status.ExitStatus() != 0:
		return ExitError(status.ExitStatus())
	}
	return nil
}
