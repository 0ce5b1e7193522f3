package recovery_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
	"meseta/slave/checkpoint"
	"meseta/slave/recovery"
	"meseta/slave/slavetest"
)

// machine is one on whose disk an agent a1 has left that it had four CPUs when the system's boot was boot.
func machine(t *testing.T, boot string) (recovery.Machine, *sim.Disk) {
	t.Helper()
	d := sim.New(1).Disk("10.0.0.1:5051")
	m := recovery.Machine{
		Addr: "10.0.0.1:5051", WorkDir: "/w", Hostname: "localhost", Resources: "cpus:4;mem:1;disk:1;gpus:0;ports:[1-2]", Role: "*",
		System: &slavetest.System{}, Disk: d, Policy: recovery.Equal, Strict: true,
	}
	found, err := look(m)
	if err != nil {
		t.Fatal(err)
	}
	earlier := proto.CloneOf(found.Info)
	earlier.Id = ids.Agent("a1").Proto()
	for _, r := range earlier.GetResources() {
		r.Role = proto.String("*")
	}
	meta := checkpoint.Root("/w").Meta()
	agent := meta.Agent("a1")
	content, err := checkpoint.Encode(earlier)
	if err = errors.Join(err, d.MkdirAll(string(agent), 0o755), disk.Link(d, string(agent), meta.LatestAgent()),
		disk.Replace(d, agent.Info(), content, 0o600), disk.Replace(d, meta.BootID(), []byte(boot), 0o600)); err != nil {
		t.Fatal(err)
	}
	return m, d
}

// look describes an agent and looks for the one before it.
func look(m recovery.Machine) (recovery.Found, error) {
	d, err := recovery.Describe(m)
	if err != nil {
		return recovery.Found{}, err
	}
	return recovery.Look(m, d)
}

// thisBoot is the ID of the present boot.
func thisBoot(t *testing.T) string {
	t.Helper()
	boot, err := (&slavetest.System{}).BootID()
	if err != nil || boot == "" {
		t.Fatalf("boot %q, %v", boot, err)
	}
	return boot
}

// An agent has the ID of the one that ran before it, after a boot too.
func TestTheIDIsKept(t *testing.T) {
	t.Parallel()
	for boot, rebooted := range map[string]bool{thisBoot(t): false, "another": true, "": false} {
		m, _ := machine(t, boot)
		f, err := look(m)
		if err != nil || ids.AgentOf(f.Info.GetId()) != "a1" || f.Rebooted() != rebooted {
			t.Errorf("after boot %q: %v, rebooted %t, %v", boot, f.Info, f.Rebooted(), err)
		}
	}
}

// An agent that has changed more than the policy allows does not start, and nothing is changed on disk. After a boot it
// is a new agent instead, and the directory of the old one can be collected.
func TestAnIncompatibleAgent(t *testing.T) {
	t.Parallel()
	m, d := machine(t, thisBoot(t))
	m.Resources = strings.Replace(m.Resources, "cpus:4", "cpus:2", 1)
	before := d.Tree()
	_, err := look(m)
	if err == nil || !strings.HasPrefix(err.Error(), "Failed to perform recovery: Incompatible agent info detected. \n") ||
		!strings.Contains(err.Error(), "\nrm -f /w/meta/slaves/latest") {
		t.Errorf("the agent ends with %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "role: ") {
		t.Errorf("resources are shown as they are on disk: %v", err)
	}
	if after := d.Tree(); after != before {
		t.Errorf("the disk changed to\n%s", after)
	}
	m.Policy = recovery.Additive
	if _, err := look(m); err == nil || !strings.Contains(err.Error(), "'cpus' decreased from 4 to 2") {
		t.Errorf("the agent ends with %v", err)
	}

	m, d = machine(t, "another")
	m.Resources = strings.Replace(m.Resources, "cpus:4", "cpus:2", 1)
	f, err := look(m)
	if err != nil || f.Info.Id != nil || f.Earlier.Info != nil {
		t.Fatalf("found %v, %v", f.Info, err)
	}
	if _, err := d.Lstat("/w/meta/slaves/latest"); err == nil {
		t.Error("the old agent is still the latest")
	}
	var warned, left bool
	for _, w := range f.Earlier.Warnings {
		warned = warned || strings.HasPrefix(w, "Falling back to recover as a new agent due to error: Incompatible agent info")
	}
	for _, l := range f.Earlier.Leftovers {
		left = left || l.Path == "/w/meta/slaves/a1"
	}
	if !warned || !left {
		t.Errorf("warnings %q, leftovers %v", f.Earlier.Warnings, f.Earlier.Leftovers)
	}
	if again, err := look(m); err != nil || again.Info.Id != nil {
		t.Errorf("the next start finds %v, %v", again.Info, err)
	}
}

// Damage keeps a strict agent from starting. Damage of the drain configuration never does.
func TestStrict(t *testing.T) {
	t.Parallel()
	agent := checkpoint.Root("/w").Meta().Agent("a1")
	for _, c := range []struct {
		path   string
		strict bool
		want   string // empty: the agent starts
	}{
		{agent.Info(), true, "Failed to read agent info from '/w/meta/slaves/a1/slave.info'"},
		{agent.Info(), false, ""},
		{agent.DrainConfig(), true, ""},
	} {
		m, d := machine(t, thisBoot(t))
		m.Strict = c.strict
		if err := disk.Replace(d, c.path, []byte("\x04\x00\x00\x00junk"), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := look(m)
		switch {
		case c.want == "" && (err != nil || f.Earlier.Errors != 1 || f.Earlier.Drain != nil):
			t.Errorf("%s: %v, %d errors, %v", filepath.Base(c.path), f.Earlier.Drain, f.Earlier.Errors, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", filepath.Base(c.path), err)
		}
	}
}
