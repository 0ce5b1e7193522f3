package account

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// Do calls f with the user's rights on files and returns its error: f can open what the user can open, and the files
// it creates belong to the user. A panic in f becomes a panic of Do. If this process already runs as the user, Do
// simply calls f.
//
// Only the thread that runs f has these rights, and it ends with f. Linux checks the identity of the calling thread,
// and file system calls are made on the thread that calls them. Whatever f does in other goroutines, such as dialing,
// is done with the rights of the process.
//
// Mesos: os::su in mesos-fetcher, which is a process of its own.
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
		runtime.LockOSThread() // never unlocked: the thread and its rights end with the goroutine
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

// errAbandoned is the value Do panics with if f ended its goroutine (runtime.Goexit).
var errAbandoned = fmt.Errorf("account: the function ended its goroutine")

// assume gives the calling thread the user's groups and file system identity. It makes raw system calls because
// package syscall's wrappers would change every thread. When the identity changes from root to another user, Linux
// drops root's capabilities over files.
func (a Account) assume(groups []uint32) error {
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); e != 0 {
		return fmt.Errorf("set the groups of user %s: %w", a.Name, os.NewSyscallError("setgroups", e))
	}
	for _, set := range []struct {
		call uintptr
		name string
		id   uint32
	}{{syscall.SYS_SETFSGID, "setfsgid", a.GID}, {syscall.SYS_SETFSUID, "setfsuid", a.UID}} {
		const none = ^uintptr(0) // changes nothing, so that the identity is returned
		syscall.RawSyscall(set.call, uintptr(set.id), 0, 0)
		if got, _, _ := syscall.RawSyscall(set.call, none, 0, 0); uint32(got) != set.id {
			return fmt.Errorf("set the identity of user %s: %s is not permitted", a.Name, set.name)
		}
	}
	return nil
}
