package daemon

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// A launcher shares two pipes with each daemon that it starts, so that it need not guess ports or poll, and so that its
// daemons end even if it is killed.
const (
	// ReadyFD is the environment variable with the descriptor to which a daemon writes its PID, as one line, when it
	// accepts requests. The daemon then closes the descriptor.
	ReadyFD = "MESETA_READY_FD"
	// LifelineFD is the environment variable with the descriptor that a daemon reads from. When the launcher ends, the
	// pipe ends, and the daemon ends as well.
	LifelineFD = "MESETA_LIFELINE_FD"
)

// announce tells the launcher, if there is one, that pid accepts requests.
func announce(pid string) error {
	pipe, err := inherited(ReadyFD)
	if pipe == nil {
		return err
	}
	defer pipe.Close()
	_, err = fmt.Fprintln(pipe, pid)
	return err
}

// orphaned returns a channel that is closed when the launcher has ended, or nil if there is no launcher.
func orphaned() (<-chan struct{}, error) {
	pipe, err := inherited(LifelineFD)
	if pipe == nil {
		return nil, err
	}
	gone := make(chan struct{})
	go func() {
		io.Copy(io.Discard, pipe) //nolint:errcheck // only its end matters
		close(gone)
	}()
	return gone, nil
}

// inherited opens the descriptor that a variable names. It unsets the variable, so that child processes do not inherit
// it.
func inherited(name string) (*os.File, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return nil, nil
	}
	os.Unsetenv(name)
	fd, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%s=%q is not a file descriptor", name, value)
	}
	return os.NewFile(uintptr(fd), name), nil
}
