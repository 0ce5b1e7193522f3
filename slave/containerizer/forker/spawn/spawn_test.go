package spawn_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"meseta/slave/cgroups"
	"meseta/slave/containerizer/forker/spawn"
)

// place is where the processes of a test begin.
type place struct {
	t         *testing.T
	directory *os.File
	null      *os.File
}

func newPlace(t *testing.T) place {
	t.Helper()
	p := place{t: t}
	var err error
	if p.directory, err = os.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if p.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.directory.Close()
		p.null.Close()
	})
	return p
}

// process returns a process that executes a script, and says nothing.
func (p place) process(script string, args ...string) spawn.Process {
	null := int(p.null.Fd())
	return spawn.Process{
		Path: "/bin/sh", Args: append([]string{"sh", "-c", script, "sh"}, args...), Env: []string{"PATH=" + os.Getenv("PATH")},
		Files: []int{null, null, null}, Directory: int(p.directory.Fd()), Unified: -1,
	}
}

// start starts a process, which fails the test if the kernel is too old.
func (p place) start(what spawn.Process) (pid int) {
	p.t.Helper()
	pid, handle, err := spawn.Start(what)
	if errors.Is(err, spawn.ErrOld) {
		p.t.Skip(err)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if err := unix.Close(handle); err != nil {
		p.t.Error(err)
	}
	return pid
}

// end waits for the end of a process.
func end(t *testing.T, pid int) syscall.WaitStatus {
	t.Helper()
	var status syscall.WaitStatus
	for {
		if got, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			if got != pid {
				t.Errorf("process %d: %v", pid, err)
			}
			return status
		}
	}
}

// said returns what a process says until its end.
func (p place) said(what spawn.Process) string {
	p.t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	defer read.Close()
	what.Files = slices.Clone(what.Files)
	what.Files[1], what.Files[2] = int(write.Fd()), int(write.Fd())
	pid := p.start(what)
	write.Close()
	text, err := io.ReadAll(read)
	if status := end(p.t, pid); err != nil || !status.Exited() || status.ExitStatus() != 0 {
		p.t.Errorf("it ended with %#x (%v): %s", status, err, text)
	}
	return string(text)
}

// The process has the arguments, the variables and the directory that it is given, and a session of its own.
func TestProcess(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	what := p.process(`echo "$1,$2"; echo $A; pwd -P; cut -d" " -f6 /proc/$$/stat | grep -cx $$`, "x y", "")
	what.Env = append(what.Env, "A=b=c")
	dir, err := filepath.EvalSymlinks(p.directory.Name())
	if err != nil {
		t.Fatal(err)
	}
	got := p.said(what)
	lines := strings.Split(got, "\n")
	if len(lines) != 5 {
		t.Fatalf("it says %q", got)
	}
	if want := []string{"x y,", "b=c", dir}; !slices.Equal(lines[:3], want) || lines[3] != "1" {
		t.Errorf("it says %q, want %q", lines, want)
	}
}

// More files than three get the numbers that follow.
func TestMoreFiles(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	what := p.process(`for i in 3 4 5; do readlink /proc/$$/fd/$i; done`)
	var want strings.Builder
	for i := range 3 {
		name := filepath.Join(p.directory.Name(), strconv.Itoa(i))
		file, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		what.Files = append(what.Files, int(file.Fd()))
		fmt.Fprintln(&want, name)
	}
	if got := p.said(what); got != want.String() {
		t.Errorf("its files are\n%s, want\n%s", got, want.String())
	}
}

// alone runs a test once more in a process of its own, by a script that may prepare it, and reports whether this is not that process.
func alone(t *testing.T, script string) bool {
	t.Helper()
	const variable = "MESETA_SPAWN_ALONE"
	if os.Getenv(variable) == t.Name() {
		return false
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script+` exec "$0" -test.run="^$1\$" -test.v`, os.Args[0], t.Name())
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	output, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "PASS: "+t.Name()) && !strings.Contains(string(output), "SKIP: "+t.Name()) {
		t.Errorf("%v\n%s", err, output)
	}
	return true
}

// What a process gets without being given it is what os/exec gives: the signals that it blocks, ignores and handles, its
// limits, its mask of modes, and no files.
func TestLikeExec(t *testing.T) {
	t.Parallel()
	if alone(t, "ulimit -Sn 123;") {
		return
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1, syscall.SIGTERM)
	signal.Ignore(syscall.SIGUSR2)
	const script = `grep -E "^(Sig[BIC]|Umask|Seccomp|NoNewPrivs|Cap)" /proc/self/status; cat /proc/self/limits; ls /proc/self/fd`
	p := newPlace(t)
	want, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	if got := p.said(p.process(script)); got != string(want) {
		t.Errorf("it has\n%s\nand with os/exec\n%s", got, want)
	}
	if !strings.Contains(string(want), " 123 ") {
		t.Errorf("there is no limit of open files in\n%s", want)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 77, Max: 100}); err != nil {
		t.Fatal(err)
	}
	if got := p.said(p.process("ulimit -Sn")); got != "77\n" {
		t.Errorf("where somebody has set the limit, it is %s", got)
	}
}

