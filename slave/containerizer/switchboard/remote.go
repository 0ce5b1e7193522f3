package switchboard

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/agentpb"
	"meseta/runtime"
)

// Listen makes the socket, at a path where nothing is, to which the agent of a container with a terminal connects. Only
// the agent's user may connect.
func Listen(path string) (*os.File, error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = unix.Fchmod(socket, 0o600)
	if err == nil {
		err = at(path, func(a unix.Sockaddr) error { return unix.Bind(socket, a) })
	}
	if err == nil {
		err = unix.Listen(socket, 1)
	}
	if err != nil {
		unix.Close(socket)
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	return os.NewFile(uintptr(socket), path), nil
}

// at calls use with an address for a path, which may be longer than addresses can be.
func at(path string, use func(unix.Sockaddr) error) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return use(&unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))})
}

// Connect returns the board of a container whose terminal is held by the process with a socket at path. It gets the output
// from now on.
func Connect(path string) (*Board, error) {
	b := &Board{
		tty: true, path: path, flowing: make(chan struct{}), closing: make(chan struct{}), over: runtime.NewPromise[struct{}](),
	}
	conn, terminal, err := dial(path)
	if err != nil {
		return nil, fmt.Errorf("connect to the terminal of the container: %w", err)
	}
	b.in, b.out = terminal, []output{{agentpb.ProcessIO_Data_STDOUT, conn}}
	b.Flow()
	return b, nil
}

// connectAgain connects again if the process that holds the terminal is still there, which hangs up on an agent that was
// stopped for a while. It returns false for a board that was closed.
func (b *Board) connectAgain(o *output) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.path == "" {
		return false
	}
	conn, terminal, err := dial(b.path)
	if err != nil {
		return false
	}
	terminal.Close() // the one that b has is the same
	o.from.Close()
	o.from, b.out[0].from = conn, conn
	return true
}

// patience bounds the wait for a process that is about to answer, or has ended.
var patience = unix.Timeval{Sec: 10}

// dial returns a connection, which brings output, and the terminal.
func dial(path string) (conn, terminal *os.File, err error) {
	socket, err := connect(path)
	if err != nil {
		return nil, nil, err
	}
	fd, err := receive(socket)
	if err == nil {
		err = errors.Join(unix.SetNonblock(socket, true), unix.SetNonblock(fd, true)) // so that Close ends what waits
	}
	if err != nil {
		unix.Close(socket)
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, nil, err
	}
	return os.NewFile(uintptr(socket), "output"), os.NewFile(uintptr(fd), "terminal"), nil
}

// connect returns a connection, on which reads and writes wait for a while only.
func connect(path string) (int, error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	err = errors.Join(
		unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience),
		unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience),
	)
	if err == nil {
		err = at(path, func(a unix.Sockaddr) error { return unix.Connect(socket, a) }) // at once, unless others are connecting
	}
	if err != nil {
		unix.Close(socket)
		return -1, err
	}
	return socket, nil
}

// receive returns the file that comes with the first byte.
func receive(socket int) (int, error) {
	first, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, rn, _, _, err := unix.Recvmsg(socket, first, rights, unix.MSG_CMSG_CLOEXEC)
	for errors.Is(err, unix.EINTR) {
		n, rn, _, _, err = unix.Recvmsg(socket, first, rights, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return -1, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rn])
	if err != nil || n == 0 || len(messages) != 1 {
		return -1, errors.Join(io.ErrUnexpectedEOF, err)
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) != 1 {
		return -1, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return files[0], nil
}
