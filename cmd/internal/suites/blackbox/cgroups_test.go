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

// The packets of each container have a class of its own, which is reported with the status of its task. No test mounts net_cls: Docker's
// containers, those of other tests too, have no statistics while a hierarchy is mounted that the engine does not see.
func TestPacketsHaveClasses(t *testing.T) {
	t.Parallel()
	root := groupsRoot(t)
	h, err := cgroups.Find("/sys/fs/cgroup", "net_cls")
	if err != nil || h.Version != cgroups.V1 {
		t.Skipf("net_cls is not mounted: %v", err)
	}
	master := startMaster(t, "0", t.TempDir())
	agent := startAgent(t, "0", master.address, t.TempDir(), "--launcher=linux", "--isolation=cgroups/net_cls",
		"--cgroups_root="+root, "--cgroups_net_cls_primary_handle=0x12", "--cgroups_net_cls_secondary_handles=0x5,0x6", "--no-systemd_enable_support")
	agent.awaits("] registered ")
	g := newGate(t)
	task := execute(t, master.address, "classed", g.wait())
	task.awaits("TASK_RUNNING")
	files, err := filepath.Glob(filepath.Join(h.Path, root, "*-*", "net_cls.classid"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	class, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	got := strings.TrimSpace(string(class))
	if want := fmt.Sprint(0x120005); got != want {
		t.Errorf("the class of the packets is %s, want %s", got, want)
	}
	if _, body := master.get("/tasks"); !strings.Contains(body, `"cgroup_info":{"net_cls":{"classid":`+got) {
		t.Errorf("the class %s is not reported: %s", got, body)
	}
	g.open(t)
	task.ended(0, "TASK_FINISHED")
	gone(t, func() []string {
		left, err := filepath.Glob(filepath.Join(h.Path, root, "*-*"))
		if err != nil {
			t.Fatal(err)
		}
		return left
	})
}
