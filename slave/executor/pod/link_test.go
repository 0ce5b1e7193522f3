package pod

import (
	"os"
	"path/filepath"
	"testing"
)

// An earlier task may have put anything into the sandbox.
func TestTasksAreLinkedWithinTheSandbox(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tasks  string // target of "tasks"; empty means that it does not exist
		linked bool
	}{
		"nothing there": {"", true},
		"a path":        {"OUTSIDE", false},
		"a way up":      {"../outside", false},
		"a loop":        {"tasks", false},
	} {
		dir := t.TempDir()
		outside, sandbox := filepath.Join(dir, "outside"), filepath.Join(dir, "sandbox")
		for _, folder := range []string{outside, sandbox} {
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if c.tasks == "OUTSIDE" {
			c.tasks = outside
		}
		if c.tasks != "" {
			if err := os.Symlink(c.tasks, filepath.Join(sandbox, "tasks")); err != nil {
				t.Fatal(err)
			}
		}
		if err := linkTask(sandbox, "t1", "/target"); (err == nil) != c.linked {
			t.Errorf("%s: %v", name, err)
		}
		if target, err := os.Readlink(filepath.Join(sandbox, "tasks", "t1")); c.linked && (err != nil || target != "/target") {
			t.Errorf("%s: leads to %q, %v", name, target, err)
		}
		if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
			t.Errorf("%s: %v outside, %v", name, entries, err)
		}
	}
}
