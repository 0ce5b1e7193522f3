// Package spawn starts processes that do more between their beginning and their program than those of os/exec can: each enters its
// control groups itself. Otherwise a thread of this process would have to go there and end, or somebody would have to move the
// process, for which the kernel stops all others that begin or end.
//
// What a process does before it executes its program is a list of system calls, which is complete before the process exists. Until
// then the process has the memory of its parent, and must not touch anything there that Go's runtime uses: all it does is to go
// through the list, in assembly, with nothing but registers. The thread that started it stands still meanwhile.
//
// Files of this process have to be opened so that they are closed when a program is executed (O_CLOEXEC): nothing here waits for
// [syscall.ForkLock].
package spawn

import (
	"errors"
	"syscall"
)

// Process describes a process to start.
type Process struct {
	Path       string // of the program
	Args       []string
	Env        []string
	Files      []int               // its files 0, 1 and so on, three at least
	Directory  int                 // an open directory, where it works
	Groups     []string            // the tasks files of its version 1 control groups, in the order in which it enters them
	Unified    int                 // the open directory of its version 2 control group; -1 means that of this process
	Namespaces uint32              // that it gets, as flags of clone, but none of users
	Credential *syscall.Credential // nil means that of this process
	Terminal   bool                // its file 0 becomes its terminal
}

// Error is what went wrong before the program was to be executed.
type Error struct {
	Doing string
	Errno syscall.Errno
}

// Error implements error.
func (e *Error) Error() string { return e.Doing + ": " + e.Errno.Error() }

// ErrOld is the error of kernels before 5.5, and of those that hide clone3.
var ErrOld = errors.New("the kernel cannot start processes without the signal handlers of their parent")

// Start starts a process, which leads a session, and returns when that executes its program. The caller closes the handle, which is a
// process descriptor. The error is a [syscall.Errno] if the program cannot be executed.
func Start(p Process) (pid, handle int, err error) {
	l := list{handle: -1, all: ^uint64(0)}
	defer l.close()
	if err := p.plan(&l); err != nil {
		return 0, -1, err
	}
	const own = syscall.CLONE_VM | syscall.CLONE_VFORK | syscall.CLONE_PIDFD | syscall.CLONE_CLEAR_SIGHAND
	l.clone = cloneArgs{flags: own | uint64(p.Namespaces), exitSignal: uint64(syscall.SIGCHLD), handle: uint64(keep(&l, &l.handle))}
	if p.Unified >= 0 {
		l.clone.flags |= syscall.CLONE_INTO_CGROUP
		l.clone.group = uint64(p.Unified)
	}
	return l.run()
}

// plan lists what the process does. It has the signal handlers of no program, so that signals may arrive as soon as it is
// in its groups.
func (p Process) plan(l *list) error {
	l.add("lead a session", syscall.SYS_SETSID)
	for _, tasks := range p.Groups {
		if err := l.enter(tasks); err != nil {
			return err
		}
	}
	l.add("unblock signals", syscall.SYS_RT_SIGPROCMASK, setMask, keep(l, &l.mask), 0, maskSize)
	l.add("enter the working directory", syscall.SYS_FCHDIR, uintptr(p.Directory))
	if p.Credential != nil {
		l.become(p.Credential)
	}
	l.arrange(p.Files)
	if p.Terminal {
		l.add("take the terminal", syscall.SYS_IOCTL, 0, syscall.TIOCSCTTY, 1)
	}
	l.limit()
	return l.execute(p.Path, p.Args, p.Env)
}
