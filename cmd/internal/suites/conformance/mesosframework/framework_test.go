package mesosframework

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"meseta/cmd/internal/suites/conformance/local"
)

func TestMain(m *testing.M) { os.Exit(local.Main(m)) }

// tasks is how many run.js runs.
const tasks = 4

// install makes a folder with run.js and what it needs.
func install(t *testing.T) (dir string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed here", tool)
		}
	}
	dir = t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "run.js"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o700); err != nil { // it logs there, and does not make the folder
		t.Fatal(err)
	}
	return dir
}

// check demands that each task was said to run and to finish.
func check(t *testing.T, out string) {
	t.Helper()
	for _, state := range []string{"TASK_RUNNING", "TASK_FINISHED"} {
		if n := strings.Count(out, state+"\n"); n != tasks {
			t.Errorf("%d updates with %s, want %d", n, state, tasks)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestCommandScheduler(t *testing.T) {
	t.Parallel()
	check(t, local.Run(t, install(t), "node", "run.js", "{master}"))
}

// With a password it runs the same tasks. With another, and with none, it ends at once, because the master answers 401.
func TestCredentials(t *testing.T) {
	t.Parallel()
	dir := install(t)
	said, logged, err := local.Guarded(t, dir, "node", "run.js", "{master}", "gopher:burrow")
	if check(t, said); err != nil {
		t.Errorf("with the password: %v\n%s", err, logged)
	}
	for _, login := range []string{"gopher:den", "badger:burrow", ""} {
		said, logged, err := local.Guarded(t, dir, "node", "run.js", "{master}", login)
		if err == nil || !strings.Contains(said, "code: 401") || strings.Contains(said, "TASK_") {
			t.Errorf("as %q: %v\n%s\n%s", login, err, said, logged)
		}
	}
}
