package probe_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meseta/slave/probe"
	"meseta/slave/slavetest"
)

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
			if err != nil || got.Total.String() != c.want {
				t.Errorf("got  %s (%v)\nwant %s", got.Total, err, c.want)
			}
		})
	}
}

// What the system does not tell becomes a warning, unless it is configured.
func TestWhatIsNotDetectedIsSaid(t *testing.T) {
	t.Parallel()
	system := slavetest.System{Err: errors.New("no such device")}
	for given, want := range map[string][]string{
		"": {
			"failed to detect the number of cpus, offering 1: no such device",
			"failed to detect the size of the memory, offering 1 GB: no such device",
			"failed to detect the size of the disk, offering 10 GB: no such device",
		},
		"mem:1;cpus:0":         {"failed to detect the size of the disk, offering 10 GB: no such device"},
		"mem:1;cpus:0;disk:20": nil,
	} {
		if got, err := probe.Resources(probe.Given{Resources: given}, &system); err != nil || !slices.Equal(got.Warnings, want) {
			t.Errorf("%q: warnings %q (%v), want %q", given, got.Warnings, err, want)
		}
	}
	if got, err := probe.Resources(probe.Given{}, &slavetest.System{}); err != nil || len(got.Warnings) > 0 {
		t.Errorf("warnings %q (%v) about a system that tells everything", got.Warnings, err)
	}
}

// A disk that is given is there, or made, or the agent does not offer anything. Its root may be a link to a mount point.
func TestDisksMustBeThere(t *testing.T) {
	t.Parallel()
	mounted := slavetest.System{Disks: []string{"/", "/mnt/data"}, Links: map[string]string{"/data": "/mnt/data", "/gone": "/mnt/gone"}}
	disk := func(source string) string {
		return `[{"name":"disk","type":"SCALAR","scalar":{"value":100},"role":"*","disk":{"source":` + source + `}}]`
	}
	for _, c := range []struct{ given, want string }{
		{disk(`{"type":"MOUNT","mount":{"root":"/mnt/data"}}`), ""},
		{disk(`{"type":"MOUNT","mount":{"root":"/data"}}`), ""},
		{disk(`{"type":"MOUNT","mount":{"root":"/mnt/other"}}`), "with path '/mnt/other': "},
		{disk(`{"type":"MOUNT","mount":{"root":"/gone"}}`), "with path '/gone': "},
		{disk(`{"type":"MOUNT","mount":{}}`), "MOUNT disk root directory is not specified 'disk"},
		{disk(`{"type":"PATH","path":{"root":"/new"}}`), ""},
		{disk(`{"type":"PATH","path":{}}`), "PATH disk root directory is not specified 'disk"},
		{disk(`{"type":"BLOCK"}`), "Unsupported 'DiskInfo.Source.Type' in"},
		{disk(`{"type":"RAW"}`), "Unsupported 'DiskInfo.Source.Type' in"},
		{"cpus", "cpus"},
	} {
		_, err := probe.Resources(probe.Given{Resources: c.given}, &mounted)
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.given, err, c.want)
		}
	}
}

// A link to a directory that nothing is mounted on is not a disk, and one to a mount point is.
func TestLocalMounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, plain := filepath.Join(dir, "root"), filepath.Join(dir, "plain")
	if err := errors.Join(os.Symlink("/", root), os.Symlink(dir, plain)); err != nil {
		t.Fatal(err)
	}
	given := func(path string) probe.Given {
		return probe.Given{WorkDir: dir, Resources: `[{"name":"disk","type":"SCALAR","scalar":{"value":100},"role":"*","disk":` +
			`{"source":{"type":"MOUNT","mount":{"root":"` + path + `"}}}}]`}
	}
	if _, err := probe.Resources(given(root), probe.Local{}); err != nil {
		t.Errorf("a link to / is not a disk: %v", err)
	}
	if _, err := probe.Resources(given(plain), probe.Local{}); err == nil || !strings.Contains(err.Error(), "Failed to find mount '") {
		t.Errorf("a link to a directory: %v", err)
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
