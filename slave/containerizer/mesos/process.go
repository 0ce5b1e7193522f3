package mesos

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"meseta/runtime/disk"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/forker"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/containerizer/scribe"
	"meseta/slave/containerizer/switchboard"
)

// process is the first process of a container.
type process struct {
	container *Container
	launcher  Launcher
	disk      disk.Disk
	first     forker.Process
	board     *switchboard.Board // for clients that attach; nil if none can
	logs      [2]*os.File        // of the board's copies

	mu     sync.Mutex // prevents that the process ends for the agent while a signal is being sent
	ended  bool       // its ID may be that of another process
	unread bool       // it has just ended, and its status was not read
}

// startProcess starts the command of a prepared container, and records its process.
func (x *Containerizer) startProcess(c *Container) (*process, error) {
	p := &process{container: c, launcher: x.launcher, disk: x.disk}
	files, err := p.connect(x.scribes)
	if err != nil {
		return nil, err
	}
	defer closeAll(files)
	if err := p.fork(files); err != nil {
		p.hangUp()
		return nil, fmt.Errorf("start %s: %w", c.Config.GetCommandInfo().GetValue(), err)
	}
	c.pid = p.pid()
	if err := x.recordProcess(c, p.pid()); err != nil {
		_ = p.kill()
		_, _ = p.end(func() {})
		p.hangUp()
		return nil, err
	}
	return p, nil
}

// fork starts the command. The user may not have access to its directory through the directories above, so the agent
// opens it.
func (p *process) fork(files []*os.File) error {
	dir, err := p.container.openDirectory()
	if err != nil {
		return err
	}
	defer dir.Close()
	status, err := forker.NewStatus(p.container.Runtime.Status())
	if err != nil {
		return err
	}
	defer status.Close()
	return p.execute(p.command(files, dir, status))
}

// openDirectory opens the working directory of the process, which is the sandbox unless the container shares its parent's.
func (c *Container) openDirectory() (*os.File, error) {
	if c.Beside == nil && c.Sandbox != nil {
		return c.Sandbox.Open(".")
	}
	door, err := c.Directory.Open()
	if err != nil {
		return nil, err
	}
	defer door.Close()
	return door.Open(".")
}

// connect returns standard input, output and error of the process: the logs, or files of a switchboard that writes the
// logs.
func (p *process) connect(by scribe.Scribes) ([]*os.File, error) {
	c, logs := p.container, p.container.Logs
	c.Logs = [2]*os.File{}
	if !c.Attachable() {
		null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0) // no poller has to know it
		if err != nil {
			closeAll(logs[:])
			return nil, &os.PathError{Op: "open", Path: os.DevNull, Err: err}
		}
		return []*os.File{os.NewFile(uintptr(null), os.DevNull), logs[0], logs[1]}, nil
	}
	o := switchboard.Options{TTY: c.Config.GetContainerInfo().GetTtyInfo(), Wait: true}
	if c.Credential != nil {
		o.User = int(c.Credential.Uid)
	}
	if c.lasting() {
		defer closeAll(logs[:])
		c.scribed = true
		board, theirs, err := by.OpenTerminal(c.Runtime, o, logs[0])
		p.board = board
		return []*os.File{theirs, theirs, theirs}, err
	}
	board, files, err := switchboard.Open(o)
	if err != nil {
		closeAll(logs[:])
		return nil, err
	}
	p.board, p.logs = board, logs
	return files, nil
}

// hangUp closes the switchboard of a process that will not run.
func (p *process) hangUp() {
	if p.board != nil {
		p.board.Close()
		closeAll(p.logs[:])
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close() //nolint:errcheck // nil, the same file twice, or only read from
	}
}

func (p *process) pid() int { return p.first.PID }

// unreadError is the error of a status that could not be read.
type unreadError struct{ error }

// end waits until the process has ended, kills what it left behind, and returns its wait status, which is nil if nobody
// knows it. It calls look in between, while everything is still there that belongs to the container. It blocks. If the status cannot
// be read, the rest is killed nevertheless, and end can be called again.
//
// Mesos: MesosContainerizerProcess::reap.
func (p *process) end(look func()) (*int32, error) {
	folder := p.container.Runtime
	if err := p.await(); err != nil {
		return nil, err
	}
	seen, unsettled := p.settle()
	look()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if p.first.Handle != nil {
		p.first.Handle.Close()
	}
	err := p.launcher.Destroy(p.container, p.pid(), true)
	status, found, unread := folder.ReadStatus(p.disk)
	switch {
	case !found && seen && (unsettled != nil || unread != nil):
		p.unread = true
		return nil, unreadError{errors.Join(err, unsettled, unread)}
	case !found && !runtimedir.Has(p.disk, string(folder)):
		return nil, err
	case !found:
		status = runtimedir.Killed
	}
	return &status, errors.Join(err, unread)
}

// leave stops waiting for the end of a process that is left to the next agent.
func (p *process) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended && p.first.Handle != nil {
		p.first.Handle.Close()
	}
}

// await waits until the process has ended.
func (p *process) await() error {
	p.mu.Lock()
	ended, first := p.ended, p.first
	p.mu.Unlock()
	if ended {
		return nil
	}
	return first.Wait()
}

// settle waits until the status of a process is written, and reports whether its end was seen. Nobody waits for the status of
// another one, which may still run.
func (p *process) settle() (seen bool, err error) {
	p.mu.Lock()
	seen = !p.ended || p.unread
	p.mu.Unlock()
	if seen {
		err = forker.Settle(p.container.Runtime.Status())
	}
	return seen, err
}

// signal sends a signal to the process only.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return containerizer.ErrUnknown
	}
	err := p.send(s)
	if errors.Is(err, syscall.ESRCH) {
		return containerizer.ErrUnknown
	}
	return err
}

// send sends a signal to the process, unless it has ended.
func (p *process) send(s syscall.Signal) error {
	if p.first.Handle == nil {
		return syscall.Kill(p.pid(), s)
	}
	conn, err := p.first.Handle.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) { failed = unix.PidfdSendSignal(int(fd), s, nil, 0) })
	return errors.Join(err, failed)
}

// kill kills the process and everything in the container. The process is stopped first, because one that has ended may
// have given its ID to another.
func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	gone := errors.Is(p.send(syscall.SIGSTOP), syscall.ESRCH)
	return p.launcher.Destroy(p.container, p.pid(), gone)
}
