// Package scribe starts the processes that write the output of containers, and waits for their end. Like the containers, they
// outlive the agent. They do not belong to the containers: each ends when its input does.
package scribe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime/disk"
	"meseta/slave/containerizer/forker"
	"meseta/slave/containerizer/forker/serve"
	"meseta/slave/containerizer/logger"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/containerizer/switchboard"
)

// terminal is the stream of a container with a terminal. What writes it is the process that holds the terminal.
const terminal = "terminal"

// Scribes starts such processes. All fields are required.
type Scribes struct {
	Forker *forker.Forker
	Disk   disk.Disk
	Pass   func(time.Duration) // blocks for a while
}

// Start starts the process that writes a stream of the output of a container, and records it. The command needs no status file.
func (s Scribes) Start(of runtimedir.Folder, stream string, cmd forker.Command) error {
	status, err := forker.NewStatus(of.Logger(stream))
	if err != nil {
		return err
	}
	defer status.Close()
	cmd.Status, cmd.Env = status, []string{"GOMAXPROCS=1"}
	started, err := s.Forker.Fork(cmd)
	if err != nil {
		return err
	}
	if started.Handle != nil {
		started.Handle.Close()
	}
	return runtimedir.WritePID(s.Disk, of.LoggerPID(stream), started.PID)
}

// longestPause is the longest pause between two checks whether a process has ended.
const longestPause = 100 * time.Millisecond

// Settle waits until the output of a container whose processes have ended is written. A process that does not end within a
// limit, such as one that was stopped by the container, is killed.
//
// Differs: Mesos does not wait, so that output may be missing when a container has ended.
func (s Scribes) Settle(of runtimedir.Folder, limit time.Duration) error {
	var errs []error
	for _, stream := range append([]string{terminal}, logger.Streams[:]...) { // what holds the terminal may write to the others
		errs = append(errs, s.settle(of, stream, &limit))
	}
	return errors.Join(append(errs, s.settleSwitchboard(of, limit))...)
}

// settleSwitchboard waits for the I/O switchboard of a C++ agent that holds the terminal, asks it to end after that, and removes its
// socket.
//
// Mesos: IOSwitchboard::cleanup.
func (s Scribes) settleSwitchboard(of runtimedir.Folder, left time.Duration) error {
	socket, pid, err := of.ReadSwitchboard(s.Disk)
	for pause := time.Millisecond; err == nil && isSwitchboard(pid); pause = min(2*pause, longestPause) {
		if left <= 0 {
			err = syscall.Kill(pid, syscall.SIGTERM)
			break
		}
		s.Pass(pause)
		left -= pause
	}
	if socket != "" {
		if gone := os.Remove(socket); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// isSwitchboard reports whether a process is an I/O switchboard, and not one that has got the ID since.
func isSwitchboard(pid int) bool {
	if pid == 0 {
		return false
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	program, _, _ := strings.Cut(string(args), "\x00")
	return err == nil && filepath.Base(program) == "mesos-io-switchboard"
}

// settle waits for the process of a stream, at most for what is left.
func (s Scribes) settle(of runtimedir.Folder, stream string, left *time.Duration) error {
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		pending, err := forker.Pending(of.Logger(stream))
		if err != nil || !pending {
			return err
		}
		if *left <= 0 {
			break
		}
		s.Pass(pause)
		*left -= pause
	}
	pid, err := of.ReadLoggerPID(s.Disk, stream)
	if pid > 0 { // the ID is its own as long as its status is not written
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	return errors.Join(fmt.Errorf("%s is not whole: the program that writes it does not end", stream), err)
}

// OpenTerminal makes a terminal for a container, and has a process hold it and write what is said there to log. That process ends
// when the last process with the terminal has ended. The result is the container's end of it, which is nil if there is an error.
//
// Mesos: IOSwitchboard.
func (s Scribes) OpenTerminal(of runtimedir.Folder, o switchboard.Options, log *os.File) (*switchboard.Board, *os.File, error) {
	ours, theirs, err := switchboard.Terminal(o)
	if err != nil {
		return nil, nil, err
	}
	defer ours.Close()
	if err = s.hold(of, ours, log); err == nil {
		var board *switchboard.Board
		if board, err = switchboard.Connect(of.Terminal()); err == nil {
			return board, theirs, nil
		}
	}
	theirs.Close() // which ends the process
	return nil, nil, err
}

// hold starts the process that holds a terminal.
func (s Scribes) hold(of runtimedir.Folder, ours, log *os.File) error {
	listener, err := switchboard.Listen(of.Terminal())
	if err != nil {
		return err
	}
	defer listener.Close()
	root, err := os.Open("/")
	if err != nil {
		return err
	}
	defer root.Close()
	return s.Start(of, terminal, forker.Command{
		Path: "/proc/self/exe", Args: []string{serve.Name, serve.SwitchboardMode}, Directory: root, Streams: [3]*os.File{ours, log, listener},
	})
}

// FindTerminal connects to the terminal of a container that an earlier agent has started, which may have been a C++ agent. It returns
// nil for one without.
func (s Scribes) FindTerminal(of runtimedir.Folder, id ids.Container) (*switchboard.Board, error) {
	if runtimedir.Has(s.Disk, of.Terminal()) {
		return switchboard.Connect(of.Terminal())
	}
	socket, _, err := of.ReadSwitchboard(s.Disk)
	if err != nil || socket == "" {
		return nil, err
	}
	return switchboard.ConnectHTTP(socket, id)
}

// AwaitTerminal returns what Broken does when the process that holds the terminal of a container has ended. It blocks.
func (s Scribes) AwaitTerminal(of runtimedir.Folder) (*slavepb.ContainerLimitation, error) {
	if err := forker.Settle(of.Logger(terminal)); err != nil {
		return nil, err
	}
	return s.Broken(of), nil
}

// Broken returns the limitation of a container whose terminal is gone because the process that held it did not end by itself,
// or nil.
//
// Mesos: IOSwitchboard::reaped.
func (s Scribes) Broken(of runtimedir.Folder) *slavepb.ContainerLimitation {
	status, found, err := of.ReadLoggerStatus(s.Disk, terminal)
	if !found || status == 0 || err != nil {
		return nil
	}
	text := fmt.Sprintf("'IOSwitchboard' exited with status %d", syscall.WaitStatus(status).ExitStatus())
	if w := syscall.WaitStatus(status); w.Signaled() {
		name := w.Signal().String()
		text = "'IOSwitchboard' terminated with signal " + strings.ToUpper(name[:1]) + name[1:]
	}
	return &slavepb.ContainerLimitation{Reason: mesospb.TaskStatus_REASON_IO_SWITCHBOARD_EXITED.Enum(), Message: &text}
}
