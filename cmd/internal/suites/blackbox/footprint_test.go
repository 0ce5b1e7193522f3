package blackbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Executors that use HTTP try again to subscribe after at most the time that the agent which started them gives to executors
// that come back. The agents after it give them more, so that they have several attempts on a slow machine.
const (
	brief = "--executor_reregistration_timeout=200ms"
	long  = "--executor_reregistration_timeout=5secs"
)

// footprint is what an agent and its containers occupy of the machine.
type footprint struct {
	files     []string // below its directories
	processes []string // by ID, without the agent itself, with the number of their descriptors
	agent     int      // number of the agent's descriptors
}

// footprintOf looks for what refers to the directories of an agent. The children of tasks do not count, because they come and
// go.
func footprintOf(t *testing.T, agent *process, mark string, dirs ...string) footprint {
	t.Helper()
	tasks := processes(t, mark)
	f := footprint{agent: len(descriptors(fmt.Sprint(agent.cmd.Process.Pid)))}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			f.files = append(f.files, path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range all {
		id := filepath.Base(process)
		if !slices.Contains(tasks, parentOf(id)) && id != fmt.Sprint(agent.cmd.Process.Pid) && id != fmt.Sprint(os.Getpid()) && refers(id, dirs) {
			f.processes = append(f.processes, fmt.Sprintf("%s with %d descriptors", id, len(descriptors(id))))
		}
	}
	slices.Sort(f.processes)
	return f
}

// parentOf returns the parent of a process, or "" if it has ended.
func parentOf(id string) string {
	stat, _ := os.ReadFile("/proc/" + id + "/stat")
	_, rest, _ := strings.Cut(string(stat), ") ")
	if fields := strings.Fields(rest); len(fields) > 1 {
		return fields[1]
	}
	return ""
}

// descriptors are what a process has open.
func descriptors(id string) (all []string) {
	entries, err := os.ReadDir("/proc/" + id + "/fd")
	if err != nil { // it has ended
		return nil
	}
	for _, e := range entries {
		target, _ := os.Readlink("/proc/" + id + "/fd/" + e.Name())
		all = append(all, target)
	}
	return all
}

// refers reports whether a process works below a directory, has something open there, or was told of it.
func refers(id string, dirs []string) bool {
	told, _ := os.ReadFile("/proc/" + id + "/environ")
	line, _ := os.ReadFile("/proc/" + id + "/cmdline")
	where, _ := os.Readlink("/proc/" + id + "/cwd")
	text := strings.Join(append(descriptors(id), string(told), string(line), where), "\n")
	return slices.ContainsFunc(dirs, func(dir string) bool { return strings.Contains(text, dir) })
}

// differences lists what two footprints do not share. Connections of the agent come and go, so it may have fewer descriptors.
func (f footprint) differences(now footprint) (all []string) {
	for _, c := range []struct{ before, after []string }{{f.files, now.files}, {f.processes, now.processes}} {
		for _, one := range c.before {
			if !slices.Contains(c.after, one) {
				all = append(all, "gone: "+one)
			}
		}
		for _, one := range c.after {
			if !slices.Contains(c.before, one) {
				all = append(all, "new: "+one)
			}
		}
	}
	if now.agent > f.agent {
		all = append(all, fmt.Sprintf("the agent has %d descriptors, before it had %d", now.agent, f.agent))
	}
	return all
}

// An agent that was killed and started a hundred times has left no file, no process and no descriptor more than once. Mostly it
// is killed in the middle of its recovery. Tasks of all kinds do not notice.
func TestAHundredRestarts(t *testing.T) {
	t.Parallel()
	w := &world{master: startMaster(t, "0", t.TempDir())}
	work, dir, port := t.TempDir(), t.TempDir(), freePort(t)
	begin := func(patience string) *process {
		return startAgent(t, port, w.master.address, work, "--runtime_dir="+dir, patience, kindsAgent)
	}
	agent, mark := begin(brief), "mark-"+port
	agent.awaits("] registered ")
	k := startEveryKind(t, w, work, dir, mark, false, 1)
	restart := func(whole bool) {
		agent.signal(syscall.SIGKILL)
		agent.ends()
		agent = begin(long)
		if whole {
			agent.awaits("] re-registered ")
		}
	}
	restart(true)
	gone(t, func() []string { // what is being written
		return slices.DeleteFunc(footprintOf(t, agent, mark, work, dir).files, func(path string) bool { return !strings.Contains(path, "/.new-") })
	})
	before := footprintOf(t, agent, mark, work, dir)
	if len(before.processes) < 10 || len(before.files) < 100 || before.agent < 5 { // the executors, their parent, and the tasks
		t.Errorf("not everything was found: %+v", before)
	}
	for i := range 100 {
		restart(i%25 == 24)
	}
	if left := remaining(func() []string { return before.differences(footprintOf(t, agent, mark, work, dir)) }); len(left) > 0 {
		t.Errorf("a hundred restarts made a difference:\n%s", strings.Join(left, "\n"))
	}
	k.same()
	k.end()
}
