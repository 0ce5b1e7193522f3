package mesos

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/forker"
	"meseta/slave/processtree"
)

// execute starts the command as execvp does: it looks up a name without a slash along PATH, and gives a file that the
// kernel cannot execute to the shell. If that fails, it starts a process that says so and exits with status 1, so that
// the container has run and failed.
//
// Mesos: the end of mesos-containerizer launch.
func (p *process) execute(cmd forker.Command) error {
	try := func(path string, args []string) (err error) {
		cmd.Path, cmd.Args = path, args
		p.first, err = p.launcher.Fork(p.container, cmd)
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.container.Environment)) {
		cmd.Env = append(cmd.Env, name+"="+p.container.Environment[name])
	}
	if p.container.Setup != nil {
		return p.executeByInit(cmd)
	}
	missing := p.attempt(func(path string, args ...string) error { return try(path, args) })
	if missing == nil {
		return nil
	}
	var words unexecutableError
	if !errors.As(missing, &words) {
		return missing
	}
	const say = `printf '%s\n' "$0" >&2; exit 1`
	cmd.Env = []string{processtree.SandboxVariable + "=" + p.container.Environment[processtree.SandboxVariable]}
	return try(shell, []string{"sh", "-c", say, string(words)})
}

// executeByInit starts the init of the container, which executes the command, and looks for it where the container is.
func (p *process) executeByInit(cmd forker.Command) (err error) {
	c := p.container.Command()
	cmd.Init = initOf(p.container)
	if c := p.container; c.Beside != nil && c.Beside.Delegates() && cmd.Init.Enter&unix.CLONE_NEWNS != 0 {
		view, err := forker.CommandMounts(c.Beside.pid)
		if err != nil {
			return err
		}
		defer view.Close()
		cmd.Init.View = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), view.Fd())
	}
	cmd.Init.Name, cmd.Path, cmd.Args = c.GetValue(), c.GetValue(), c.GetArguments()
	switch {
	case c.Value == nil:
		cmd.Init.Name = "no command is specified"
	case c.GetShell():
		cmd.Init.Paths, cmd.Args = []string{shell}, []string{"sh", "-c", c.GetValue()}
	default:
		cmd.Init.Paths = candidates(c.GetValue(), p.container.Environment["PATH"], !cmd.Init.Pivot)
	}
	if len(cmd.Args) == 0 {
		cmd.Args = []string{c.GetValue()}
	}
	ready, started, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	cmd.Ready = started
	p.first, err = p.launcher.Fork(p.container, cmd)
	started.Close()
	if err == nil { // before that, the init would miss signals
		_, _ = ready.Read(make([]byte, 1)) // ends when the command was started, or the init has failed
	}
	return err
}

// shell is the shell that runs scripts and shell commands.
const shell = "/bin/sh"

// unexecutableError is the output of a container whose command cannot be executed.
type unexecutableError string

// Error implements error.
func (e unexecutableError) Error() string { return string(e) }

// attempt calls start with one path and argument list after the other, until one succeeds.
func (p *process) attempt(start func(path string, args ...string) error) error {
	c := p.container.Config.GetCommandInfo()
	switch {
	case c.Value == nil && c.GetShell():
		return unexecutableError("Shell command is not specified")
	case c.Value == nil:
		return unexecutableError("Executable path is not specified")
	case c.GetShell():
		return start(shell, "sh", "-c", c.GetValue())
	}
	args := c.GetArguments()
	if len(args) == 0 {
		args = []string{c.GetValue()}
	}
	err := error(syscall.ENOENT)
	for _, path := range candidates(c.GetValue(), p.container.Environment["PATH"], true) {
		failed := start(path, args...)
		if errors.Is(failed, syscall.ENOEXEC) {
			failed = start(shell, append([]string{shell, path}, args[1:]...)...)
		}
		if failed == nil {
			return nil
		}
		if !errors.Is(err, syscall.EACCES) { // the most informative error
			err = failed
		}
		if !elsewhere(failed) {
			break
		}
	}
	return unexecutable(c, err)
}

// candidates returns the files that a name may stand for. If they are files of the agent's file system, those are left out
// that are known not to exist.
func candidates(name, path string, here bool) []string {
	switch {
	case name == "":
		return nil
	case strings.Contains(name, "/"):
		return []string{name}
	}
	var all []string
	for _, dir := range filepath.SplitList(path) {
		if dir == "" {
			dir = "."
		}
		file := dir + "/" + name
		if here && filepath.IsAbs(dir) {
			if _, err := os.Lstat(file); errors.Is(err, os.ErrNotExist) {
				continue
			}
		}
		all = append(all, file)
	}
	return all
}

// elsewhere reports whether the program may be in another directory.
func elsewhere(err error) bool {
	for _, e := range []syscall.Errno{syscall.EACCES, syscall.ENOENT, syscall.ESTALE, syscall.ENOTDIR, syscall.ENODEV, syscall.ETIMEDOUT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unexecutable distinguishes failures of execve, which are the command's, from those of the agent.
func unexecutable(c *mesospb.CommandInfo, err error) error {
	for _, e := range []syscall.Errno{
		syscall.ENOENT, syscall.EACCES, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.ENOEXEC, syscall.E2BIG,
		syscall.ETXTBSY, syscall.EISDIR, syscall.ELIBBAD, syscall.ENODEV, syscall.ESTALE,
	} {
		if errors.Is(err, e) {
			text := e.Error()
			return unexecutableError(fmt.Sprintf("Failed to execute '%s': %s", c.GetValue(), strings.ToUpper(text[:1])+text[1:]))
		}
	}
	return err
}

// command returns everything about the process but its program and its environment.
func (p *process) command(files []*os.File, dir, status *os.File) forker.Command {
	c := p.container
	return forker.Command{
		Credential: c.credential(), Directory: dir, Streams: [3]*os.File{files[0], files[1], files[2]}, Status: status,
		// The terminal of a command is its own, and not that of the executor around it.
		Terminal: p.board != nil && c.Config.GetContainerInfo().GetTtyInfo() != nil && c.Config.GetTaskInfo() == nil,
	}
}

// credential returns the user and the groups of the process, or nil if they are those of the agent.
func (c *Container) credential() *syscall.Credential {
	if c.Credential == nil || len(c.VolumeGroups) == 0 {
		return c.Credential
	}
	all := *c.Credential
	all.Groups = slices.Concat(all.Groups, c.VolumeGroups)
	return &all
}
