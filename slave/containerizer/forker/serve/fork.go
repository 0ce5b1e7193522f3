package serve

import (
	"runtime"
	"strconv"
	"syscall"

	"meseta/slave/containerizer/forker/spawn"
)

// setup returns what failed before the program was executed.
func setup(doing string, err error) error {
	errno, _ := err.(syscall.Errno)
	return &spawn.Error{Doing: doing, Errno: errno}
}

// fork starts the process of a request in its control groups.
func (r Request) fork(p spawn.Process) (pid, handle int, err error) {
	p.Path, p.Args, p.Groups, p.Unified = r.Path, r.Args, r.Groups, -1
	if r.Unified != "" {
		p.Unified, err = syscall.Open(r.Unified, syscall.O_DIRECTORY|syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return 0, -1, setup("open "+r.Unified, err)
		}
		defer syscall.Close(p.Unified)
	}
	if len(r.namespaces) == 0 {
		if pid, handle, err = spawn.Start(p); err != spawn.ErrOld {
			return pid, handle, err
		}
	}
	onThread(func() { pid, handle, err = r.forkHere(p) })
	return pid, handle, err
}

// forkHere moves the calling thread to where the process is to be, and starts it there. The thread has to end afterwards.
//
// Somebody else's namespaces of processes can be entered only by a parent, and on older kernels the groups as well.
func (r Request) forkHere(p spawn.Process) (pid, handle int, err error) {
	for _, tasks := range p.Groups {
		if err = enter(tasks); err != nil {
			return 0, -1, err
		}
	}
	if err = enterNamespaces(r.namespaces); err != nil {
		return 0, -1, err
	}
	handle = -1
	attr := &syscall.ProcAttr{
		Dir: "/proc/self/fd/" + strconv.Itoa(p.Directory), Env: p.Env,
		Sys: &syscall.SysProcAttr{
			Setsid: true, Setctty: p.Terminal, Credential: p.Credential, Cloneflags: uintptr(p.Namespaces),
			UseCgroupFD: p.Unified >= 0, CgroupFD: p.Unified, PidFD: &handle,
		},
	}
	for _, fd := range p.Files {
		attr.Files = append(attr.Files, uintptr(fd))
	}
	if pid, err = syscall.ForkExec(p.Path, p.Args, attr); err != nil && handle >= 0 {
		syscall.Close(handle)
		handle = -1
	}
	return pid, handle, err
}

// onThread calls f on a thread that ends afterwards. It is not the first one, which does not end, and whose namespaces are taken
// for those of the process.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(done)
		if syscall.Gettid() == syscall.Getpid() {
			onThread(f) // on another one, while this one is taken
			runtime.UnlockOSThread()
			return
		}
		f() // never unlocked: the thread ends with the goroutine
	}()
	<-done
}

// enter moves the calling thread into a control group of version 1.
func enter(tasks string) error {
	fd, err := syscall.Open(tasks, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err == nil {
		_, err = syscall.Write(fd, []byte("0"))
		syscall.Close(fd)
	}
	if err != nil {
		return setup("enter "+tasks, err)
	}
	return nil
}
