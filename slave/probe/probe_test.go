package probe_test

import (
	"errors"
	"testing"

	"meseta/slave/probe"
	"meseta/slave/slavetest"
)

const disks = `[{"name":"disk","type":"SCALAR","scalar":{"value":100},"role":"*","disk":{"source":{"type":"MOUNT","mount":{"root":"/data"}}}}]`

// Given resources count. For the others each is read from the system, or has a default if that fails.
func TestResources(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such device")
	for _, c := range []struct {
		name   string
		given  probe.Given
		system slavetest.System
		want   string
	}{
		{"nothing is said", probe.Given{}, slavetest.System{},
			"cpus:4; mem:7168; disk:97280; ports:[31000-32000]"},
		{"nothing is known", probe.Given{}, slavetest.System{Err: broken},
			"cpus:1; mem:1024; disk:10240; ports:[31000-32000]"},
		{"some is said", probe.Given{Resources: "mem:100;ports:[1-2]"}, slavetest.System{},
			"mem:100; ports:[1-2]; cpus:4; disk:97280"},
		{"none is something that can be said", probe.Given{Resources: "cpus:0;gpus:2"}, slavetest.System{},
			"gpus:2; mem:7168; disk:97280; ports:[31000-32000]"},
		{"a default role", probe.Given{Resources: "cpus:1;mem(other):5", Role: "web"}, slavetest.System{},
			"cpus(reservations: [(STATIC,web)]):1; mem(reservations: [(STATIC,other)]):5; " +
				"disk(reservations: [(STATIC,web)]):97280; ports(reservations: [(STATIC,web)]):[31000-32000]"},
		{"JSON", probe.Given{Resources: `[{"name":"cpus","type":"SCALAR","scalar":{"value":3}}]`}, slavetest.System{},
			"cpus:3; mem:7168; disk:97280; ports:[31000-32000]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := probe.Resources(c.given, &c.system)
			if err != nil || got.String() != c.want {
				t.Errorf("got  %s (%v)\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestDisksMustBeThere(t *testing.T) {
	t.Parallel()
	if _, err := probe.Resources(probe.Given{Resources: disks}, &slavetest.System{}); err == nil {
		t.Error("a disk was offered that is not mounted")
	}
	if _, err := probe.Resources(probe.Given{Resources: disks}, &slavetest.System{Disks: []string{"/", "/data"}}); err != nil {
		t.Errorf("a disk that is mounted was not offered: %v", err)
	}
	if _, err := probe.Resources(probe.Given{Resources: "cpus"}, &slavetest.System{}); err == nil {
		t.Error("nonsense was read as resources")
	}
}

// Local works on the system that runs this test.
func TestLocal(t *testing.T) {
	t.Parallel()
	var s probe.System = probe.Local{}
	cpus, err1 := s.CPUs()
	memory, err2 := s.Memory()
	size, err3 := s.DiskSize(t.TempDir())
	usage, err4 := s.DiskUsage(t.TempDir())
	mounts, err5 := s.Mounts()
	boot, err6 := s.BootID()
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Error(err)
	}
	if cpus < 1 || memory < 1<<20 || size < 1<<20 || usage < 0 || usage > 1 || len(mounts) == 0 || len(boot) != 36 {
		t.Errorf("cpus %d, memory %d, disk %d, used %g, mounts %d, boot %q", cpus, memory, size, usage, len(mounts), boot)
	}
}
