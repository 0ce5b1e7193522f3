package blackbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// asPrisoner makes this test a program that tries to get out of its container. Its value is a prison, as JSON.
const asPrisoner = "MESETA_TEST_PRISONER"

// prison is what a program in a container is told, so that it finds what is outside: paths and numbers, and no rights.
type prison struct {
	Secret  string // a file outside, which only the agent's user may read
	Word    string // what is in it, in the shared memory of the machine, and in the sandbox of another task
	Shared  string // the name of a file in the machine's /dev/shm
	Segment int    // the key of a segment of memory that processes of the machine share
	Sandbox string // that of the other task
	Disk    uint64 // the device with the file
	Group   string // the control group of the agent's containers
	Rooted  bool   // the container has a file system of its own
	Confine bool   // its system calls are restricted
	Within  bool   // it is in a user namespace that the prisoner has made
	Home    string // its sandbox, open
	Alone   string // the only thing to try
	Dig     string // how long to sleep below as many control groups as no path can say; it tries nothing then
}

// up leads to the root from everywhere.
var up = strings.Repeat("../", 40)

// try is what a prisoner tries. It returns what it has got, or nothing.
type try struct {
	name  string
	do    func(p *prison) []string
	alone bool // in a process of its own, which may be elsewhere afterwards
}

var tries = []try{
	{"paths", (*prison).paths, false}, {"roots of processes", (*prison).roots, false}, {"files of processes", (*prison).files, false},
	{"programs of processes", (*prison).programs, false}, {"memory of processes", (*prison).memory, true},
	{"the agent's processes", (*prison).daemons, false}, {"namespaces of processes", (*prison).enters, true},
	{"new namespaces", (*prison).unshares, false}, {"another root", (*prison).chroots, true}, {"rights", (*prison).rights, true},
	{"mounts", (*prison).mounts, false}, {"devices", (*prison).devices, false}, {"handles", (*prison).handles, false},
	{"settings", (*prison).settings, false}, {"control groups", (*prison).groups, false}, {"shared memory", (*prison).shares, false},
	{"keys", (*prison).keys, false}, {"terminals", (*prison).terminals, false}, {"descriptors", (*prison).descriptors, false},
}

// beImprisoned is the main function of the program. It prints what it got.
func beImprisoned() int {
	goruntime.LockOSThread() // namespaces and tracing are those of threads
	p := &prison{}
	if err := json.Unmarshal([]byte(os.Getenv(asPrisoner)), p); err != nil {
		fmt.Println(err)
		return 1
	}
	home, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	p.Home = fmt.Sprintf("/proc/self/fd/%d", home)
	if p.Dig != "" {
		return p.dig()
	}
	for _, t := range tries {
		if p.Alone != "" && p.Alone != t.name {
			continue
		}
		if t.alone && p.Alone == "" {
			inner := *p
			inner.Alone = t.name
			out, err := inner.command().CombinedOutput()
			if fmt.Print(string(out)); err != nil {
				fmt.Printf("got out by %s: %v\n", t.name, err)
			}
			continue
		}
		for _, got := range t.do(p) {
			fmt.Printf("got out by %s: %s\n", t.name, got)
		}
	}
	if p.Alone == "" {
		fmt.Printf("tried %d ways\n", len(tries))
	}
	return 0
}

// command returns this program with another prison, in the sandbox.
func (p *prison) command() *exec.Cmd {
	told, _ := json.Marshal(p) // only texts and numbers
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stdin = append(os.Environ(), asPrisoner+"="+string(told)), os.Stdin // it may have no /dev/null any more
	_ = os.Chdir(p.here())
	return cmd
}

// read returns that a path leads to what is secret.
func (p *prison) read(paths ...string) (got []string) {
	for _, path := range paths {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		content := make([]byte, 64<<10)
		n, _ := unix.Read(fd, content)
		unix.Close(fd)
		if strings.Contains(string(content[:max(n, 0)]), p.Word) {
			got = append(got, "read "+path)
		}
	}
	return got
}

