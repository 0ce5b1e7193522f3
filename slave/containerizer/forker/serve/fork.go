package serve

import (
	"runtime"
	"syscall"
)

// setupError is an error before the program of a request was executed.
type setupError struct {
	doing string
	errno syscall.Errno
}

// Error implements error.
func (e *setupError) Error() string { return e.doing + ": " + e.errno.Error() }

// setup returns what failed before the program was executed.
func setup(doing string, err error) error {
	errno, _ := err.(syscall.Errno)
	return &setupError{doing, errno}
}

// fork starts the process of a request in its control groups.
//
// A process begins where the thread is that starts it. A thread of its own enters the groups of version 1 and ends
// afterwards. A thread that moves itself, which is what 0 stands for, needs no lock over all processes of the system, as
// moving a process does. The process itself could not do that before it executes its program.
func (r Request) fork(attr *syscall.ProcAttr) (pid int, err error) {
	if r.Unified != "" {
		dir, err := syscall.Open(r.Unified, syscall.O_DIRECTORY|syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return 0, setup("open "+r.Unified, err)
		}
		defer syscall.Close(dir)
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, dir
	}
	if len(r.Groups) == 0 && len(r.namespaces) == 0 {
		return syscall.ForkExec(r.Path, r.Args, attr)
	}
	onThread(func() {
		for _, tasks := range r.Groups {
			if err = enter(tasks); err != nil {
				return
			}
		}
		if err = enterNamespaces(r.namespaces); err != nil {
			return
		}
		if attr.Sys.Cloneflags == 0 && len(r.namespaces) == 0 && chdir(r.directory) == nil {
			attr.Dir = "" // by its path it is found several times as slowly
		}
		pid, err = syscall.ForkExec(r.Path, r.Args, attr)
	})
	return pid, err
}

// chdir changes the working directory of the calling thread.
func chdir(fd int) error {
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
		return err
	}
	return syscall.Fchdir(fd)
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
