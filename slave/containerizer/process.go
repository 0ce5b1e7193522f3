package containerizer

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/actors/account"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/switchboard"
	"meseta/slave/processtree"
)

// defaultPath is where programs are looked for when neither the command nor the agent says.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// process is the first process of a container. Its number stays its own until it is reaped.
type process struct {
	cmd     *exec.Cmd
	env     map[string]string
	dir     string             // where it runs
	sandbox string             // in its environment, and in that of no other container; "": that is another's
	board   *switchboard.Board // for those who attach; nil: nobody can
	logs    [2]*os.File        // of the board's copies

	mu     sync.Mutex // holds off reaping while a signal is under way
	reaped bool
}

// startProcess starts the command of a container in its sandbox.
func startProcess(l Launch) (*process, error) {
	dir, command := l.Config.GetDirectory(), l.Config.GetCommandInfo()
	env := environment(l)
	cmd, err := commandLine(command, env, dir)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, env: env, dir: dir, sandbox: dir}
	if l.beside != nil {
		p.dir, p.sandbox = l.beside.dir, ""
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if cmd.SysProcAttr.Credential, err = credential(l.Config.GetUser()); err != nil {
		return nil, err
	}
	out, err := openLogs(dir, cmd.SysProcAttr.Credential)
	if err != nil {
		return nil, err
	}
	door, err := p.enter()
	if err != nil {
		closeAll(out[:])
		return nil, err
	}
	defer door.Close()
	if err := p.start(l, out); err != nil {
		return nil, fmt.Errorf("start %s: %w", command.GetValue(), err)
	}
	if err := recordPID(l.PIDFile, p.pid()); err != nil {
		_ = p.kill()
		_, _ = p.reap()
		p.hangUp()
		return nil, err
	}
	return p, nil
}

// enter has the process start in its directory. Its user may not be allowed to go there, through the sandboxes of
// others, so the agent opens the door, which is to be closed when the process has started.
func (p *process) enter() (door *os.File, err error) {
	if door, err = os.Open(p.dir); err != nil {
		return nil, fmt.Errorf("enter the sandbox: %w", err)
	}
	p.cmd.Dir = p.dir
	if p.cmd.SysProcAttr.Credential != nil {
		p.cmd.Dir = fmt.Sprintf("/proc/self/fd/%d", door.Fd())
	}
	return door, nil
}

// start starts the process on its logs, or on a switchboard that will write them.
func (p *process) start(l Launch, logs [2]*os.File) error {
	theirs := []*os.File{nil, logs[0], logs[1]}
	if l.attachable() {
		o := switchboard.Options{
			TTY: l.Config.GetContainerInfo().GetTtyInfo(), Wait: l.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG,
		}
		if c := p.cmd.SysProcAttr.Credential; c != nil {
			o.User = int(c.Uid)
		}
		var err error
		if p.board, theirs, err = switchboard.Open(o); err != nil {
			closeAll(logs[:])
			return err
		}
		// The terminal of a command is its own and not that of the executor around it.
		p.cmd.SysProcAttr.Setctty = o.TTY != nil && l.Config.GetTaskInfo() == nil
		p.logs = logs
		p.cmd.Stdin = theirs[0]
	}
	p.cmd.Stdout, p.cmd.Stderr = theirs[1], theirs[2]
	err := p.cmd.Start()
	closeAll(theirs)
	if err != nil {
		p.hangUp()
	}
	return err
}

// hangUp ends the switchboard of a process that nobody will attach to.
func (p *process) hangUp() {
	if p.board != nil {
		p.board.Close()
		closeAll(p.logs[:])
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close() //nolint:errcheck // nil, twice the same, or read on the other side
	}
}

