package command

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/containerizer/forker/serve"
)

// Rooted is a [Launcher] of processes that see the file system of an image instead of the executor's. What is mounted in it,
// the agent has mounted. Each has an init of its own, which is this program, so that it has to import package serve.
//
// Mesos: launchTaskSubprocess of the command executor.
type Rooted struct {
	Rootfs    string                  // as the executor sees it (--rootfs)
	Sandbox   string                  // where the sandbox is in it (--sandbox_directory), the working directory by default
	Effective *mesospb.CapabilityInfo // of the command (--effective_capabilities)
	Bounding  *mesospb.CapabilityInfo // nil means that the command has all (--bounding_capabilities)
	Filter    []byte                  // the program that decides about system calls, as the kernel reads it; none means that all are allowed (--task_seccomp_filter)

	beside *os.File // the mounts of a process that was launched, which are seen; nil: none
}

// Beside implements [Besider].
func (r Rooted) Beside(p Process) Launcher {
	r.beside = p.(*rootedProcess).mounts
	return r
}

// start starts an init, which sees the mounts of the process that it is beside, or gets mounts of its own. These are the result.
func (r Rooted) start(init *exec.Cmd) (mounts *os.File, err error) {
	if r.beside != nil {
		return nil, serve.Beside(r.beside, init.Start)
	}
	return serve.Apart(init.Start)
}

// Launch implements [Launcher].
func (r Rooted) Launch(c Command) (Process, error) {
	asked, err := r.request(c)
	if err != nil {
		return nil, err
	}
	request, err := memory("request", asked.Encode())
	if err != nil {
		return nil, err
	}
	defer request.Close()
	status, err := memory("status", nil)
	if err != nil {
		return nil, err
	}
	ready, started, err := os.Pipe()
	if err != nil {
		status.Close()
		return nil, err
	}
	defer ready.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.Env = []string{serve.Name, serve.InitMode}, []string{"GOMAXPROCS=1", "GOGC=off"}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{request, status, started}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	mounts, err := r.start(cmd)
	started.Close()
	if err != nil {
		status.Close()
		return nil, err
	}
	_, _ = ready.Read(make([]byte, 1)) // ends when the command was started, or the init has failed: before, it would miss signals
	return &rootedProcess{posixProcess{cmd}, status, mounts}, nil
}

// request returns what the init of a command does.
func (r Rooted) request(c Command) (serve.Request, error) {
	q := serve.Request{
		Path: c.Path, Args: c.Args, Env: effective(c.Env), Terminal: term.IsTerminal(int(os.Stdin.Fd())),
		Init: &serve.Init{
			Namespaces: syscall.CLONE_NEWNS, Root: r.Rootfs, Pivot: true, Directory: cmp.Or(c.Dir, r.Sandbox), Anywhere: true, Name: c.Path,
			Filter: r.Filter,
		},
	}
	if len(q.Args) == 0 {
		q.Args = []string{c.Path}
	}
	if r.beside != nil {
		q.Init.Namespaces, q.Init.Root, q.Init.Pivot = 0, "", false
	}
	q.Init.Paths = candidates(c.Path, q.Env)
	if r.Bounding != nil {
		q.Init.Capabilities = &serve.Capabilities{Bounding: bits(r.Bounding), Effective: bits(r.Effective)}
	}
	user, err := c.credential()
	q.Credential = user
	return q, err
}

// effective returns variables without those that later ones replace.
func effective(env []string) (all []string) {
	seen := map[string]bool{}
	for _, v := range slices.Backward(env) {
		if name, _, _ := strings.Cut(v, "="); !seen[name] {
			seen[name] = true
			all = append(all, v)
		}
	}
	slices.Reverse(all)
	return all
}

// candidates returns the files that a name may stand for.
func candidates(name string, env []string) []string {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	var all []string
	for _, v := range env {
		path, found := strings.CutPrefix(v, "PATH=")
		for dir := range strings.SplitSeq(path, ":") {
			if found {
				all = append(all, cmp.Or(dir, ".")+"/"+name)
			}
		}
	}
	return all
}

// bits returns a set of capabilities with one bit for each. The kernel numbers them as messages do, from 0.
func bits(all *mesospb.CapabilityInfo) (set uint64) {
	for _, c := range all.GetCapabilities() {
		if c >= mesospb.CapabilityInfo_CHOWN {
			set |= 1 << (c - mesospb.CapabilityInfo_CHOWN)
		}
	}
	return set
}

// memory returns a file in memory.
func memory(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.WriteAt(content, 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// rootedProcess is an init, which stands for its command.
type rootedProcess struct {
	posixProcess
	status *os.File // has the wait status of the command when the init has ended, unless it has failed
	mounts *os.File // those that it sees, until it has ended; nil if it is beside another process
}

// Ended implements [Process].
func (p *rootedProcess) Ended(b runtime.Behavior) runtime.Future[ExitStatus] {
	ended := p.posixProcess.Ended(b)
	return runtime.Chain(b, ended, func(own ExitStatus, err error) runtime.Future[ExitStatus] {
		return runtime.Go(b, func(context.Context) (ExitStatus, error) {
			defer p.status.Close()
			p.mounts.Close() //nolint:errcheck // it may be nil
			if err != nil {
				return 0, err
			}
			content := make([]byte, 20)
			n, _ := p.status.ReadAt(content, 0) // it may be empty
			if status, failed := strconv.Atoi(string(content[:n])); failed == nil {
				return ExitStatus(status), nil
			}
			return own, nil
		})
	})
}