// A failure before the program is executed says what was being done. Nothing is left of the process.
func TestFailures(t *testing.T) {
	t.Parallel()
	needRoot(t)
	p := newPlace(t)
	file := filepath.Join(p.directory.Name(), "file")
	p.said(p.process(`printf x >"$1" && chmod 755 "$1"`, file)) // a file that this process wrote may be open in others that begin
	for want, spoil := range map[string]func(*spawn.Process){
		"enter /no/tasks: no such file or directory":        func(s *spawn.Process) { s.Groups = []string{file, "/no/tasks"} },
		"enter /dev/full: no space left on device":          func(s *spawn.Process) { s.Groups = []string{file, "/dev/full"} },
		"begin a process: bad file descriptor":              func(s *spawn.Process) { s.Unified = int(p.null.Fd()) },
		"enter the working directory: not a directory":      func(s *spawn.Process) { s.Directory = int(p.null.Fd()) },
		"set the supplementary groups: invalid argument":    func(s *spawn.Process) { s.Credential = &syscall.Credential{Groups: make([]uint32, 1<<17)} },
		"set the group: invalid argument":                   func(s *spawn.Process) { s.Credential = &syscall.Credential{Gid: 1<<32 - 1} },
		"set the user: invalid argument":                    func(s *spawn.Process) { s.Credential = &syscall.Credential{Uid: 1<<32 - 1, NoSetGroups: true} },
		"arrange the files: bad file descriptor":            func(s *spawn.Process) { s.Files[1] = 1 << 20 },
		"take the terminal: inappropriate ioctl for device": func(s *spawn.Process) { s.Terminal = true },
		"no such file or directory":                         func(s *spawn.Process) { s.Path = "/no/program" },
		"permission denied":                                 func(s *spawn.Process) { s.Path = p.directory.Name() },
		"exec format error":                                 func(s *spawn.Process) { s.Path = file },
		"invalid argument":                                  func(s *spawn.Process) { s.Args[0] = "a\x00b" },
		"argument list too long":                            func(s *spawn.Process) { s.Args[0] = strings.Repeat("a", 1<<18) },
	} {
		what := p.process("exit")
		spoil(&what)
		pid, handle, err := spawn.Start(what)
		if fmt.Sprint(err) != want || pid != 0 || handle != -1 {
			t.Errorf("process %d, handle %d and %v, want %s", pid, handle, err, want)
		}
		var errno syscall.Errno
		if words := strings.Contains(want, ": "); words == errors.As(err, &errno) {
			t.Errorf("%T is the error of %s", err, want)
		}
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may do it")
	}
}

// A process gets a user and groups, and keeps the groups of this process if it is to.
func TestCredential(t *testing.T) {
	t.Parallel()
	needRoot(t)
	p := newPlace(t)
	what := p.process("id -u; id -g; id -G")
	what.Credential = &syscall.Credential{Uid: 65534, Gid: 1234, Groups: []uint32{7, 1234}}
	if got, want := p.said(what), "65534\n1234\n1234 7\n"; got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
	what.Credential.Groups = nil
	if got, want := p.said(what), "65534\n1234\n1234\n"; got != want {
		t.Errorf("without groups it is\n%s, want\n%s", got, want)
	}
}

// A process gets namespaces, and a terminal.
func TestNamespacesAndTerminal(t *testing.T) {
	t.Parallel()
	needRoot(t)
	p := newPlace(t)
	what := p.process("mount -t proc proc /proc && echo $$ && readlink /proc/self/ns/uts")
	what.Namespaces = syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC
	here, err := os.Readlink("/proc/self/ns/uts")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(p.said(what))
	if len(got) != 2 || got[0] != "1" || got[1] == here {
		t.Errorf("in its own namespaces it says %q, and here is %s", got, here)
	}
	main, other, err := pty()
	if err != nil {
		t.Skip(err)
	}
	defer main.Close()
	defer other.Close()
	what = p.process("exec 3</dev/tty && ps -o tty= -p $$ | grep -c pts")
	what.Files[0], what.Terminal = int(other.Fd()), true
	if got := p.said(what); got != "1\n" {
		t.Errorf("with a terminal it says %q", got)
	}
}

