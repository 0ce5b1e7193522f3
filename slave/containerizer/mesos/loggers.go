package mesos

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/forker"
	"meseta/slave/containerizer/logger"
	"meseta/slave/containerizer/scribe"
)

// loggers starts the programs that write the output of containers. They are no processes of the container, and outlive the
// agent as it does. Each ends when the last process with the other end of its pipe has ended.
//
// Mesos: LogrotateContainerLoggerProcess.
type loggers struct {
	// programs are those of a container with that environment. nil means that all containers write themselves.
	programs func(*mesospb.Environment) ([]logger.Program, error)
	scribes  scribe.Scribes
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
	c.scribed = c.scribed || len(programs) > 0
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
	return l.scribes.Start(c.Runtime, stream, forker.Command{
		Path: p.Path, Args: append([]string{filepath.Base(p.Path)}, p.Args...), Credential: c.Credential, Directory: dir,
		Streams: [3]*os.File{in, null, null},
	})
}
