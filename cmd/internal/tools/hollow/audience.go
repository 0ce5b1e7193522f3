package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"meseta/runtime"
	"meseta/runtime/libprocess"
)

// audience is a process with clients that read from the master over HTTP. It is separate so that its processor time can
// be distinguished from the master's. It reads commands, a line each, from standard input and answers each with a line.
type audience struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	process procfs.Proc
}

// audienceVariable makes this program an audience. Its value is the role, the master's address, the number of clients
// and an argument of the role.
const audienceVariable = "HOLLOW_AUDIENCE"

// invite starts an audience and returns when all its clients are connected.
func (t *trial) invite(ctx context.Context, role string, people int, argument string) (*audience, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	a := &audience{command: exec.CommandContext(ctx, program)}
	a.command.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %s", audienceVariable, role, t.master.Master, people, argument))
	a.command.Stderr = os.Stderr
	if a.input, err = a.command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := a.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.output = bufio.NewReader(output)
	if err := a.command.Start(); err != nil {
		return nil, err
	}
	if a.process, err = procfs.NewProc(a.command.Process.Pid); err == nil {
		_, err = a.ask("ready")
	}
	if err != nil {
		return nil, errors.Join(err, a.dismiss())
	}
	return a, nil
}

// ask returns the audience's answer to a question. It waits for it.
func (a *audience) ask(question string) (string, error) {
	if _, err := fmt.Fprintln(a.input, question); err != nil {
		return "", fmt.Errorf("the audience is gone: %w", err)
	}
	line, err := a.output.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the audience is gone: %w", err)
	}
	answer := strings.TrimSuffix(line, "\n")
	if problem, failed := strings.CutPrefix(answer, "problem: "); failed {
		return "", errors.New(problem)
	}
	return answer, nil
}

// number is like [audience.ask], for answers that are numbers.
func (a *audience) number(question string) (float64, error) {
	answer, err := a.ask(question)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(answer, 64)
}

func (a *audience) worked() time.Duration { return workOf(a.process) }

// dismiss ends the audience.
func (a *audience) dismiss() error {
	a.input.Close()
	return a.command.Wait()
}

// yield lowers the priority of this process, like nice(1).
func yield() error {
	priority, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 minus the nice value
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, 0, 20-priority+10)
	}
	if err != nil {
		return fmt.Errorf("yield to the master: %w", err)
	}
	return nil
}

// role is what the clients of an audience do.
type role interface {
	// enter starts the clients on a node of the audience.
	enter(node *runtime.Node, at string, people int) error
	// answer answers a question.
	answer(question string) (string, error)
}

// attend is the main function of an audience. The audience stands for clients on other machines; therefore it has a
// lower priority than the master.
func attend(invitation string, in io.Reader, out io.Writer) error {
	if err := yield(); err != nil {
		return err
	}
	var name, at, argument string
	var people int
	if _, err := fmt.Sscan(invitation, &name, &at, &people, &argument); err != nil {
		return fmt.Errorf("%s=%q: %w", audienceVariable, invitation, err)
	}
	r, err := newRole(name, argument)
	if err != nil {
		return err
	}
	wire, err := libprocess.Listen(libprocess.Options{})
	if err != nil {
		return err
	}
	node, err := runtime.NewNode(runtime.Options{Wire: wire})
	if err != nil {
		return err
	}
	if err := r.enter(node, at, people); err != nil {
		return err
	}
	for questions := bufio.NewScanner(in); questions.Scan(); {
		answer, err := r.answer(questions.Text())
		if err != nil {
			answer = "problem: " + err.Error()
		}
		if _, err := fmt.Fprintln(out, answer); err != nil {
			return err
		}
	}
	return nil // the end of the process closes what is open
}

func newRole(name, argument string) (role, error) {
	switch name {
	case "follow":
		return newFollowers(argument)
	case "stall":
		return &stalled{}, nil
	case "poll":
		return newPollers(argument)
	}
	return nil, fmt.Errorf("there is no role %q", name)
}
