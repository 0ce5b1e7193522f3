package runtimedir_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer/runtimedir"
)

// folder is that of a container on an empty disk.
func folder(t testing.TB) (*sim.Disk, runtimedir.Folder) {
	t.Helper()
	d, f := sim.New(1).Disk("10.0.0.1:1"), runtimedir.Dir("/r").Container("c1")
	if err := f.Make(d, false, false); err != nil {
		t.Fatal(err)
	}
	return d, f
}

func put(t testing.TB, d disk.Disk, path string, content []byte) {
	t.Helper()
	if err := disk.Replace(d, path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Containers are listed after their parents, in order, by directories alone.
func TestContainers(t *testing.T) {
	t.Parallel()
	d, dir := sim.New(1).Disk("10.0.0.1:1"), runtimedir.Dir("/r")
	if all, err := dir.Containers(d); err != nil || len(all) != 0 {
		t.Errorf("nothing has %v, %v", all, err)
	}
	want := []ids.Container{"a", "a.x", "a.x.y", "b", "c"}
	for _, id := range []ids.Container{"c", "a.x.y", "b"} {
		if err := dir.Container(id).Make(d, false, false); err != nil {
			t.Fatal(err)
		}
	}
	put(t, d, "/r/containers/file", nil)
	if err := d.MkdirAll("/r/containers/with.dot/containers/x", 0o755); err != nil {
		t.Fatal(err)
	}
	if all, err := dir.Containers(d); err != nil || !slices.Equal(all, want) {
		t.Errorf("listed %v, %v; want %v", all, err, want)
	}
}

// What is missing or empty is unknown, and no error; what is damaged is an error that names the file.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for content, c := range map[string]struct {
		pid    int
		status int32
		found  bool
		pidOK  bool
		ok     bool
	}{
		"": {0, 0, false, true, true}, "0": {0, 0, true, true, true}, "4711": {4711, 4711, true, true, true},
		"-1": {0, -1, true, false, true}, "junk": {}, "1 ": {}, "2147483648": {}, "0x10": {},
	} {
		d, f := folder(t)
		put(t, d, f.PID(), []byte(content))
		put(t, d, f.Status(), []byte(content))
		if pid, err := f.ReadPID(d); pid != c.pid || (err == nil) != c.pidOK {
			t.Errorf("%q is process %d, %v", content, pid, err)
		}
		if status, found, err := f.ReadStatus(d); status != c.status || found != c.found || (err == nil) != c.ok {
			t.Errorf("%q is status %d (%t), %v", content, status, found, err)
		}
	}
	d, f := folder(t)
	if pid, err := f.ReadPID(d); pid != 0 || err != nil {
		t.Errorf("nothing is process %d, %v", pid, err)
	}
}

// Whatever a container has recorded, and what others have put there, goes with its directory, which may be gone already.
func TestRemove(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{
		nil, {"config"}, {"config", "launch_info", "pid", "status"}, {"config", "launch_info", "pid", "status", "standalone.marker"},
		{"config", "launch_info", "pid", "status", "logger.stdout", "containers/c2/config"}, {"launch_info", ".new-config"},
	} {
		for _, standalone := range []bool{false, true} {
			d, f := folder(t)
			for _, name := range names {
				if err := d.MkdirAll(filepath.Dir(filepath.Join(string(f), name)), 0o755); err != nil {
					t.Fatal(err)
				}
				put(t, d, filepath.Join(string(f), name), nil)
			}
			for range 2 {
				if err := f.Remove(d, standalone); err != nil || runtimedir.Has(d, string(f)) {
					t.Errorf("with %v (%t): %v", names, standalone, err)
				}
			}
		}
	}
}

// A configuration has resources in the older format, with a role; the one that was given does not change.
func TestOlderResources(t *testing.T) {
	t.Parallel()
	d, f := folder(t)
	given := func() []*mesospb.Resource {
		return []*mesospb.Resource{{
			Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(2)},
			Reservations: []*mesospb.Resource_ReservationInfo{{Type: mesospb.Resource_ReservationInfo_STATIC.Enum(), Role: proto.String("web")}},
		}}
	}
	config := &slavepb.ContainerConfig{
		Directory: proto.String("/sandbox"), CommandInfo: &mesospb.CommandInfo{}, Resources: given(),
		ExecutorInfo: &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}, Resources: given()},
		TaskInfo: &mesospb.TaskInfo{
			Name: proto.String("t1"), TaskId: &mesospb.TaskID{Value: proto.String("t1")}, SlaveId: &mesospb.SlaveID{Value: proto.String("s1")},
			Resources: given(),
		},
	}
	if err := f.WriteConfig(d, config); err != nil {
		t.Fatal(err)
	}
	read, err := f.ReadConfig(d, "c1")
	if err != nil {
		t.Fatal(err)
	}
	for _, rs := range [][]*mesospb.Resource{read.GetResources(), read.GetExecutorInfo().GetResources(), read.GetTaskInfo().GetResources()} {
		if len(rs) != 1 || rs[0].GetRole() != "web" || len(rs[0].GetReservations()) > 0 {
			t.Errorf("recorded is %v", rs)
		}
	}
	if config.GetResources()[0].Role != nil {
		t.Errorf("the configuration has become %v", config)
	}
}

