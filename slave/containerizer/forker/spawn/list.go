package spawn

import (
	"runtime"
	"syscall"
	"unsafe"

	"meseta/slave/containerizer/forker/spawn/initial"
)

// step is a system call of a process that begins.
type step struct {
	number uintptr
	args   [6]uintptr
}

// list is what a process does before it executes its program, and then how that went. Assembly reads and writes it.
type list struct {
	first  *step
	clone  cloneArgs
	all    uint64  // all signals
	mask   uint64  // the signals that the calling thread blocks
	failed uintptr // the address of the step that failed; 0 if none did
	errno  uintptr // of that step
	handle int32   // the process descriptor

	steps  []step
	doing  []string         // what each step is for
	kept   []unsafe.Pointer // what the steps point to; it moves no more
	opened []int
}

// cloneArgs are the arguments of clone3(2).
type cloneArgs struct {
	flags      uint64
	handle     uint64 // where the process descriptor goes
	_          [2]uint64
	exitSignal uint64
	_          [5]uint64
	group      uint64 // of version 2
}

// start starts a process, which goes through a list, and returns when it executes a program or has failed. It blocks all
// signals of the thread in between. Its results are those of clone3(2).
func start(l *list) (pid, errno uintptr)

const (
	setMask  = 2 // SIG_SETMASK
	maskSize = 8 // bytes of a signal mask
)

// add adds a step.
func (l *list) add(doing string, number uintptr, args ...uintptr) {
	s := step{number: number}
	copy(s.args[:], args)
	l.steps, l.doing = append(l.steps, s), append(l.doing, doing)
}

// enter adds that the process enters a control group of version 1. Who moves only itself, which is what 0 stands for, and is the only
// thread of its process, waits for nobody who begins or ends.
func (l *list) enter(tasks string) error {
	fd, err := syscall.Open(tasks, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		errno, _ := err.(syscall.Errno)
		return &Error{"enter " + tasks, errno}
	}
	l.opened = append(l.opened, fd)
	l.add("enter "+tasks, syscall.SYS_WRITE, uintptr(fd), keep(l, &itself), 1)
	return nil
}

// itself stands for who writes it to a control group.
var itself = byte('0')

// become adds that the process gets a user and groups.
func (l *list) become(c *syscall.Credential) {
	if !c.NoSetGroups {
		l.add("set the supplementary groups", syscall.SYS_SETGROUPS, uintptr(len(c.Groups)), keep(l, unsafe.SliceData(c.Groups)))
	}
	l.add("set the group", syscall.SYS_SETGID, uintptr(c.Gid))
	l.add("set the user", syscall.SYS_SETUID, uintptr(c.Uid))
}

// arrange adds that the process gets files with the numbers 0, 1 and so on. One that another would take the place of is out of the
// way first.
func (l *list) arrange(files []int) {
	const doing = "arrange the files"
	above := len(files)
	for _, fd := range files {
		above = max(above, fd+1)
	}
	from := make([]int, len(files))
	for i, fd := range files {
		if from[i] = fd; fd < i {
			l.add(doing, syscall.SYS_DUP3, uintptr(fd), uintptr(above), syscall.O_CLOEXEC)
			from[i] = above
			above++
		}
	}
	for i, fd := range from {
		if fd == i {
			l.add(doing, syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, 0)
		} else {
			l.add(doing, syscall.SYS_DUP3, uintptr(fd), uintptr(i), 0)
		}
	}
}

// limit adds that the process has the limit of open files which this one had before Go raised it, as with os/exec, unless
// somebody has changed it since.
func (l *list) limit() {
	var now syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now)
	if err != nil || initial.Files == 0 || now.Cur != now.Max-1 || initial.Files >= now.Cur {
		return
	}
	now.Cur = initial.Files
	l.add("limit the open files", syscall.SYS_PRLIMIT64, 0, syscall.RLIMIT_NOFILE, keep(l, &now))
}

// execute adds that the process executes a program.
func (l *list) execute(path string, args, env []string) error {
	name, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	l.add("", syscall.SYS_EXECVE, keep(l, name), keep(l, &argv[0]), keep(l, &envv[0]))
	return nil
}

// keep returns the address of what is kept as long as the list.
func keep[T any](l *list, p *T) uintptr {
	l.kept = append(l.kept, unsafe.Pointer(p))
	return uintptr(unsafe.Pointer(p))
}

// run starts the process. One that does not execute its program is reaped.
func (l *list) run() (pid, handle int, err error) {
	l.first = &l.steps[0]
	id, errno := start(l)
	runtime.KeepAlive(l.kept)
	pid, handle = int(id), int(l.handle)
	switch {
	case errno != 0:
		return 0, -1, clone(syscall.Errno(errno))
	case l.failed == 0:
		return pid, handle, nil
	}
	reap(pid)
	if handle >= 0 {
		syscall.Close(handle)
	}
	which := int((l.failed - uintptr(unsafe.Pointer(l.first))) / unsafe.Sizeof(step{}))
	if which == len(l.steps)-1 {
		return 0, -1, syscall.Errno(l.errno)
	}
	return 0, -1, &Error{l.doing[which], syscall.Errno(l.errno)}
}

// clone returns the error of clone3.
func clone(errno syscall.Errno) error {
	if errno == syscall.ENOSYS || errno == syscall.EINVAL {
		return ErrOld
	}
	return &Error{"begin a process", errno}
}

// reap waits until a process has ended.
func reap(pid int) {
	for {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}

// close closes the files that were opened for the steps.
func (l *list) close() {
	for _, fd := range l.opened {
		syscall.Close(fd)
	}
}
