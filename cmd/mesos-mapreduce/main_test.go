package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meseta/cmd/internal/cluster"
	"meseta/cmd/internal/tools/binaries"
)

// built builds the programs of a cluster and this one, and returns their folder.
func built(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	err := binaries.Build(t.Context(), bin, "mesos-master", "mesos-agent", "mesos-executor", "mesos-execute", "mesos-mapreduce")
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// start starts a cluster that is stopped with the test. Then no process may run any more that came from bin.
func start(t *testing.T, bin string) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Start(context.Background(), cluster.Options{Bin: bin, Dir: t.TempDir(), Agents: 2, Resources: "cpus:2;mem:1024;disk:100"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if left, err := binaries.Running(bin); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return c
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and starts a cluster")
	}
	bin := built(t)
	c := start(t, bin)

	t.Run("mesos-mapreduce counts", func(t *testing.T) {
		output := t.TempDir()
		out, err := exec.Command(filepath.Join(bin, "mesos-mapreduce"), "--master="+c.Master, "--input=mapreduce/job", "--files=*.go",
			"--split=2KB", "--reduces=2", "--output="+output).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		want := count(t, "package")
		if line := fmt.Sprintf("package\t%d\n", want); !strings.Contains(results(t, output), "\n"+line) {
			t.Errorf("the result has no line %q", line)
		}
		for _, s := range []string{"Phases", "Tasks per agent", "MB/s", output} {
			if !strings.Contains(string(out), s) {
				t.Errorf("%q is not in the output:\n%s", s, out)
			}
		}
	})
	t.Run("mesos-mapreduce is interrupted", func(t *testing.T) { interruptMapReduce(t, bin, c.Master) })
	t.Run("mesos-execute succeeds and fails with its command", func(t *testing.T) {
		for command, want := range map[string]int{"true": 0, "exit 7": 1} {
			cmd := exec.Command(filepath.Join(bin, "mesos-execute"), "--master="+c.Master, "--name=test", "--command="+command)
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Errorf("%s: exit status %d, want %d\n%s", command, got, want, out)
			}
		}
	})
	t.Run("mesos-execute is interrupted", func(t *testing.T) { interruptExecute(t, bin, c.Master) })
}

// interruptMapReduce stops a run as soon as maps are done.
func interruptMapReduce(t *testing.T, bin, master string) {
	cmd := exec.Command(filepath.Join(bin, "mesos-mapreduce"), "--master="+master, "--output="+t.TempDir())
	out := pipe(t, cmd)
	for s := bufio.NewScanner(out); s.Scan(); {
		if strings.Contains(s.Text(), "maps") && !strings.Contains(s.Text(), "maps 0/") {
			break
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(out)
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 130 {
		t.Errorf("exit status %d\n%s", got, rest)
	}
}

// interruptExecute stops a command that would run for long.
func interruptExecute(t *testing.T, bin, master string) {
	cmd := exec.Command(filepath.Join(bin, "mesos-execute"), "--master="+master, "--name=long", "--command=sleep 1000")
	out := pipe(t, cmd)
	for s := bufio.NewScanner(out); s.Scan(); {
		if strings.Contains(s.Text(), "TASK_RUNNING") {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(out)
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 1 || !strings.Contains(string(rest), "TASK_KILLED") {
		t.Errorf("exit status %d\n%s", got, rest)
	}
}

func pipe(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return out
}

// results returns what a run wrote, after a line break.
func results(t *testing.T, output string) string {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(output, "*", "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteByte('\n')
	for _, p := range parts {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}

// count counts a word in the Go files of package job.
func count(t *testing.T, word string) int {
	t.Helper()
	files, err := filepath.Glob("mapreduce/job/*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range strings.FieldsFunc(string(text), func(r rune) bool {
			return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_')
		}) {
			if w == word {
				n++
			}
		}
	}
	return n
}
