package command

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/term"

	"meseta/actors/account"
	"meseta/runtime"
	"meseta/slave/processtree"
)

// Command describes a program for a [Launcher].
type Command struct {
	Path   string   // looked up along PATH unless it contains a slash
	Args   []string // from the program's own name on
	Env    []string // name=value; of two with the same name the last counts
	Dir    string   // empty means that of the executor
	User   string   // empty means that of the executor
	Groups []uint32 // of the user in addition to its own
}

// credential returns the user and the groups of the command, or nil if they are those of the executor.
func (c Command) credential() (*syscall.Credential, error) {
	if c.User == "" {
		return nil, nil
	}
	user, err := account.Lookup(c.User)
	if err != nil {
		return nil, err
	}
	all := user.Credential()
	if all != nil {
		all.Groups = append(all.Groups, c.Groups...)
	}
	return all, nil
}

// Launcher starts commands.
type Launcher interface {
	// Launch starts c. It may block.
	Launch(c Command) (Process, error)
}

// Process is a running command.
type Process interface {
	PID() int
	// Ended completes when the command has ended. It may be called once.
	Ended(b runtime.Behavior) runtime.Future[ExitStatus]
	// Signal sends a signal to the command and everything that it started.
	Signal(sig syscall.Signal) error
}

// Besider is a [Launcher] whose processes see other things than the executor.
type Besider interface {
	Launcher
	// Beside returns a launcher of processes that see what p sees, which was launched before.
	Beside(p Process) Launcher
}

// ExitStatus is the status of a process that ended, as from wait(2).
type ExitStatus syscall.WaitStatus

// Success reports whether the process exited with status 0.
func (s ExitStatus) Success() bool {
	return syscall.WaitStatus(s).Exited() && syscall.WaitStatus(s).ExitStatus() == 0
}

// String describes the status in Mesos's words: "exited with status 1", "terminated with signal Killed".
func (s ExitStatus) String() string {
	switch w := syscall.WaitStatus(s); {
	case w.Exited():
		return "exited with status " + strconv.Itoa(w.ExitStatus())
	case w.Signaled():
		name := w.Signal().String()
		text := "terminated with signal " + strings.ToUpper(name[:1]) + name[1:]
		if w.CoreDump() {
			text += " (core dumped)"
		}
		return text
	default:
		return "wait status " + strconv.Itoa(int(w))
	}
}

// Posix is a [Launcher] of real processes, each in a session of its own, with the executor's standard streams.
type Posix struct{}

// Launch implements [Launcher].
func (Posix) Launch(c Command) (Process, error) {
	cmd := exec.Command(c.Path)
	if len(c.Args) > 0 {
		cmd.Args = c.Args
	}
	cmd.Env, cmd.Dir = c.Env, c.Dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// A task that was given a terminal is controlled by it; the executor is not.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: term.IsTerminal(int(os.Stdin.Fd()))}
	user, err := c.credential()
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr.Credential = user
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &posixProcess{cmd}, nil
}

type posixProcess struct{ cmd *exec.Cmd }

func (p *posixProcess) PID() int { return p.cmd.Process.Pid }

func (p *posixProcess) Ended(b runtime.Behavior) runtime.Future[ExitStatus] {
	return runtime.Go(b, func(context.Context) (ExitStatus, error) {
		var exit *exec.ExitError
		if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
			return 0, err
		}
		return ExitStatus(p.cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
	})
}

func (p *posixProcess) Signal(sig syscall.Signal) error {
	_, err := processtree.Signal(p.PID(), sig)
	return err
}