// environment is the agent's variables, overruled by the command's.
//
// Differs: PATH is the agent's own and not a constant, because executors expect to find what the agent's operator put
// there.
func environment(l Launch) map[string]string {
	env := map[string]string{"PATH": defaultPath}
	if path, ok := os.LookupEnv("PATH"); ok {
		env["PATH"] = path
	}
	if l.beside != nil {
		env = maps.Clone(l.beside.env)
	}
	maps.Copy(env, l.Environment)
	if l.beside == nil {
		env[processtree.SandboxVariable] = l.Config.GetDirectory()
	}
	for _, v := range l.Config.GetCommandInfo().GetEnvironment().GetVariables() {
		env[v.GetName()] = v.GetValue()
	}
	return env
}

func commandLine(c *mesospb.CommandInfo, env map[string]string, dir string) (*exec.Cmd, error) {
	if c.GetShell() {
		return &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", c.GetValue()}}, nil
	}
	path, err := lookPath(c.GetValue(), env["PATH"], dir)
	if err != nil {
		return nil, err
	}
	args := c.GetArguments()
	if len(args) == 0 {
		args = []string{c.GetValue()}
	}
	return &exec.Cmd{Path: path, Args: args}, nil
}

// lookPath finds a program as execvp does in the environment and directory of the container.
func lookPath(name, path, dir string) (string, error) {
	if name == "" {
		return "", errors.New("the command is empty")
	}
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, d := range filepath.SplitList(path) {
		if !filepath.IsAbs(d) {
			d = filepath.Join(dir, d)
		}
		file := filepath.Join(d, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// credential is that of a user other than the agent's; nil if it is the same or none is named.
func credential(name string) (*syscall.Credential, error) {
	if name == "" {
		return nil, nil
	}
	user, err := account.Lookup(name)
	if err != nil {
		return nil, err
	}
	return user.Credential(), nil
}

// openLogs opens stdout and stderr in a sandbox, for the container's user.
func openLogs(dir string, owner *syscall.Credential) ([2]*os.File, error) {
	var files [2]*os.File
	for i, name := range []string{"stdout", "stderr"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err == nil && owner != nil {
			err = f.Chown(int(owner.Uid), int(owner.Gid))
		}
		if err != nil {
			return files, fmt.Errorf("open %s of the sandbox: %w", name, err)
		}
		files[i] = f
	}
	return files, nil
}

func recordPID(file string, pid int) error {
	if file == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("record the process of the container: %w", err)
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("record the process of the container: %w", err)
	}
	return nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// reap waits for the process to end, kills what it has left behind, and returns its wait status. It blocks.
func (p *process) reap() (int32, error) {
	for {
		err := unix.Waitid(unix.P_PID, p.pid(), nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, os.NewSyscallError("waitid", err)
		}
	}
	err := p.kill() // its number is not reused before Wait
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Wait() // an error here is what the status tells
	p.reaped = true
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return int32(status), err
}

// signal reaches the process alone.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return ErrUnknown
	}
	return p.cmd.Process.Signal(s)
}

// kill kills the process and all that belongs to it.
func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return nil
	}
	_, err := processtree.Signal(p.pid(), syscall.SIGKILL)
	if p.sandbox == "" {
		return err
	}
	return errors.Join(err, processtree.KillSandboxed(func(sandbox string) bool { return sandbox == p.sandbox }))
}

// measure adds up what the processes of the container use.
func (p *process) measure(u *mesospb.ResourceStatistics) error {
	all, err := processtree.Snapshot()
	if err != nil {
		return err
	}
	var user, system float64
	var rss uint64
	for _, pid := range processtree.Tree(all, p.pid()) {
		one, err := procfs.NewProc(pid)
		if err != nil {
			continue // ended since
		}
		if stat, err := one.Stat(); err == nil {
			user += float64(stat.UTime) / ticks
			system += float64(stat.STime) / ticks
			rss += uint64(stat.ResidentMemory())
		}
	}
	u.CpusUserTimeSecs, u.CpusSystemTimeSecs, u.MemRssBytes = proto.Float64(user), proto.Float64(system), proto.Uint64(rss)
	return nil
}

// ticks is the unit of times in the process table: hundredths of a second, on every Linux.
const ticks = 100
