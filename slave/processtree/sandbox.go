package processtree

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// SandboxVariable tells a process of a container where it is, and us which container it belongs to.
const SandboxVariable = "MESOS_SANDBOX"

// KillSandboxed kills processes as [Table.KillSandboxed] does.
func KillSandboxed(chosen func(sandbox string) bool) error { return new(Table).KillSandboxed(chosen) }

// KillSandboxed kills processes, with all that belongs to them, by the sandbox that their environment names. It finds
// what has left every tree.
func (t *Table) KillSandboxed(chosen func(sandbox string) bool) error {
	_, err := t.signal(func(s *Snapshot) []int { return s.Tree(s.sandboxed(chosen)...) }, syscall.SIGKILL)
	return err
}

// KillContainer kills the tree of pid, and the processes whose environment names that sandbox with theirs.
func (t *Table) KillContainer(pid int, sandbox string) error {
	roots := func(s *Snapshot) []int {
		return append([]int{pid}, s.sandboxed(func(other string) bool { return other == sandbox })...)
	}
	_, err := t.signal(func(s *Snapshot) []int { return s.Tree(roots(s)...) }, syscall.SIGKILL)
	return err
}

// sandboxed returns the processes that belong to the sandboxes that are chosen, but for the calling one.
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

// sandboxOf returns the sandbox that a process belongs to; "" if there is none, or it is not told. One without any
// environment, as each is for a moment while it becomes another program, belongs to where it is.
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
