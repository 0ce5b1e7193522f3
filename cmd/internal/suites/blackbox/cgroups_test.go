package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/slave/cgroups"
)

// An agent moves itself into control groups of its own, where its hierarchies are, before it registers.
func TestAgentSubsystems(t *testing.T) {
	t.Parallel()
	const base = "/sys/fs/cgroup"
	root := fmt.Sprintf("meseta-test-%d", os.Getpid())
	var made []cgroups.Group
	for _, subsystem := range []string{"cpu", "pids"} {
		h, err := cgroups.Find(base, subsystem)
		if err != nil || h.Version != cgroups.V1 { // enabling controllers of version 2 would change the system
			t.Skipf("no subsystem %s of version 1: %v", subsystem, err)
		}
		probe := cgroups.Group{Hierarchy: h, Name: root}
		if err := probe.Make(); err != nil {
			t.Skip(err)
		}
		made = append(made, probe)
	}
	t.Cleanup(func() { // after the agent has ended
		for _, g := range made {
			slave := cgroups.Group{Hierarchy: g.Hierarchy, Name: filepath.Join(root, "slave")}
			if err := slave.Remove(); err != nil {
				t.Error(err)
			}
			if err := g.Remove(); err != nil {
				t.Error(err)
			}
		}
	})
	dir := t.TempDir()
	master := startMaster(t, "0", filepath.Join(dir, "master"))
	agent := startAgent(t, "0", master.address, filepath.Join(dir, "agent"), "--agent_subsystems=cpu,pids", "--cgroups_root="+root)
	master.awaits("agent registered")
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", agent.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cpu:/" + root + "/slave\n", "pids:/" + root + "/slave\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the agent is in\n%swant %s", text, want)
		}
	}
	if strings.Contains(string(text), "memory:/"+root) {
		t.Errorf("the agent is in\n%s", text)
	}
}
