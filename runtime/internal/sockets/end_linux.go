package sockets

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// EndsItsSide reports whether the client has ended its side of the connection, whatever it said before that nobody has
// read.
func EndsItsSide(conn net.Conn) bool {
	if below, ok := conn.(interface{ NetConn() net.Conn }); ok { // it is encrypted
		conn = below.NetConn()
	}
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	ended := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		ended = err == nil && (info.State == unix.BPF_TCP_CLOSE_WAIT || info.State == unix.BPF_TCP_CLOSE)
	})
	return ended || err != nil
}