// done returns that calls have succeeded that must not.
func done(calls map[string]error) (got []string) {
	for name, err := range calls {
		if err == nil {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	return got
}

// passed returns that calls got further than the question whether they are allowed.
func passed(calls map[string]error) (got []string) {
	for name, err := range calls {
		if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ENOSYS) {
			got = append(got, fmt.Sprintf("%s (%v)", name, err))
		}
	}
	slices.Sort(got)
	return got
}

// here is the sandbox. Users of nested containers cannot find it by its path among the agent's files.
func (p *prison) here() string {
	if p.Rooted {
		return os.Getenv("MESOS_SANDBOX")
	}
	return p.Home
}

func (p *prison) paths() []string {
	here, _ := os.Getwd()
	return p.read(p.Secret, up+p.Secret, os.Getenv("MESOS_SANDBOX")+"/"+up+p.Secret, here+"/"+up+p.Secret, filepath.Join(p.Sandbox, "stdout"))
}

// others lists the processes that are seen beside this one.
func others() (all []string) {
	found, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range found {
		if path != fmt.Sprintf("/proc/%d", os.Getpid()) {
			all = append(all, path)
		}
	}
	return all
}

func (p *prison) roots() (got []string) {
	for _, process := range append(others(), "/proc/self") {
		for _, link := range []string{"root", "cwd"} {
			way := process + "/" + link
			got = append(got, p.read(way+p.Secret, way+"/"+up+p.Secret)...)
			if os.Chdir(way) == nil {
				got = append(got, p.read(up+p.Secret)...)
			}
		}
	}
	return got
}

func (p *prison) files() (got []string) {
	for _, process := range append(others(), "/proc/self") {
		open, _ := filepath.Glob(process + "/fd/*")
		for _, file := range append(open, process+"/map_files") {
			if where, _ := os.Readlink(file); strings.HasPrefix(where, "pipe:") || strings.HasPrefix(where, "/dev/") {
				continue // reading would take something away
			}
			got = append(got, p.read(file, file+"/"+up+p.Secret)...)
		}
	}
	return got
}

// programs looks for programs of the agent, to which a container's processes must not have access: who has can change them.
func (p *prison) programs() (got []string) {
	for _, process := range others() {
		path := process + "/exe"
		if program, _ := os.Readlink(path); !strings.Contains(program, "/mesos-") {
			continue
		}
		if about, err := os.Stat(path); err == nil {
			if err := os.Chmod(path, about.Mode()); err == nil {
				got = append(got, "changed the mode of "+path)
			}
		}
		if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil || errors.Is(err, unix.ETXTBSY) {
			f.Close() //nolint:errcheck // it may be nil
			got = append(got, "may write to "+path)
		}
	}
	return got
}

// memory tries to read and change other processes. Those of one user that is not root may do that with each other.
func (p *prison) memory() (got []string) {
	if !p.Rooted {
		return nil
	}
	for _, process := range others() {
		if p.own(process) {
			continue
		}
		var pid int
		fmt.Sscanf(process, "/proc/%d", &pid) //nolint:errcheck // it is a number
		const seize = 0x4206
		_, _, errno := unix.Syscall6(unix.SYS_PTRACE, seize, uintptr(pid), 0, 0, 0, 0)
		if errno == 0 {
			got = append(got, "traces "+process)
		}
		if text, err := os.ReadFile(process + "/environ"); err == nil && len(text) > 0 {
			got = append(got, "read the variables of "+process)
		}
		if f, err := os.OpenFile(process+"/mem", os.O_RDWR, 0); err == nil {
			f.Close()
			got = append(got, "opened the memory of "+process)
		}
	}
	return got
}

// own reports whether a process is part of the container's command, which runs programs of its own.
func (p *prison) own(process string) bool {
	line, _ := os.ReadFile(process + "/cmdline")
	return !strings.Contains(string(line), "mesos-")
}

func (p *prison) daemons() (got []string) {
	for _, process := range others() {
		line, _ := os.ReadFile(process + "/cmdline")
		for _, daemon := range []string{"mesos-agent", "mesos-master"} {
			if strings.HasSuffix(strings.SplitN(string(line), "\x00", 2)[0], daemon) {
				got = append(got, "sees "+daemon)
			}
		}
	}
	return got
}

// enters tries to enter the namespaces of other processes.
func (p *prison) enters() (got []string) {
	_ = unix.Unshare(unix.CLONE_FS) // or it could not enter mounts
	for _, process := range others() {
		if p.own(process) {
			continue
		}
		spaces, _ := filepath.Glob(process + "/ns/*")
		for _, space := range spaces {
			if fd, err := unix.Open(space, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
				if unix.Setns(fd, 0) == nil {
					got = append(got, "entered "+space)
				}
				unix.Close(fd)
			}
		}
	}
	return got
}

// unshares tries again in namespaces of its own, in which it has all capabilities.
func (p *prison) unshares() (got []string) {
	if p.Within {
		return nil
	}
	inner := *p
	inner.Within = true
	cmd := inner.command()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err == nil && p.Confine {
		got = append(got, "made a user namespace")
	}
	if err == nil && !strings.Contains(string(out), "tried ") {
		got = append(got, "it did not try all: "+string(out))
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "got out") {
			got = append(got, "within: "+strings.TrimSpace(line))
		}
	}
	return got
}

