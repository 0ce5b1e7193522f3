package cgroups_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"meseta/runtime/runtimetest"
	"meseta/slave/cgroups"
)

// hierarchies are those of this system in which groups can be destroyed.
func hierarchies(t *testing.T) map[string]cgroups.Hierarchy {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may make cgroups")
	}
	all := map[string]cgroups.Hierarchy{}
	if h, err := cgroups.Find("/sys/fs/cgroup", "freezer"); err == nil {
		all["version 1"] = h
	}
	if h, err := cgroups.Unified("/sys/fs/cgroup"); err == nil {
		all["version 2"] = h
	}
	return all
}

// in starts a command of the shell in a group, and returns when it says that it is there.
func in(t *testing.T, g cgroups.Group, command string) *exec.Cmd {
	t.Helper()
	if err := g.Make(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "read line; echo in; "+command)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		err = g.Add(cmd.Process.Pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(input, "go")
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "in\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return cmd
}

// A group is destroyed with all that is in it and in the groups below it, in either version: what sleeps, what ignores signals or is
// stopped, what forks on, and what its owner has frozen.
func TestDestroy(t *testing.T) {
	t.Parallel()
	for name, h := range hierarchies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := runtimetest.Node(t)
			g := cgroups.Group{Hierarchy: h, Name: fmt.Sprintf("meseta-test-%d-destroy", os.Getpid())}
			if err := g.Make(); err != nil {
				t.Skip(err)
			}
			d := cgroups.Destroyer{Clock: n.Clock(), Timeout: 30 * time.Second}
			t.Cleanup(func() {
				if err := d.Destroy(g); err != nil {
					t.Error(err)
				}
			})
			below := func(path string) cgroups.Group { return cgroups.Group{Hierarchy: h, Name: filepath.Join(g.Name, path)} }
			all := []*exec.Cmd{
				in(t, below("a"), "exec sleep 1000"),
				in(t, below("a/deaf"), "trap '' TERM INT HUP; while :; do sleep 0.01; done"),
				in(t, below("stopped"), "kill -STOP $$; sleep 1000"),
				in(t, below("forks"), "while :; do (sleep 0.01 &); done"),
				in(t, below("frozen/inner"), "exec sleep 1000"),
			}
			file, value := "cgroup.freeze", "1"
			if h.Version == cgroups.V1 {
				file, value = "freezer.state", "FROZEN"
			}
			if err := below("frozen").Set(file, value); err != nil {
				t.Fatal(err)
			}
			if err := d.Destroy(g); err != nil {
				t.Error(err)
			}
			if g.Exists() {
				t.Error("the group is there")
			}
			for _, cmd := range all {
				cmd.Wait() //nolint:errcheck // it was killed
				if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
					t.Errorf("%s ended with %v", cmd, cmd.ProcessState)
				}
			}
			if err := d.Destroy(g); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}
