package docker

import (
	"context"
	"fmt"
	"net"
	"os"
	goruntime "runtime"

	"golang.org/x/sys/unix"

	"meseta/actors/health"
)

// within returns a dialer that connects from the network namespace of a process. nil, for an unknown process, means the
// executor's own.
func within(pid int) health.Dialer {
	if pid == 0 {
		return nil
	}
	path := fmt.Sprintf("/proc/%d/ns/net", pid)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		type result struct {
			conn net.Conn
			err  error
		}
		dialed := make(chan result, 1)
		go func() {
			goruntime.LockOSThread() // and never unlocked: the thread ends with this function
			conn, err := dialFrom(ctx, path, network, address)
			dialed <- result{conn, err}
		}()
		r := <-dialed
		return r.conn, r.err
	}
}

// dialFrom moves this thread into a network namespace, and connects from there.
func dialFrom(ctx context.Context, path, network, address string) (net.Conn, error) {
	namespace, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, os.NewSyscallError("setns", err)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}
