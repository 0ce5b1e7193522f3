package mesosgo

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	tasks   = 20
	timeout = 2 * time.Minute
)

// build builds a package of the module in dir into bin.
func build(t *testing.T, dir, bin string, packages ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-o", bin + "/"}, packages...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %v: %v\n%s", packages, err, out)
	}
}

// freePort finds a port for a program that does not take 0.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// The example scheduler runs its tasks in its example executor, which the agent fetches from it over HTTP, and ends by
// itself when all have finished.
func TestV0Example(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	build(t, filepath.Join("..", "..", "..", ".."), bin, "./cmd/mesos-master", "./cmd/mesos-agent", "./cmd/mesos-executor", "./cmd/mesos-local")
	theirs := filepath.Join(bin, "mesos-go")
	build(t, ".", theirs, "github.com/mesos/mesos-go/api/v0/examples/scheduler", "github.com/mesos/mesos-go/api/v0/examples/executor")

	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "mesos-local"),
		"--num_agents=2", "--port=0", "--resources=cpus:4;mem:1024;disk:100", "--work_dir="+t.TempDir(), "--",
		filepath.Join(theirs, "scheduler"), "-master={master}", "-executor="+filepath.Join(theirs, "executor"),
		"-artifactPort="+strconv.Itoa(freePort(t)), "-task-count="+strconv.Itoa(tasks), "-logtostderr=true")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it stops what it started
	cmd.WaitDelay = 30 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("the example ended with %v\n%s", err, out.String())
	}
	for task := 1; task <= tasks; task++ {
		if line := fmt.Sprintf("Status update: task %d  is in state  TASK_FINISHED", task); strings.Count(out.String(), line) != 1 {
			t.Errorf("%q was not said once", line)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}
