package blackbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// counting is a command of the shell that prints its mark, and counts until a gate is open.
func counting(g gate, mark string) string {
	return fmt.Sprintf("echo %s; i=0; while %s; do echo $i; i=$((i+1)); sleep 0.02; done; echo end", mark, g.shut())
}

// processes lists the processes with mark in their command lines, by their IDs. It leaves out children of others, which a
// shell makes for each command.
func processes(t *testing.T, mark string) (all []string) {
	t.Helper()
	found := map[string]bool{}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		text, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(text), mark) && !strings.Contains(string(text), "mesos-execute") {
			found[filepath.Base(filepath.Dir(name))] = true
		}
	}
	for id := range found {
		if parent := parentOf(id); parent != "" && !found[parent] {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all
}

// outputs returns what tasks with a mark have printed after it, below a work directory: once for each time that they printed the
// mark.
func outputs(t *testing.T, work, mark string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(work, "slaves"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a health check is over, and its sandbox is gone
			return nil
		}
		if err != nil || d.Name() != "stdout" || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		_, after, found := strings.Cut("\n"+string(text), "\n"+mark+"\n")
		for found {
			all = append(all, after)
			_, after, found = strings.Cut("\n"+after, "\n"+mark+"\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// whole demands that a count has no gap and comes to its end.
func whole(t *testing.T, output string) {
	t.Helper()
	lines := strings.Split(output, "\n")
	end := slices.Index(lines, "end")
	if end < 0 {
		t.Fatalf("the output does not end: %.200q…", output)
	}
	for i, line := range lines[:end] {
		if line != fmt.Sprint(i) {
			t.Fatalf("line %d of the output is %q", i, line)
		}
	}
}

// inOrder demands that a framework has heard once that a task finished, and nothing afterwards. What it had not acknowledged
// when an agent ended, it may have heard twice.
func inOrder(t *testing.T, heard, task string) {
	t.Helper()
	finished := "status update TASK_FINISHED for task '" + task + "'"
	_, after, found := strings.Cut(heard, finished)
	if !found || strings.Contains(after, "for task '"+task+"'") {
		t.Errorf("after the end of task %s was heard:\n%s", task, heard)
	}
}

// Agents are killed or ended one after the other under tasks, which do not notice: their processes stay the same, their
// outputs are whole, and their updates arrive in order.
func TestTasksOutliveAgents(t *testing.T) {
	t.Parallel()
	command := func(t *testing.T, master string, g gate, mark string) *process {
		return execute(t, master, "one", counting(g, mark), "--checkpoint")
	}
	for name, c := range map[string]struct {
		flags []string
		start func(t *testing.T, master string, g gate, mark string) *process
		tasks int
	}{
		"command":           {nil, command, 1},
		"command over HTTP": {[]string{"--http_command_executor"}, command, 1},
		"group": {nil, func(t *testing.T, master string, g gate, mark string) *process {
			return executeGroup(t, master, []member{{"one", counting(g, mark), nil}, {"two", counting(g, mark), nil}}, "--checkpoint")
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startMaster(t, "0", t.TempDir())
			work, port, g := t.TempDir(), freePort(t), newGate(t)
			mark := "mark-" + port
			flags := append(c.flags, "--runtime_dir="+t.TempDir())
			a := startAgent(t, port, m.address, work, append(flags, brief)...)
			p := c.start(t, m.address, g, mark)
			for _, task := range []string{"one", "two"}[:c.tasks] {
				p.awaits("TASK_RUNNING for task '" + task + "'")
			}
			before := processes(t, mark)
			for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
				a.signal(s)
				a.ends()
				a = startAgent(t, port, m.address, work, append(flags, long)...)
				a.awaits("] re-registered ")
				if now := processes(t, mark); !slices.Equal(now, before) || len(now) != c.tasks {
					t.Errorf("after %s the processes are %v, before they were %v", s, now, before)
				}
			}
			g.open(t)
			if status := p.ends(); status != 0 {
				t.Errorf("the tasks ended with %d:\n%s", status, p.out)
			}
			for _, task := range []string{"one", "two"}[:c.tasks] {
				inOrder(t, p.out.String(), task)
			}
			printed := outputs(t, work, mark)
			if len(printed) != c.tasks {
				t.Errorf("%d tasks have printed something, want %d", len(printed), c.tasks)
			}
			for _, output := range printed {
				whole(t, output)
			}
		})
	}
}

// Tasks of frameworks that want no checkpoints end with their agent.
func TestTasksWithoutCheckpointsEndWithTheirAgent(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work, port, g := t.TempDir(), freePort(t), newGate(t)
	mark := "mark-" + port
	a := startAgent(t, port, m.address, work, "--runtime_dir="+t.TempDir())
	p := execute(t, m.address, "one", counting(g, mark))
	p.awaits("TASK_RUNNING")
	a.signal(syscall.SIGTERM)
	a.ends()
	if status := p.ends(); status != 1 || !strings.Contains(p.out.String(), "TASK_LOST") {
		t.Errorf("exit status %d, want 1 with TASK_LOST", status)
	}
	gone(t, func() []string { return processes(t, mark) })
}
