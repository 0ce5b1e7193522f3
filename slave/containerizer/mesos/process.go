package mesos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/switchboard"
)

// process is the first process of a container. Its ID cannot be reused until it is reaped.
type process struct {
	container *Container
	launcher  Launcher
	cmd       *exec.Cmd
	board     *switchboard.Board // for clients that attach; nil if none can
	logs      [2]*os.File        // of the board's copies

	mu     sync.Mutex // prevents reaping while a signal is being sent
	reaped bool
}

// startProcess starts the command of a prepared container.
func startProcess(c *Container, launcher Launcher) (*process, error) {
	p := &process{container: c, launcher: launcher}
	files, err := p.connect()
	if err != nil {
		return nil, err
	}
	defer closeAll(files)
	// The user may not have access to its directory through the directories above, so the agent opens it.
	door, err := c.Directory.Open()
	if err == nil {
		defer door.Close()
		err = p.execute(files, door)
	}
	if err != nil {
		p.hangUp()
		return nil, fmt.Errorf("start %s: %w", c.Config.GetCommandInfo().GetValue(), err)
	}
	if err := recordPID(c.PIDFile, p.pid()); err != nil {
		_ = p.kill()
		_, _ = p.reap()
		p.hangUp()
		return nil, err
	}
	return p, nil
}

// connect returns standard input, output and error of the process: the logs, or files of a switchboard that writes the
// logs.
func (p *process) connect() ([]*os.File, error) {
	c, logs := p.container, p.container.Logs
	c.Logs = [2]*os.File{}
	if !c.Attachable() {
		return []*os.File{nil, logs[0], logs[1]}, nil
	}
	o := switchboard.Options{TTY: c.Config.GetContainerInfo().GetTtyInfo(), Wait: c.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG}
	if c.Credential != nil {
		o.User = int(c.Credential.Uid)
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

func recordPID(file string, pid int) error {
	if file == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("record the process of the container: %w", err)
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("record the process of the container: %w", err)
	}
	return nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// reap waits for the process to end, kills what it left behind, and returns its wait status. It blocks.
func (p *process) reap() (int32, error) {
	if err := awaitExit(p.pid()); err != nil {
		return 0, err
	}
	err := p.kill() // its ID is not reused before Wait
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Wait() // the status says what an error says
	p.reaped = true
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return int32(status), err
}

// awaitExit waits for a child to end, and does not reap it. It needs no thread if the kernel has process descriptors
// that can be polled, which is so since Linux 5.10.
func awaitExit(pid int) error {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return waitExit(pid)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return waitExit(pid)
	}
	ended := false
	err = conn.Read(func(uintptr) bool {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 0)
		ended = n == 1
		return ended || err != nil && !errors.Is(err, unix.EINTR)
	})
	if err != nil || !ended {
		return waitExit(pid) // the descriptor cannot be polled
	}
	return nil
}

// waitExit waits for a child to end, with a thread.
func waitExit(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("waitid", err)
		}
	}
}

// signal sends a signal to the process only.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return containerizer.ErrUnknown
	}
	return p.cmd.Process.Signal(s)
}

// kill kills the process and everything in the container.
func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return nil
	}
	return p.launcher.Destroy(p.container, p.pid())
}