// mounts tries to change what is mounted.
func (p *prison) mounts() (got []string) {
	dir, err := os.MkdirTemp(p.here(), "mount")
	if err != nil {
		return []string{err.Error()}
	}
	defer os.RemoveAll(dir)
	try := map[string]error{}
	for _, path := range []string{"/proc/sys", "/proc/sysrq-trigger", "/proc/kcore", "/sys", "/sys/firmware", "/dev"} {
		if _, err := os.Stat(path); err != nil || !p.Rooted {
			continue
		}
		try["unmount "+path] = unix.Unmount(path, unix.MNT_DETACH)
		try["remount "+path] = unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND, "")
		attr := unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID}
		try["change "+path] = unix.MountSetattr(unix.AT_FDCWD, path, 0, &attr)
	}
	for kind, options := range map[string]string{"cgroup": "memory", "cgroup2": "", "devtmpfs": "", "debugfs": "", "securityfs": "", "ext4": "", "tracefs": ""} {
		err := unix.Mount(kind, dir, kind, 0, options)
		if err == nil && strings.HasPrefix(kind, "cgroup") && p.Within { // that are its own groups, which root may change; see SECURITY.md
			_, err = os.Stat(filepath.Join(dir, p.Group))
			if os.Getuid() != 0 {
				err = errors.Join(err, unix.Access(filepath.Join(dir, "memory.limit_in_bytes"), unix.W_OK))
			}
		}
		try["mount "+kind] = err
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	}
	if p.Within { // it may arrange what it sees already
		return done(try)
	}
	try["mount proc"] = unix.Mount("proc", dir, "proc", 0, "")
	try["mount tmpfs"] = unix.Mount("tmpfs", dir, "tmpfs", 0, "")
	try["mount what is there"] = unix.Mount("/", dir, "", unix.MS_BIND|unix.MS_REC, "")
	_, err = unix.Fsopen("tmpfs", 0)
	try["open a file system"] = err
	_, err = unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE)
	try["copy mounts"] = err
	try["pivot"] = unix.PivotRoot(".", ".")
	return done(try)
}

// chroots is the classic: a process whose working directory is outside of its root can go up.
func (p *prison) chroots() []string {
	dir, err := os.MkdirTemp(p.here(), "root")
	if err != nil {
		return []string{err.Error()}
	}
	defer os.RemoveAll(dir)
	if unix.Chdir("/") != nil || unix.Chroot(dir) != nil {
		return nil
	}
	for range 40 {
		_ = unix.Chdir("..")
	}
	_ = unix.Chroot(".")
	return p.read(p.Secret)
}

