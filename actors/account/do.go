package account

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// Do calls f, which may do on files what the user may do, and whose files are the user's. It returns what f returns. A
// panic of f becomes one of Do. If the account is that of this process, Do just calls f.
//
// The rights are those of one thread, which runs f and nothing else and ends with it: Linux checks the identity of the
// calling thread, and system calls on files are made where they are called. What f does in other goroutines, such as
// dialling, is done with the rights of the process.
//
// Mesos: os::su in mesos-fetcher, a process of its own.
func (a Account) Do(f func() error) error {
	if a.Own() {
		return f()
	}
	groups := a.Groups()
	type result struct {
		err      error
		panicked any
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its rights with it
		r := result{panicked: errAbandoned}
		defer func() {
			if p := recover(); p != nil {
				r.panicked = p
			}
			done <- r
		}()
		if r.err = a.assume(groups); r.err == nil {
			r.err = f()
		}
		r.panicked = nil
	}()
	r := <-done
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.err
}

// errAbandoned is the panic of Do when f has ended its goroutine.
var errAbandoned = fmt.Errorf("account: the function has ended its goroutine")

// assume gives the calling thread the user's groups and rights on files. The calls are made without the help of
// package syscall, which would change all threads. A user other than root loses the capabilities of root over files
// with the change of identity.
func (a Account) assume(groups []uint32) error {
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); e != 0 {
		return fmt.Errorf("take on the groups of user %s: %w", a.Name, os.NewSyscallError("setgroups", e))
	}
	for _, set := range []struct {
		call uintptr
		name string
		id   uint32
	}{{syscall.SYS_SETFSGID, "setfsgid", a.GID}, {syscall.SYS_SETFSUID, "setfsuid", a.UID}} {
		const none = ^uintptr(0) // changes nothing, so that the identity is returned
		syscall.RawSyscall(set.call, uintptr(set.id), 0, 0)
		if got, _, _ := syscall.RawSyscall(set.call, none, 0, 0); uint32(got) != set.id {
			return fmt.Errorf("take on the identity of user %s: %s is not permitted", a.Name, set.name)
		}
	}
	return nil
}
