package recovery_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime/disk"
	"meseta/slave/recovery"
	"meseta/slave/slavetest"
)

// bare returns a machine with an empty work directory, on which nothing is configured but an attribute.
func bare(t *testing.T) recovery.Machine {
	return recovery.Machine{
		Addr: "10.0.0.3:5051", WorkDir: t.TempDir(), Role: "*", Attributes: "rack:r1", System: &slavetest.System{}, Disk: disk.Local{}, Strict: true,
	}
}

func domain(region, zone string) *mesospb.DomainInfo {
	return &mesospb.DomainInfo{FaultDomain: &mesospb.DomainInfo_FaultDomain{
		Region: &mesospb.DomainInfo_FaultDomain_RegionInfo{Name: &region},
		Zone:   &mesospb.DomainInfo_FaultDomain_ZoneInfo{Name: &zone},
	}}
}

// A new agent is what its machine and its configuration say, and has no ID.
func TestNewAgent(t *testing.T) {
	t.Parallel()
	m := bare(t)
	m.Domain = domain("r1", "z1")
	found, err := look(m)
	if err != nil {
		t.Fatal(err)
	}
	info := found.Info
	if info.Id != nil || info.GetHostname() != "10.0.0.3" || info.GetPort() != 5051 || !info.GetCheckpoint() || info.GetDomain().GetFaultDomain().GetZone().GetName() != "z1" {
		t.Errorf("the agent is %v", info)
	}
	if got := resources.FromValid(info.GetResources()).String(); got != "cpus:4; mem:7168; disk:97280; ports:[31000-32000]" {
		t.Errorf("it has %s", got)
	}
	if a := info.GetAttributes(); len(a) != 1 || a[0].GetName() != "rack" || a[0].GetText().GetValue() != "r1" {
		t.Errorf("its attributes are %v", a)
	}
	if found.Boot != "boot" || found.Earlier.Info != nil || len(found.Warnings) > 0 {
		t.Errorf("found %+v", found)
	}
	m.Hostname = "host"
	if found, err := look(m); err != nil || found.Info.GetHostname() != "host" {
		t.Errorf("an agent with a hostname is called %s, %v", found.Info.GetHostname(), err)
	}
}

// What the system does not tell is no reason not to start.
func TestSystemTellsNothing(t *testing.T) {
	t.Parallel()
	m := bare(t)
	m.Resources, m.System = "mem:1;disk:1", &slavetest.System{Err: errors.New("no such device")}
	found, err := look(m)
	want := []string{"failed to detect the number of cpus, offering 1: no such device", "failed to read the boot ID: no such device"}
	if err != nil || found.Boot != "" || !slices.Equal(found.Warnings, want) {
		t.Errorf("found boot %q, warnings %q, %v", found.Boot, found.Warnings, err)
	}
}

// What is configured wrongly is refused with the name of what is wrong.
func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*recovery.Machine){
		"Failed to determine agent resources: ": func(m *recovery.Machine) { m.Resources = "cpus" },
		"determine the attributes: ":            func(m *recovery.Machine) { m.Attributes = "rack" },
		"determine the address: ":               func(m *recovery.Machine) { m.Addr = "10.0.0.3" },
	} {
		m := bare(t)
		change(&m)
		if _, err := look(m); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s…", err, want)
		}
	}
}
