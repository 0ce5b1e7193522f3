package serve

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// namespace is an open namespace of a process.
type namespace struct {
	flag uint32
	fd   int
}

// kinds are the namespaces that can be entered, in the order in which they are.
var kinds = []struct {
	flag uint32
	name string
}{{syscall.CLONE_NEWIPC, "ipc"}, {syscall.CLONE_NEWUTS, "uts"}, {syscall.CLONE_NEWNET, "net"}, {syscall.CLONE_NEWPID, "pid"}, {syscall.CLONE_NEWNS, "mnt"}}

// open opens the namespaces that the container enters. The caller closes them.
func (x *Init) open() (all []namespace, err error) {
	if x.Network != "" {
		fd, err := syscall.Open(x.Network, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return nil, setup("enter the network of the container", err)
		}
		all = append(all, namespace{syscall.CLONE_NEWNET, fd})
	}
	if x.Enter == 0 {
		return all, nil
	}
	proc := "/proc/" + strconv.Itoa(int(x.Neighbour))
	for _, k := range kinds {
		if x.Enter&k.flag == 0 {
			continue
		}
		path := proc + "/ns/" + k.name
		if k.flag == syscall.CLONE_NEWNS && x.View != "" {
			path = x.View
		}
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return all, setup("enter the namespaces of process "+strconv.Itoa(int(x.Neighbour)), err)
		}
		all = append(all, namespace{k.flag, fd})
	}
	if !leads(proc, x.Neighbour) { // it ended before, and another process has its ID
		return all, setup("enter the namespaces of process "+strconv.Itoa(int(x.Neighbour)), syscall.ESRCH)
	}
	return all, nil
}

// Apart calls start on a thread with mounts of its own, and returns the namespace of these, which the caller closes. What start
// starts is in it.
func Apart(start func() error) (mounts *os.File, err error) {
	onThread(func() {
		if err = syscall.Unshare(syscall.CLONE_FS | syscall.CLONE_NEWNS); err != nil {
			return
		}
		if mounts, err = os.Open("/proc/thread-self/ns/mnt"); err == nil {
			err = start()
		}
	})
	if err != nil && mounts != nil {
		mounts.Close()
		mounts = nil
	}
	return mounts, err
}

// Beside calls start on a thread that sees mounts of [Apart], and so does what start starts.
func Beside(mounts *os.File, start func() error) (err error) {
	onThread(func() {
		if err = enterNamespaces([]namespace{{syscall.CLONE_NEWNS, int(mounts.Fd())}}); err == nil {
			err = start()
		}
	})
	return err
}

// leads reports whether a process leads a session, as the first processes of containers do.
func leads(proc string, pid uint32) bool {
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return false
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return len(fields) > 3 && fields[3] == strconv.Itoa(int(pid)) // the session
}

// enterNamespaces moves the calling thread into namespaces. What it starts is in them.
func enterNamespaces(all []namespace) error {
	if len(all) == 0 {
		return nil
	}
	// A thread that shares its working directory with others cannot change its mounts.
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
		return setup("leave the working directory of others", err)
	}
	for _, n := range all {
		if _, _, errno := syscall.RawSyscall(sysSetns, uintptr(n.fd), uintptr(n.flag), 0); errno != 0 {
			return setup("enter a namespace", errno)
		}
	}
	return nil
}
