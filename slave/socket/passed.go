package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// firstPassed is the file descriptor of the first socket that systemd passes; the others follow.
	firstPassed = 3
	// nameless is the name of sockets that a systemd before version 227 passes without one.
	nameless = "unknown"
)

// Passed returns a socket that systemd has passed to the process with an ID, which is the only one with a name; a socket whose
// name is not known may be the one. lookup returns the variables by which systemd tells about it: LISTEN_PID, LISTEN_FDS and
// LISTEN_FDNAMES. What was passed is not inherited by programs that the process starts.
//
// The socket stays in the file system when it is closed, and what connects meanwhile waits for the next agent.
//
// Mesos: systemd::socket_activation::listenFdsWithNames, and main of the agent.
func Passed(name string, pid int, lookup func(string) (string, bool)) (*Socket, error) {
	names, err := passedNames(pid, lookup)
	if err != nil {
		return nil, fmt.Errorf("Could not get passed file descriptors from systemd: %w", err)
	}
	var found []int
	for i, n := range names {
		unix.CloseOnExec(firstPassed + i)
		if n == name || n == nameless {
			found = append(found, firstPassed+i)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("Expected exactly one socket with name %s, got %d instead; systemd passed %q", name, len(found), names)
	}
	return take(found[0])
}

// passedNames returns the names of the sockets that were passed to the process with an ID, in the order of their descriptors.
func passedNames(pid int, lookup func(string) (string, bool)) ([]string, error) {
	to, err := number(lookup, "LISTEN_PID")
	if err != nil || to != pid {
		return nil, err
	}
	n, err := number(lookup, "LISTEN_FDS")
	if err != nil {
		return nil, err
	}
	text, named := lookup("LISTEN_FDNAMES")
	if !named {
		return slices.Repeat([]string{nameless}, n), nil
	}
	names := strings.Split(text, ":")
	if len(names) != n {
		return nil, fmt.Errorf("LISTEN_FDNAMES has %d names for %d descriptors", len(names), n)
	}
	return names, nil
}

// mostPassed is far more sockets than a unit has.
const mostPassed = 1 << 16

// number returns the value of a variable, or 0 if there is none.
func number(lookup func(string) (string, bool), name string) (int, error) {
	text, found := lookup(name)
	if !found {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || name == "LISTEN_FDS" && n > mostPassed {
		return 0, fmt.Errorf("%s=%s is no such number", name, text)
	}
	return n, nil
}

// take takes over the listening socket of a descriptor, which has to have a path that executors can be told.
func take(fd int) (*Socket, error) {
	if listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil {
		return nil, fmt.Errorf("what systemd passed is no socket: %w", err)
	} else if listening == 0 {
		return nil, errors.New("systemd passed a socket that does not listen; its unit needs ListenStream= and Accept=no")
	}
	file := os.NewFile(uintptr(fd), "systemd")
	l, err := net.FileListener(file) // has a descriptor of its own
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	path := l.Addr().String()
	u, ok := l.(*net.UnixListener)
	switch {
	case !ok:
		err = fmt.Errorf("systemd passed a socket at %s, which is no path", path)
	case strings.HasPrefix(path, "@"):
		err = fmt.Errorf("systemd passed the abstract socket %s, but executors need a path", path)
	default:
		if err = Check(path); err == nil {
			err = link(path)
		}
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return &Socket{path: path, listener: u, passed: true}, nil
}
