package processtree

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// SandboxVariable is the environment variable that tells a process its sandbox. It also tells which container a process
// belongs to.
const SandboxVariable = "MESOS_SANDBOX"

// KillSandboxed kills processes as [Table.KillSandboxed] does.
func KillSandboxed(chosen func(sandbox string) bool) error { return new(Table).KillSandboxed(chosen) }

// KillSandboxed kills the processes, with their trees, whose environment names a sandbox for which chosen returns true.
// This finds processes that left every tree.
func (t *Table) KillSandboxed(chosen func(sandbox string) bool) error {
	_, err := t.signal(func(s *Snapshot) []int { return s.Tree(s.sandboxed(chosen)...) }, syscall.SIGKILL)
	return err
}

// KillContainer kills the tree of pid, and the processes, with their trees, whose environment names that sandbox.
func (t *Table) KillContainer(pid int, sandbox string) error {
	roots := func(s *Snapshot) []int {
		return append([]int{pid}, s.sandboxed(func(other string) bool { return other == sandbox })...)
	}
	_, err := t.signal(func(s *Snapshot) []int { return s.Tree(roots(s)...) }, syscall.SIGKILL)
	return err
}

// KillRest kills what the process pid left behind: the processes in the session and the group that it led, and those
// whose environment names that sandbox, if it is not empty, with their trees. If there is a process pid, that is
// another one by now, and there is no session and no group of the old one any more.
func (t *Table) KillRest(pid int, sandbox string) error {
	_, err := t.signal(func(s *Snapshot) []int {
		roots := s.sandboxed(func(other string) bool { return other == sandbox })
		if !s.Has(pid) {
			roots = append(roots, pid)
		}
		return s.Tree(roots...)
	}, syscall.SIGKILL)
	return err
}

// sandboxed returns the processes in the chosen sandboxes, except the calling one.
func (s *Snapshot) sandboxed(chosen func(sandbox string) bool) []int {
	s.once.Do(s.readSandboxes)
	var all []int
	for _, p := range s.Processes {
		if sandbox := s.sandboxes[p.PID]; sandbox != "" && chosen(sandbox) && p.PID != os.Getpid() {
			all = append(all, p.PID)
		}
	}
	return all
}

func (s *Snapshot) readSandboxes() {
	s.sandboxes = map[int]string{}
	for _, p := range s.Processes {
		if sandbox := sandboxOf("/proc/" + strconv.Itoa(p.PID)); sandbox != "" {
			s.sandboxes[p.PID] = sandbox
		}
	}
}

// sandboxOf returns the sandbox of a process, or "" if there is none or it cannot be read. A process that is executing
// a new program has no environment for a moment; then its working directory counts.
func sandboxOf(proc string) string {
	env, err := os.ReadFile(proc + "/environ")
	if err != nil {
		return ""
	}
	if len(env) == 0 {
		dir, _ := os.Readlink(proc + "/cwd")
		return dir
	}
	for v := range strings.SplitSeq(string(env), "\x00") {
		if name, sandbox, ok := strings.Cut(v, "="); ok && name == SandboxVariable {
			return sandbox
		}
	}
	return ""
}

// Belongs reports whether a process leads a session, and has the sandbox in its environment, or as its working
// directory, or has that variable, as name=value, in its environment. It blocks.
func Belongs(pid int, sandbox, variable string) bool {
	proc := "/proc/" + strconv.Itoa(pid)
	line, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return false
	}
	if p, alive := parse(pid, line); !alive || p.Session != pid {
		return false
	}
	if dir, err := os.Readlink(proc + "/cwd"); err == nil && dir == sandbox {
		return true
	}
	env, _ := os.ReadFile(proc + "/environ")
	for v := range strings.SplitSeq(string(env), "\x00") {
		if v == variable || v == SandboxVariable+"="+sandbox {
			return true
		}
	}
	return false
}
