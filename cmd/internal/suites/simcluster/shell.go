package simcluster

import (
	"syscall"

	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/slave/executor/command"
)

// shell is what the command executor launches its command with, in place of the operating system.
type shell struct {
	agent *Agent
	node  *runtime.Node
	task  ids.Task
}

// Launch implements [command.Launcher].
func (s *shell) Launch(c command.Command) (command.Process, error) {
	s.agent.started(s.task)
	p := &process{program: parseProgram(c.Args[len(c.Args)-1]), end: runtime.NewPromise[command.ExitStatus]()}
	ref, err := runtime.Spawn(s.node, s.node.NewID("command"), p)
	return child{ref, p.end.Future()}, err
}

// child is a process as its parent sees it.
type child struct {
	ref runtime.Ref[*process]
	end runtime.Future[command.ExitStatus]
}

// PID implements [command.Process].
func (c child) PID() int { return 4711 }

// Ended implements [command.Process].
func (c child) Ended(runtime.Behavior) runtime.Future[command.ExitStatus] { return c.end }

// Signal implements [command.Process].
func (c child) Signal(sig syscall.Signal) error {
	runtime.Tell(c.ref, func(p *process) { p.signal(sig) })
	return nil
}

// process runs a program.
type process struct {
	runtime.Actor
	program program
	end     runtime.Promise[command.ExitStatus]
}

// Initialize implements [runtime.Initializer].
func (p *process) Initialize() {
	if p.program.ends {
		p.Delay(p.program.lasts, func() { p.exit(exited(p.program.status)) })
	}
}

func (p *process) signal(sig syscall.Signal) {
	if sig != syscall.SIGTERM || !p.program.deaf {
		p.exit(signaled(sig))
	}
}

func (p *process) exit(status syscall.WaitStatus) {
	p.end.Set(command.ExitStatus(status))
	p.Terminate()
}
