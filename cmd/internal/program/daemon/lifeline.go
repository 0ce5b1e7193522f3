package daemon

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// A launcher and the daemons it starts share two pipes, so that nobody has to guess ports, poll, or clean up after a
// launcher that was killed.
const (
	// ReadyFD names, in the environment, the descriptor that a daemon writes its PID to, as one line, when it can be
	// reached. Then it closes it.
	ReadyFD = "MESETA_READY_FD"
	// LifelineFD names the descriptor that a daemon reads from: it ends when the launcher does, and so does the daemon.
	LifelineFD = "MESETA_LIFELINE_FD"
)

// announce tells the launcher, if there is one, that pid can be reached.
func announce(pid string) error {
	pipe, err := inherited(ReadyFD)
	if pipe == nil {
		return err
	}
	defer pipe.Close()
	_, err = fmt.Fprintln(pipe, pid)
	return err
}

// orphaned returns a channel that is closed when the launcher is gone; nil if there is no launcher.
func orphaned() (<-chan struct{}, error) {
	pipe, err := inherited(LifelineFD)
	if pipe == nil {
		return nil, err
	}
	gone := make(chan struct{})
	go func() {
		io.Copy(io.Discard, pipe) //nolint:errcheck // its end is all that counts
		close(gone)
	}()
	return gone, nil
}

// inherited opens the descriptor a variable names, and takes the variable away, so that it is not handed on.
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