// readers read the records of a container that are messages.
var readers = map[string]func(runtimedir.Folder, disk.Disk) (proto.Message, bool, error){
	"config": func(f runtimedir.Folder, d disk.Disk) (proto.Message, bool, error) {
		m, err := f.ReadConfig(d, "c1")
		return m, m != nil, err
	},
	"launch_info": func(f runtimedir.Folder, d disk.Disk) (proto.Message, bool, error) {
		m, err := f.ReadLaunchInfo(d, "c1")
		return m, m != nil, err
	},
	"termination": func(f runtimedir.Folder, d disk.Disk) (proto.Message, bool, error) {
		m, err := f.ReadTermination(d)
		return m, m != nil, err
	},
}

// FuzzRecords has each record of a container hold anything. What can be read is what it was written as.
func FuzzRecords(f *testing.F) {
	config, err := checkpoint.Encode(&slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{}, Directory: proto.String("/sandbox")})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, []byte("4711"), []byte("-1"), []byte("99999999999"), []byte("\x10\x00\x00\x00junk"), config, append(config, 0)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		d, folder := folder(t)
		for name, read := range readers {
			path := filepath.Join(string(folder), name)
			put(t, d, path, content)
			m, found, err := read(folder, d)
			if err != nil || !found {
				continue
			}
			if err := runtimedir.WriteMessage(d, path, m); err != nil {
				t.Fatal(err)
			}
			if again, _, err := read(folder, d); err != nil || !proto.Equal(again, m) {
				t.Errorf("%s: %v became %v, %v", name, m, again, err)
			}
		}
		numbers(t, d, folder, content)
	})
}

func numbers(t *testing.T, d disk.Disk, f runtimedir.Folder, content []byte) {
	put(t, d, f.PID(), content)
	put(t, d, f.Status(), content)
	pid, err := f.ReadPID(d)
	if err == nil && len(content) > 0 {
		if err := runtimedir.WritePID(d, f.PID(), pid); err != nil {
			t.Fatal(err)
		}
		if again, err := f.ReadPID(d); err != nil || again != pid || pid < 0 {
			t.Errorf("process %d became %d, %v", pid, again, err)
		}
	}
	if status, found, err := f.ReadStatus(d); err == nil && found != (len(content) > 0) {
		t.Errorf("%q is status %d (%t)", content, status, found)
	}
}

// FuzzNames lists directories with any name. What is listed has a directory.
func FuzzNames(f *testing.F) {
	f.Add("a", "b")
	f.Add("a.b", "..")
	f.Add("a/containers/b", "\x00")
	f.Fuzz(func(t *testing.T, outer, inner string) {
		d, dir := sim.New(1).Disk("10.0.0.1:1"), runtimedir.Dir("/r")
		for _, path := range []string{outer, outer + "/containers/" + inner} {
			if err := d.MkdirAll(filepath.Join("/r/containers", path), 0o755); err != nil {
				t.Skip(err)
			}
		}
		all, err := dir.Containers(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range all {
			if info, err := d.Lstat(string(dir.Container(id))); err != nil || !info.IsDir() {
				t.Errorf("%q was listed: %v", id, err)
			}
		}
	})
}

// A message is never seen empty, as a C++ agent takes it for damaged then: it has its name only when it is written.
func TestMessagesAreWhole(t *testing.T) {
	t.Parallel()
	const addr = "10.0.0.1:1"
	w := runtimetest.World(t, 1)
	d, f := w.Disk(addr), runtimedir.Dir("/r").Container("c1")
	of := disk.Of(w.Node(addr)) // that can be intercepted
	if err := f.Make(of, false, false); err != nil {
		t.Fatal(err)
	}
	writes := 0
	d.Intercept(func(op sim.Op) error {
		if !op.Kind.Changes() {
			return nil
		}
		writes++
		for _, path := range []string{f.Config(), f.LaunchInfo()} {
			if about, err := d.Lstat(path); err == nil && about.Size() == 0 {
				t.Errorf("%s is empty before %s %s", path, op.Kind, op.Path)
			}
		}
		return nil
	})
	for _, path := range []string{f.Config(), f.LaunchInfo(), f.Config()} {
		if err := runtimedir.WriteMessage(of, path, &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{}, Directory: proto.String("/sandbox")}); err != nil {
			t.Error(err)
		}
	}
	if writes < 9 {
		t.Errorf("only %d changes were seen", writes)
	}
}

// A record that cannot be written, for want of room, leaves nothing that the next agent would take for it, and the one before stays.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d, f := folder(t)
	long := func(words int) *slavepb.ContainerConfig {
		return &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{}, Directory: proto.String("/" + strings.Repeat("sandbox/", words))}
	}
	if err := runtimedir.WriteMessage(d, f.Config(), long(1)); err != nil {
		t.Fatal(err)
	}
	before := d.Tree()
	d.SetCapacity(100)
	for _, words := range []int{50, 5000} { // written at once, and not
		if err := runtimedir.WriteMessage(d, f.Config(), long(words)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("replaced on a full disk: %v", err)
		}
		if err := runtimedir.WriteMessage(d, f.LaunchInfo(), long(words)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("written on a full disk: %v", err)
		}
	}
	if after := d.Tree(); after != before {
		t.Errorf("the disk has\n%s\nand had\n%s", after, before)
	}
	d.SetCapacity(1 << 20)
	for _, words := range []int{5000, 2} {
		for _, path := range []string{f.Config(), f.LaunchInfo()} {
			if err := runtimedir.WriteMessage(d, path, long(words)); err != nil {
				t.Error(err)
			}
		}
		if is, err := f.ReadConfig(d, "c1"); err != nil || !proto.Equal(is, long(words)) {
			t.Errorf("the configuration is %v, %v", is, err)
		}
	}
}
