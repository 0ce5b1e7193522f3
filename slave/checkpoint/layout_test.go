package checkpoint_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/messages/ids"
	"meseta/slave/checkpoint"
)

const agent ids.Agent = "84e6a676-83ad-4fab-a2fd-1057fd64e801-S0"

// Every checkpoint and sandbox of a recorded agent of the reference lies where this package says.
func TestReferenceTree(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	f, err := os.Open(shared(t, "golden/agent-workdir-tree.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		there[filepath.Clean(lines.Text())] = true
	}
	meta := checkpoint.Root(".").Meta()
	framework := meta.Agent(agent).Framework("84e6a676-83ad-4fab-a2fd-1057fd64e801-0001")
	executor := framework.Executor("default")
	run := executor.Run("b1965974-f616-4c12-9da9-87618adba714")
	sandbox := checkpoint.Root(".").Agent(agent).Framework("84e6a676-83ad-4fab-a2fd-1057fd64e801-0002").Executor("sleeper")
	for _, path := range []string{
		meta.BootID(), meta.LatestAgent(), meta.Agent(agent).Info(), framework.Info(), framework.PID(), executor.Info(),
		executor.Generated(), executor.LatestRun(), run.Sentinel(), run.ForkedPID(), run.LibprocessPID(),
		run.Task("0").Info(), run.Task("4").Updates(),
		sandbox.LatestRun(), string(sandbox.Run("171d93ab-2102-4421-ace8-8efee360d636")),
	} {
		if !there[path] {
			t.Errorf("the reference has no %s", path)
		}
	}
}

func TestVirtualPath(t *testing.T) {
	t.Parallel()
	if got := checkpoint.VirtualLatestRun("f1", "x1"); got != "/frameworks/f1/executors/x1/runs/latest" {
		t.Errorf("the latest sandbox is browsed as %s", got)
	}
	if got := checkpoint.Run("/r").HTTPMarker(); !strings.HasSuffix(got, "/http.marker") {
		t.Errorf("executors that speak HTTP are marked by %s", got)
	}
}

// shared is the folder of recordings beside the project; the test is skipped where it is not.
func shared(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("MESETA_SHARED")
	for dir := "."; root == ""; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "..", "shared")
		} else if abs, _ := filepath.Abs(dir); abs == "/" {
			t.Skip("outside of the module")
		}
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no recordings here: %v", err)
	}
	return path
}
