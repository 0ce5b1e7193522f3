package serve

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"meseta/slave/containerizer/forker/spawn"
)

// InitMode is the argument of the init of a container.
const InitMode = "init"

// The files that an init gets from the forker, in addition to those of its command.
const (
	initRequest = 3
	initStatus  = 4
	initReady   = 5
)

// Init is what an init does before it starts the command of a container.
type Init struct {
	Namespaces      uint32 // that the container gets, as flags of clone
	Enter           uint32 // those of another process that it shares, as flags of setns
	Neighbour       uint32 // that process, which leads a session
	View            string // the file of a mount namespace that the container shares, instead of Neighbour's; "" means none
	Network         string // the file of a network namespace that the container gets; "" means none
	Hostname        string // of the container, which has a uts namespace of its own then; "" means that of the forker
	Root            string // its file system, as the agent sees it; "" means the agent's
	Pivot           bool   // Root becomes the root of the command; otherwise the command does that, being an executor
	Sandbox         string // the outermost sandbox, as the agent sees it; "" means none
	Mounts          []Mount
	Memory          string // a directory of the agent at which the file system of Secrets is mounted for a moment
	Secrets         []Secret
	Links           []Link
	Masked          []string // paths that are hidden
	Limits          []Limit
	Capabilities    *Capabilities // nil means those of the forker
	NoNewPrivileges bool
	Filter          []byte   // the program that decides about system calls, as the kernel reads it; none means that all are allowed
	Directory       string   // the working directory, as the command sees it
	Anywhere        bool     // that need not be the directory that was opened, and is made if it does not exist
	Paths           []string // of the program, in the order in which they are tried
	Name            string   // of the program, for an error
}

// Limit is a resource limit of a process.
type Limit struct {
	Resource   uint32
	Soft, Hard uint64
}

// Capabilities are sets of capabilities, one bit for each.
type Capabilities struct{ Effective, Bounding uint64 }

// run starts the init of a request.
func (r Request) run(p spawn.Process, files []int) (pid, handle int, err error) {
	r.namespaces, err = r.Init.open()
	defer func() {
		for _, n := range r.namespaces {
			syscall.Close(n.fd)
		}
	}()
	if err != nil {
		return 0, -1, err
	}
	p.Files = append(p.Files, files[fileRequest], files[fileStatus], files[fileReady])
	p.Credential, p.Terminal, p.Namespaces = nil, false, r.Init.Namespaces
	p.Env = []string{"GOMAXPROCS=1", "GOGC=off"}
	r.Path, r.Args, r.Init = "/proc/self/exe", []string{Name, InitMode}, nil
	return r.fork(p)
}

// beInit prepares the container, starts its command, and reaps processes until the command has ended. It writes the
// command's wait status, passes on signals, and returns its own exit status.
//
// Mesos: MesosContainerizerLaunch::execute.
func beInit() int {
	syscall.CloseOnExec(initRequest)
	syscall.CloseOnExec(initStatus)
	syscall.CloseOnExec(initReady)
	content, err := readAll(initRequest)
	r, ok := Decode(content)
	if err != nil || !ok || r.Init == nil {
		return failInit("read the request", syscall.EINVAL)
	}
	syscall.Close(initRequest)
	signals := make(chan os.Signal, 32)
	signal.Notify(signals) // before there is a command, so that none is missed
	if what, err := r.Init.prepare(); err != nil {
		return failInit(what, err)
	}
	start := r.start
	if r.Init.Filter != nil {
		start = r.startApart
	}
	pid, err := start()
	syscall.Close(initReady)
	if err != nil {
		return failInit("Failed to execute '"+r.Init.Name+"'", err)
	}
	go pass(signals, pid)
	status := reapUntil(pid)
	_, _ = syscall.Pwrite(initStatus, []byte(strconv.Itoa(status)), 0)
	return 0
}

// failInit tells people, in the container's standard error, why there is no command.
func failInit(what string, err error) int {
	text := err.Error()
	_, _ = os.Stderr.WriteString(what + ": " + string(text[0]&^0x20) + text[1:] + "\n")
	return 1
}

// prepare carries out what comes before the command.
func (x *Init) prepare() (what string, err error) {
	var opened syscall.Stat_t
	if err := syscall.Stat(".", &opened); err != nil {
		return "Failed to look at the working directory", err
	}
	if x.Hostname != "" {
		if err := syscall.Sethostname([]byte(x.Hostname)); err != nil {
			return "Failed to set the hostname of the container to '" + x.Hostname + "'", err
		}
	}
	if what, err := x.furnish(); err != nil {
		return what, err
	}
	if err := x.enterDirectory(&opened); err != nil {
		return "Failed to chdir into '" + x.Directory + "'", err
	}
	for _, l := range x.Limits {
		limit := syscall.Rlimit{Cur: l.Soft, Max: l.Hard}
		if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, 0, uintptr(l.Resource), uintptr(unsafe.Pointer(&limit)), 0, 0, 0); errno != 0 {
			return "Failed to set rlimit " + strconv.Itoa(int(l.Resource)), errno
		}
	}
	return "", nil
}

// enterDirectory enters the working directory again by its path, below which mounts of this container are seen. It must
// be the one in which the init was started, unless it is one of an image: a container's user could have put a link in its
// place.
func (x *Init) enterDirectory(was *syscall.Stat_t) error {
	if x.Anywhere {
		return enterImage(x.Directory)
	}
	var is syscall.Stat_t
	if err := syscall.Chdir(x.Directory); err != nil {
		return err
	}
	if err := syscall.Stat(".", &is); err != nil {
		return err
	}
	if was.Dev != is.Dev || was.Ino != is.Ino {
		return syscall.ESTALE
	}
	return nil
}

