package binaries

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsBuiltRuns(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := Build(context.Background(), bin, "mesos-executor"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(bin, "mesos-executor"), "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Meseta") {
		t.Errorf("%v: %s", err, out)
	}
	if left, err := Running(bin); err != nil || len(left) > 0 {
		t.Errorf("left running: %q, %v", left, err)
	}
}

func TestWhatCannotBeBuiltIsSaid(t *testing.T) {
	t.Parallel()
	err := Build(context.Background(), t.TempDir(), "no-such-program")
	if err == nil || !strings.Contains(err.Error(), "build no-such-program") {
		t.Errorf("%v", err)
	}
}

func TestWhatRunsIsFound(t *testing.T) {
	t.Parallel()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	copied := filepath.Join(bin, "sleep")
	if out, err := exec.Command("cp", "-L", sleep, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(copied, "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // it is killed
	defer cmd.Process.Kill()
	left, err := Running(bin)
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], copied) {
		t.Errorf("%q, %v", left, err)
	}
}
