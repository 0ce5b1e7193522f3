package cgroups_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"meseta/slave/cgroups"
)

// tree is a directory with files, as a system has it below /sys/fs/cgroup.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	base := t.TempDir()
	for name, content := range files {
		path := filepath.Join(base, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return base
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFind(t *testing.T) {
	t.Parallel()
	v1 := tree(t, map[string]string{"cpu,cpuacct/cgroup.procs": "", "memory/cgroup.procs": "", "pids/README": ""})
	v2 := tree(t, map[string]string{"cgroup.controllers": "cpu memory\n", "cgroup.procs": ""})
	hybrid := tree(t, map[string]string{"memory/cgroup.procs": "", "unified/cgroup.controllers": "cpu\n"})
	for _, test := range []struct {
		base, subsystem string
		path            string
		version         cgroups.Version
		problem         string
	}{
		{v1, "cpu", v1 + "/cpu,cpuacct", cgroups.V1, ""},
		{v1, "cpuacct", v1 + "/cpu,cpuacct", cgroups.V1, ""},
		{v1, "memory", v1 + "/memory", cgroups.V1, ""},
		{v1, "pids", "", 0, "subsystem pids is not mounted below " + v1},
		{v1, "acct", "", 0, "subsystem acct is not mounted"},
		{v1, "../memory", "", 0, `"../memory" is not the name of a subsystem`},
		{v1, "", "", 0, `"" is not the name of a subsystem`},
		{v2, "cpu", v2, cgroups.V2, ""},
		{v2, "pids", "", 0, "controller pids cannot be used: " + v2 + " has only cpu, memory; mount it as a hierarchy of version 1, or do without it"},
		{hybrid, "memory", hybrid + "/memory", cgroups.V1, ""},
		{hybrid, "cpu", hybrid + "/unified", cgroups.V2, ""},
		{hybrid, "pids", "", 0, "controller pids cannot be used"},
		{"/nowhere", "cpu", "", 0, "find the subsystem cpu: open /nowhere"},
	} {
		h, err := cgroups.Find(test.base, test.subsystem)
		if problem := fmt.Sprint(err); (err != nil || test.problem != "") && (test.problem == "" || !strings.HasPrefix(problem, test.problem)) {
			t.Errorf("%s in %s: %v, want %q", test.subsystem, test.base, err, test.problem)
		}
		if h.Path != test.path || h.Version != test.version {
			t.Errorf("%s in %s is %+v, want %s", test.subsystem, test.base, h, test.path)
		}
	}
}

// An agent enters a group in each hierarchy of version 1, once, and learns who is there already.
func TestAgentEntersV1(t *testing.T) {
	t.Parallel()
	base := tree(t, map[string]string{
		"cpu,cpuacct/cgroup.procs": "1\n", "cpu,cpuacct/mesos/slave/cgroup.procs": "12\n7\n",
		"memory/cgroup.procs": "1\n", "memory/mesos/slave/cgroup.procs": "",
	})
	a := cgroups.Agent{Base: base, Root: "mesos", Subsystems: cgroups.ParseSubsystems("cpu,cpuacct,,memory")}
	others, err := a.Enter(7)
	if err != nil {
		t.Fatal(err)
	}
	if len(others) != 1 || !strings.HasSuffix(others[0], "process 12 in "+base+"/cpu,cpuacct/mesos/slave") {
		t.Errorf("others are %q", others)
	}
	if got := content(t, base, "memory/mesos/slave/cgroup.procs"); got != "7" {
		t.Errorf("the group of memory holds %q", got)
	}
	if _, err := os.Stat(filepath.Join(base, "memory/slave")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a group outside of the root: %v", err)
	}
}

// In version 2 the controllers are made available, and the agent is in a leaf.
func TestAgentEntersV2(t *testing.T) {
	t.Parallel()
	base := tree(t, map[string]string{
		"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "", "mesos/agent/leaf/cgroup.procs": "",
	})
	others, err := cgroups.Agent{Base: base, Root: "mesos", Subsystems: []string{"cpu"}}.Enter(7)
	if err != nil || others != nil {
		t.Fatalf("%q, %v", others, err)
	}
	if got := content(t, base, "mesos/agent/leaf/cgroup.procs"); got != "7" {
		t.Errorf("the group holds %q", got)
	}
	if got := content(t, base, "cgroup.subtree_control"); !strings.HasPrefix(got, "+cpu") {
		t.Errorf("%q is enabled", got)
	}
}

// An agent that cannot enter says which group, and why.
func TestAgentCannotEnter(t *testing.T) {
	t.Parallel()
	base := tree(t, map[string]string{"cpu/cgroup.procs": "", "junk/cgroup.procs": "", "junk/mesos/slave/cgroup.procs": "x\n", "cpu/mesos": "a file"})
	for subsystem, want := range map[string]string{
		"memory": "agent_subsystems: subsystem memory is not mounted below " + base,
		"cpu":    "Failed to move agent into cgroup mesos/slave for subsystem cpu under hierarchy " + base + "/cpu for agent: make a cgroup: ",
		"junk":   `Failed to move agent into cgroup mesos/slave for subsystem junk under hierarchy ` + base + `/junk for agent: ` + base + `/junk/mesos/slave/cgroup.procs holds "x"`,
	} {
		if _, err := (cgroups.Agent{Base: base, Root: "mesos", Subsystems: []string{subsystem}}).Enter(7); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", subsystem, err, want)
		}
	}
	if others, err := (cgroups.Agent{Base: "/nowhere", Root: "mesos"}).Enter(7); err != nil || others != nil {
		t.Errorf("without subsystems: %q, %v", others, err)
	}
}

// A group of cpuset has what its parent has, so that processes can be in it.
func TestCpusetIsInherited(t *testing.T) {
	t.Parallel()
	base := tree(t, map[string]string{
		"cpuset/cgroup.procs": "", "cpuset/cpuset.cpus": "0-3\n", "cpuset/cpuset.mems": "0\n",
		"cpuset/a/cpuset.cpus": "1\n", "cpuset/a/cpuset.mems": "\n", "cpuset/a/b/cpuset.cpus": "\n", "cpuset/a/b/cpuset.mems": "",
	})
	h, err := cgroups.Find(base, "cpuset")
	if err := errors.Join(err, cgroups.Group{Hierarchy: h, Name: "a/b"}.Make()); err != nil {
		t.Fatal(err)
	}
	if cpus, mems := content(t, base, "cpuset/a/b/cpuset.cpus"), content(t, base, "cpuset/a/b/cpuset.mems"); strings.TrimSpace(cpus) != "1" || mems != "0" {
		t.Errorf("the group has the processors %q and the memory %q", cpus, mems)
	}
}

// On a real system, a process is moved into a group, which can be removed when the process has ended.
func TestRealGroups(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may make cgroups")
	}
	for _, subsystem := range []string{"cpu", "cpuset", "memory", "pids"} {
		t.Run(subsystem, func(t *testing.T) {
			t.Parallel()
			h, err := cgroups.Find("/sys/fs/cgroup", subsystem)
			if err != nil {
				t.Skip(err)
			}
			root := cgroups.Group{Hierarchy: h, Name: fmt.Sprintf("meseta-test-%d-%s", os.Getpid(), subsystem)}
			g := cgroups.Group{Hierarchy: h, Name: filepath.Join(root.Name, "slave")}
			if err := g.Make(); errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := errors.Join(g.Remove(), root.Remove()); err != nil {
					t.Error(err)
				}
			}()
			sleeper := exec.Command("sleep", "1000")
			if err := sleeper.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				sleeper.Process.Kill() //nolint:errcheck // it runs
				sleeper.Wait()         //nolint:errcheck // it was killed
			}()
			if err := g.Add(sleeper.Process.Pid); err != nil {
				t.Fatal(err)
			}
			if all, err := g.Processes(); err != nil || !slices.Equal(all, []int{sleeper.Process.Pid}) {
				t.Errorf("the group holds %v, %v", all, err)
			}
			if again := g.Make(); again != nil {
				t.Errorf("a group that exists: %v", again)
			}
		})
	}
}