// devices makes devices, and tries to use them.
func (p *prison) devices() (got []string) {
	all := map[string]uint64{"the disk": p.Disk, "loop-control": unix.Mkdev(10, 237), "a loop": unix.Mkdev(7, 0)}
	chars := map[string]uint64{"mem": unix.Mkdev(1, 1), "kmsg": unix.Mkdev(1, 11), "fuse": unix.Mkdev(10, 229), "kvm": unix.Mkdev(10, 232)}
	for _, dir := range []string{os.Getenv("MESOS_SANDBOX"), "/tmp", "/", "/dev", "/dev/shm"} {
		for name, number := range all {
			got = append(got, uses(dir, name, unix.S_IFBLK, number)...)
		}
		for name, number := range chars {
			got = append(got, uses(dir, name, unix.S_IFCHR, number)...)
		}
	}
	return got
}

func uses(dir, name string, kind uint32, number uint64) []string {
	path := filepath.Join(dir, "prisoner's device")
	if unix.Mknod(path, kind|0o600, int(number)) != nil {
		return nil
	}
	defer os.Remove(path)
	for _, mode := range []int{unix.O_RDONLY, unix.O_WRONLY} {
		fd, err := unix.Open(path, mode|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		if err == nil || !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
			return []string{fmt.Sprintf("opened %s in %s (%v)", name, dir, err)}
		}
	}
	return nil
}

// handles asks for the root of a file system by its number.
func (p *prison) handles() (got []string) {
	const withGeneration, root = 1, 2
	for _, dir := range []string{"/", os.Getenv("MESOS_SANDBOX"), "/etc", "/dev/shm"} {
		at, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		fd, err := unix.OpenByHandleAt(at, unix.NewFileHandle(withGeneration, []byte{root, 0, 0, 0, 0, 0, 0, 0}), unix.O_RDONLY|unix.O_CLOEXEC)
		if err == nil {
			got = append(got, "opened the root of what "+dir+" is on")
			unix.Close(fd)
		}
		unix.Close(at)
	}
	return got
}

// settings opens files by which the kernel is told something. Nothing is written, except for what is the prisoner's own.
func (p *prison) settings() (got []string) {
	for _, path := range []string{
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/sysrq", "/proc/sys/kernel/hostname", "/proc/sys/kernel/panic",
		"/proc/sys/kernel/poweroff_cmd", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/drop_caches", "/proc/sys/net/ipv4/ip_forward",
		"/proc/sys/fs/binfmt_misc/register", "/proc/sys/fs/file-max", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/mtrr",
		"/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state", "/sys/module/kernel/parameters/panic",
	} {
		if fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
			got = append(got, "may write "+path)
			unix.Close(fd)
		}
	}
	for _, path := range []string{"/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmsg"} {
		if fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err == nil {
			if n, _ := unix.Read(fd, make([]byte, 64)); n > 0 {
				got = append(got, "read "+path)
			}
			unix.Close(fd)
		}
	}
	if os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0) == nil {
		got = append(got, "is never killed when memory is short")
	}
	return got
}

// groups tries to leave the control groups of the container, and to change them.
func (p *prison) groups() (got []string) {
	hierarchies, _ := filepath.Glob("/sys/fs/cgroup/*")
	for _, h := range append(hierarchies, "/sys/fs/cgroup") {
		var about unix.Statfs_t
		if unix.Statfs(h, &about) != nil || about.Type != unix.CGROUP_SUPER_MAGIC && about.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		for _, group := range []string{h, filepath.Join(h, p.Group)} {
			if dir := filepath.Join(group, "prisoner"); os.Mkdir(dir, 0o700) == nil {
				got = append(got, "made "+dir)
				os.Remove(dir)
			}
			for _, file := range []string{"tasks", "cgroup.procs", "release_agent", "notify_on_release", "memory.limit_in_bytes", "memory.max", "devices.allow", "pids.max", "freezer.state"} {
				if fd, err := unix.Open(filepath.Join(group, file), unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
					got = append(got, "may write "+filepath.Join(group, file))
					unix.Close(fd)
				}
			}
		}
	}
	return append(got, p.ownGroups()...)
}

