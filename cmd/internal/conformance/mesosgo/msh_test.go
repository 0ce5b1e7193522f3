package mesosgo

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"meseta/cmd/internal/conformance/local"
)

// msh runs one command on the cluster and ends as the command does.
func TestMsh(t *testing.T) {
	t.Parallel()
	msh := buildMsh(t)
	out, err := local.Try(t, "", msh, "-master={master}", "--", "sh", "-c", "exit 0")
	if err != nil || !strings.Contains(out, "TASK_RUNNING") {
		t.Errorf("a command that succeeds: %v\n%s", err, out)
	}
	out, err = local.Try(t, "", msh, "-master={master}", "--", "sh", "-c", "exit 3")
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !strings.Contains(out, "Command exited with status 3") {
		t.Errorf("a command that fails: %v\n%s", err, out)
	}
}

// buildMsh builds msh, which is partly written in C.
func buildMsh(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("msh needs a C compiler")
	}
	msh := filepath.Join(t.TempDir(), "msh")
	cmd := exec.Command("go", "build", "-o", msh, "github.com/mesos/mesos-go/api/v1/cmd/msh")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build msh: %v\n%s", err, out)
	}
	return msh
}