// pty opens both ends of a terminal.
func pty() (main, other *os.File, err error) {
	if main, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	fd := int(main.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		other, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		main.Close()
	}
	return main, other, err
}

// group makes a control group in the hierarchy of a subsystem for a test.
func group(t *testing.T, subsystem string) cgroups.Group {
	t.Helper()
	needRoot(t)
	h, err := cgroups.Find("/sys/fs/cgroup", subsystem)
	if subsystem == "" {
		h, err = cgroups.Unified("/sys/fs/cgroup")
	}
	if err != nil {
		t.Skip(err)
	}
	g := cgroups.Group{Hierarchy: h, Name: fmt.Sprintf("meseta-spawn-%d-%s", os.Getpid(), t.Name())}
	if err := g.Make(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// A process is in its groups before it executes its program, so that all that it does then counts there.
func TestGroups(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	what := p.process("cat /proc/$$/cgroup")
	var all []cgroups.Group
	for _, subsystem := range []string{"freezer", "cpu", "cpuacct", "memory", "pids"} {
		g := group(t, subsystem)
		if g.Version != cgroups.V1 {
			t.Skip("there is version 2 only")
		}
		all, what.Groups = append(all, g), append(what.Groups, filepath.Join(g.Path(), "tasks"))
	}
	got := p.said(what)
	if in := strings.Count(got, ":/"+all[0].Name+"\n"); in < 4 { // cpu and cpuacct may be one
		t.Errorf("it is in\n%s", got)
	}
	for file, g := range map[string]cgroups.Group{"memory.max_usage_in_bytes": all[3], "cpuacct.usage": all[2]} {
		if used, err := os.ReadFile(filepath.Join(g.Path(), file)); err != nil || string(used) == "0\n" {
			t.Errorf("%s is %s (%v)", file, used, err)
		}
	}
	if err := all[4].Set("pids.max", "1"); err != nil {
		t.Fatal(err)
	}
	if status := end(t, p.start(p.inGroups(what.Groups, "exec true"))); status != 0 {
		t.Errorf("the only process that its group may have ended with %#x", status)
	}
	if status := end(t, p.start(p.inGroups(what.Groups, "(true); exit 0"))); status == 0 {
		t.Error("there are more processes than its group may have")
	}
}

func (p place) inGroups(groups []string, script string) spawn.Process {
	what := p.process(script)
	what.Groups = groups
	return what
}

// A process begins in its group of version 2.
func TestUnifiedGroup(t *testing.T) {
	t.Parallel()
	p, g := newPlace(t), group(t, "")
	dir, err := os.Open(g.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	what := p.process("cat /proc/$$/cgroup")
	what.Unified = int(dir.Fd())
	if got, want := p.said(what), "0::/"+g.Name+"\n"; !strings.Contains(got, want) {
		t.Errorf("it is in\n%s, want %s", got, want)
	}
}

// Thousands of processes begin and fail while garbage is collected all the time and signals arrive. Each gets what is its own, and no
// file and no process is left.
func TestThousands(t *testing.T) {
	t.Parallel()
	if alone(t, "export GOGC=1 GOMAXPROCS=4;") {
		return
	}
	p := newPlace(t)
	group := filepath.Join(p.directory.Name(), "group")
	if err := os.WriteFile(group, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := files(t)
	over, stop := make(chan struct{}), sync.WaitGroup{}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	stop.Go(func() { disturb(over) })
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for i := range 300 {
				p.one(group, strconv.Itoa((part*300+i)%199))
			}
		})
	}
	all.Wait()
	close(over)
	stop.Wait()
	if after := files(t); after != before {
		t.Errorf("%d files are open, and were %d", after, before)
	}
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
		t.Errorf("process %d is left (%v)", pid, err)
	}
}

// one runs a process that ends with a status, and one that cannot begin.
func (p place) one(group, status string) {
	what := p.inGroups([]string{group}, `exit "$1"`)
	what.Args = append(what.Args, status)
	if got := end(p.t, p.start(what)).ExitStatus(); strconv.Itoa(got) != status {
		p.t.Errorf("it ended with %d, want %s", got, status)
	}
	what.Path = "/no/program"
	if _, _, err := spawn.Start(what); err != syscall.ENOENT {
		p.t.Errorf("a program that does not exist: %v", err)
	}
}

// disturb makes garbage and sends signals to this process until it is over.
func disturb(over <-chan struct{}) {
	var garbage [64][]byte
	for i := 0; ; i++ {
		select {
		case <-over:
			return
		default:
			garbage[i%len(garbage)] = make([]byte, 1<<14)
			_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
			runtime.Gosched()
		}
	}
}

// files returns the number of open files of this process.
func files(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