// ownGroups tries to change the limits of its own groups.
func (p *prison) ownGroups() (got []string) {
	text, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		for _, base := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/" + fields[1], "/sys/fs/cgroup/unified"} {
			dir := filepath.Join(base, fields[2])
			if dir == base {
				continue
			}
			for _, file := range []string{"memory.limit_in_bytes", "memory.max", "devices.allow", "pids.max", "cpu.cfs_quota_us", "cpu.shares", "cpu.max", "freezer.state", "cgroup.freeze"} {
				if fd, err := unix.Open(filepath.Join(dir, file), unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
					got = append(got, "may write "+filepath.Join(dir, file))
					unix.Close(fd)
				}
			}
		}
	}
	return got
}

// rights calls what only the owner of a machine may. Each call is such that nothing happens where it is allowed.
func (p *prison) rights() []string {
	if p.Within {
		return nil
	}
	none := append([]byte("/no/such"), 0)
	call := func(number, a, b, c uintptr) error {
		if _, _, errno := unix.Syscall(number, a, b, c); errno != 0 {
			return errno
		}
		return nil
	}
	name := uintptr(unsafe.Pointer(&none[0]))
	_, profiles := unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: unix.PERF_ATTR_SIZE_VER0}, -1, 0, -1, 0)
	var host unix.Utsname
	_ = unix.Uname(&host)
	_, packets := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	return passed(map[string]error{
		"load a module": call(unix.SYS_INIT_MODULE, name, 0, name), "unload a module": call(unix.SYS_DELETE_MODULE, name, 0, 0),
		"swap": call(unix.SYS_SWAPON, name, 0, 0), "account": call(unix.SYS_ACCT, name, 0, 0), "reboot": call(unix.SYS_REBOOT, 0, 0, 0),
		"change priority": unix.Setpriority(unix.PRIO_PROCESS, 0, -20), "look at every process": profiles, "see all packets": packets,
		"name the machine": unix.Sethostname([]byte(unix.ByteSliceToString(host.Nodename[:]))), "become root": p.becomesRoot(),
		"raise limits": raiseLimit(), "new mounts": unix.Unshare(unix.CLONE_NEWNS),
	})
}

// becomesRoot tries to become root, if it is not.
func (p *prison) becomesRoot() error {
	if os.Getuid() == 0 {
		return unix.EPERM
	}
	return unix.Setuid(0)
}

func raiseLimit() error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Max++
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
}

// shares looks for memory that processes outside share.
func (p *prison) shares() (got []string) {
	if p.Rooted {
		got = p.read("/dev/shm/" + p.Shared)
	}
	if _, err := unix.SysvShmGet(p.Segment, 0, 0); err == nil {
		got = append(got, "found a segment")
	}
	return got
}

// keys asks for keys, which all processes of a user have together, unless that is no system call for the container.
func (p *prison) keys() []string {
	if !p.Confine {
		return nil
	}
	_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true)
	return done(map[string]error{"has the keys of its user": err})
}

// terminals looks for terminals of others. Those of one user who has no images may write on each other's.
func (p *prison) terminals() (got []string) {
	if !p.Rooted {
		return nil
	}
	var own unix.Stat_t
	_ = unix.Fstat(0, &own)
	found, _ := filepath.Glob("/dev/pts/[0-9]*")
	for _, path := range append(found, "/dev/tty0", "/dev/ttyS0") {
		var about unix.Stat_t
		if unix.Stat(path, &about) != nil || about.Rdev == own.Rdev {
			continue
		}
		if fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err == nil {
			got = append(got, "may write on "+path)
			unix.Close(fd)
		}
	}
	return got
}

// descriptors looks for files that were open when it was started; its own would not be if it started another program.
func (p *prison) descriptors() (got []string) {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		fd, _ := strconv.Atoi(filepath.Base(link))
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || fd <= 2 || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		where, _ := os.Readlink(link)
		got = append(got, link+" is "+where)
	}
	return got
}

// copyTo copies a program.
func copyTo(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