// enterImage enters a directory of the container's own file system, and makes it if it does not exist. Who made the image, or asked
// for the directory, may have named one by links of /proc that lead to the root of another process; these are not followed.
func enterImage(path string) error {
	root, err := open("/")
	if err != nil {
		return err
	}
	defer syscall.Close(root)
	dir, err := makeBelow(root, path, inRoot, true)
	if err != nil {
		return err
	}
	defer syscall.Close(dir)
	return syscall.Fchdir(dir)
}

// startApart is like start, on a thread that ends afterwards, so that the init itself may make all system calls.
func (r Request) startApart() (pid int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pid, err = r.start()
	}()
	<-done
	return pid, err
}

// start starts the command on this thread, which gives up rights first. Threads that do not are those of the init.
func (r Request) start() (pid int, err error) {
	runtime.LockOSThread() // never unlocked
	attr := &syscall.ProcAttr{
		Env: r.Env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: r.Terminal, Credential: r.Credential},
	}
	if c := r.Init.Capabilities; c != nil {
		if err := c.bound(); err != nil {
			return 0, err
		}
		attr.Sys.AmbientCaps = c.ambient()
	}
	if r.Init.NoNewPrivileges {
		if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
			return 0, errno
		}
	}
	if err := r.lower(); err != nil {
		return 0, err
	}
	if err := r.Init.confine(); err != nil {
		return 0, err
	}
	err = syscall.ENOENT
	for _, path := range r.Init.Paths {
		pid, failed := syscall.ForkExec(path, r.Args, attr)
		if errors.Is(failed, syscall.ENOEXEC) {
			pid, failed = syscall.ForkExec("/bin/sh", append([]string{"/bin/sh", path}, r.Args[1:]...), attr)
		}
		if failed == nil {
			return pid, nil
		}
		if !errors.Is(err, syscall.EACCES) { // the most informative error
			err = failed
		}
	}
	return 0, err
}

// confine restricts the system calls of the calling thread. It comes before the command's user is set, since that user may not
// do it, so that the program has to allow what sets a user and starts a program.
//
// Mesos: the end of MesosContainerizerLaunch::execute.
func (x *Init) confine() error {
	const instruction, modeFilter = 8, 2
	if len(x.Filter) == 0 {
		return nil
	}
	program := struct {
		length uint16
		first  *byte
	}{uint16(len(x.Filter) / instruction), &x.Filter[0]}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetSeccomp, modeFilter, uintptr(unsafe.Pointer(&program)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// Operations of prctl(2).
const (
	prSetSeccomp    = 22
	prCapbsetDrop   = 24
	prSetNoNewPrivs = 38
)

// Numbers of capabilities.
const (
	capSetgid   = 6
	capSetuid   = 7
	capSysAdmin = 21
)

// lastCapability is the greatest number of a capability that fits.
const lastCapability = 63

// bound takes the capabilities that are not in the bounding set from the calling thread, and makes the others inheritable.
func (c *Capabilities) bound() error {
	for n := range uintptr(lastCapability) {
		if c.Bounding>>n&1 != 0 {
			continue
		}
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prCapbsetDrop, n, 0, 0, 0, 0)
		if errno == syscall.EINVAL { // the kernel knows no more
			break
		}
		if errno != 0 {
			return errno
		}
	}
	header, sets, err := capabilities()
	if err != nil {
		return err
	}
	for i := range sets {
		sets[i].inheritable = uint32(c.Bounding>>(32*i)) & sets[i].permitted
	}
	return header.set(&sets)
}

// capabilityHeader says to the kernel whose capabilities are meant: those of the calling thread.
type capabilityHeader struct{ version, pid uint32 }

// capabilitySets are the lower and the upper halves of the sets of a thread.
type capabilitySets [2]struct{ effective, permitted, inheritable uint32 }

// capabilities returns the sets of the calling thread.
func capabilities() (h capabilityHeader, all capabilitySets, err error) {
	h.version = 0x20080522
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPGET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&all)), 0); errno != 0 {
		err = errno
	}
	return h, all, err
}

// set sets them.
func (h capabilityHeader) set(all *capabilitySets) error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(all)), 0); errno != 0 {
		return errno
	}
	return nil
}

// lower takes rights that the command will not have from the calling thread, because that thread looks for the program, whose
// path may lead through links of /proc that are open to the init only. What sets the command's user and its system calls stays
// until then.
func (r Request) lower() error {
	c := r.Init.Capabilities
	if c == nil {
		return nil
	}
	kept := c.Bounding
	if r.Credential != nil {
		kept |= 1<<capSetgid | 1<<capSetuid
	}
	if len(r.Init.Filter) > 0 {
		kept |= 1 << capSysAdmin
	}
	header, sets, err := capabilities()
	if err != nil {
		return err
	}
	for i := range sets {
		sets[i].effective &= uint32(kept >> (32 * i))
	}
	return header.set(&sets)
}

// ambient returns the capabilities that a program keeps whatever its user is.
func (c *Capabilities) ambient() []uintptr {
	var all []uintptr
	for n := range uintptr(lastCapability) {
		if c.Effective>>n&1 != 0 {
			all = append(all, n)
		}
	}
	return all
}

// pass passes on signals to the command.
func pass(signals <-chan os.Signal, pid int) {
	for s := range signals {
		if s != syscall.SIGCHLD && s != syscall.SIGURG { // the runtime's own
			_ = syscall.Kill(pid, s.(syscall.Signal))
		}
	}
}

// reapUntil reaps processes, among them orphans of the container, until the command has ended, and returns its status.
func reapUntil(command int) int {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if pid == command || err != nil && err != syscall.EINTR {
			return int(status)
		}
	}
}
