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

func TestCommandScheduler(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed here", tool)
		}
	}
	dir := t.TempDir()
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
	out := local.Run(t, dir, "node", "run.js", "{master}")
	for _, state := range []string{"TASK_RUNNING", "TASK_FINISHED"} {
		if n := strings.Count(out, state+"\n"); n != tasks {
			t.Errorf("%d updates with %s, want %d", n, state, tasks)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
