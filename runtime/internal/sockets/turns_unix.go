//go:build unix

package sockets

import (
	"errors"
	"net"
	goruntime "runtime"
	"syscall"
)

// turns are how many connections write at the same time what they share: as many as leave half of the processors to the
// actors, whose turns would otherwise wait behind a thousand of them.
var turns = make(chan struct{}, max(1, goruntime.GOMAXPROCS(0)/2))

// WriteInTurn writes to conn when it is its turn. Whoever has to wait for the client gives the turn back.
func WriteInTurn(conn net.Conn, data []byte) error {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		_, err := conn.Write(data)
		return err
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) (done bool) {
		turns <- struct{}{}
		defer func() { <-turns }()
		data, failed = writeSome(int(fd), data)
		return len(data) == 0 || failed != nil
	})
	return errors.Join(err, failed)
}

// writeSome writes as much as the system takes at once, and returns the rest.
func writeSome(fd int, data []byte) (rest []byte, err error) {
	for len(data) > 0 {
		n, err := syscall.Write(fd, data)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return data, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return data, err
		}
		data = data[n:]
	}
	return nil, nil
}
