package mesos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/containerizer/forker"
	"meseta/slave/containerizer/logger"
	"meseta/slave/containerizer/runtimedir"
)

// loggers starts the programs that write the output of containers. They are no processes of the container, and outlive the
// agent as it does. Each ends when the last process with the other end of its pipe has ended.
//
// Mesos: LogrotateContainerLoggerProcess.
type loggers struct {
	// programs are those of a container with that environment. nil means that all containers write themselves.
	programs func(*mesospb.Environment) ([]logger.Program, error)
	forker   *forker.Forker
	disk     disk.Disk
	clock    runtime.Clock
}

// start starts the programs of a container, and puts pipes to them in the place of its logs.
func (l loggers) start(c *Container) error {
	if l.programs == nil {
		return nil
	}
	programs, err := l.programs(c.Config.GetCommandInfo().GetEnvironment())
	if err != nil {
		return fmt.Errorf("Failed to load container logger settings: %w", err)
	}
	for i, p := range programs {
		pipe, err := l.run(c, logger.Streams[i], p)
		if err != nil {
			return fmt.Errorf("Failed to create logger process: %s: %w", p.Path, err)
		}
		c.Logs[i].Close()
		c.Logs[i] = pipe
	}
	return nil
}

// run starts the program of a stream, and returns the pipe to it.
func (l loggers) run(c *Container, stream string, p logger.Program) (*os.File, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil { // unlike those of os.Pipe, they block
		return nil, os.NewSyscallError("pipe2", err)
	}
	out, in := os.NewFile(uintptr(ends[0]), "output"), os.NewFile(uintptr(ends[1]), "output")
	defer out.Close()
	if err := l.fork(c, stream, p, out); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

func (l loggers) fork(c *Container, stream string, p logger.Program, in *os.File) error {
	dir, err := c.Sandbox.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	status, err := forker.NewStatus(c.Runtime.Logger(stream))
	if err != nil {
		return err
	}
	defer status.Close()
	started, err := l.forker.Fork(forker.Command{
		Path: p.Path, Args: append([]string{filepath.Base(p.Path)}, p.Args...), Env: []string{"GOMAXPROCS=1"},
		Credential: c.Credential, Directory: dir, Streams: [3]*os.File{in, null, null}, Status: status,
	})
	if err != nil {
		return err
	}
	if started.Handle != nil {
		started.Handle.Close()
	}
	return runtimedir.WritePID(l.disk, c.Runtime.LoggerPID(stream), started.PID)
}

// longestPause is that between two looks whether a program has ended.
const longestPause = 100 * time.Millisecond

// settle waits until the output of a container is written whose processes have ended. A program that does not end, such as one
// that was stopped by the container, is killed.
//
// Differs: Mesos does not wait, so that output may be missing when a container has ended.
func (l loggers) settle(c *Container) error {
	var errs []error
	left := lastWords
	for _, stream := range logger.Streams {
		errs = append(errs, l.settleOne(c.Runtime, stream, &left))
	}
	return errors.Join(errs...)
}

// settleOne waits for the program of a stream, at most for what is left.
func (l loggers) settleOne(of runtimedir.Folder, stream string, left *time.Duration) error {
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		pending, err := forker.Pending(of.Logger(stream))
		if err != nil || !pending {
			return err
		}
		if *left <= 0 {
			break
		}
		pass(l.clock, pause)
		*left -= pause
	}
	pid, err := of.ReadLoggerPID(l.disk, stream)
	if pid > 0 { // the ID is its own as long as its status is not written
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	return errors.Join(fmt.Errorf("%s is not whole: the program that writes it does not end", stream), err)
}
