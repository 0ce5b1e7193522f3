package subsystems_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/containerizer/mesos/isolation"
)

// recorded reads a recording of containers of the reference.
func recorded(t *testing.T, name string) string {
	t.Helper()
	dir := cmp.Or(os.Getenv("MESETA_SHARED"), "../../../../../../shared")
	text, err := os.ReadFile(filepath.Join(dir, "golden/linux", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the recordings are not here: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files has the files of control groups with their values, by the paths of the groups below a hierarchy: <subsystem>/<group>.
type files map[string]map[string]string

// recordedFiles reads the files of groups that were recorded below mesosgold, whose containers it calls lin-1, which was a command task's, grp,
// whose two nested containers share its groups, and grp2, whose nested container has its own.
func recordedFiles(t *testing.T, name string) files {
	t.Helper()
	all, at := files{}, ""
	for line := range strings.Lines(recorded(t, name)) {
		if path, found := strings.CutPrefix(line, "## /sys/fs/cgroup/"); found {
			at = strings.Replace(strings.TrimSpace(path), "/mesosgold", "", 1)
			all[at] = map[string]string{}
		} else if file, value, found := strings.Cut(line, " ="); found && at != "" {
			all[at][strings.TrimSpace(file)] = strings.TrimSpace(value)
		}
	}
	names := map[string]string{}
	for path := range all {
		switch parts := strings.Split(path, "/"); {
		case len(parts) == 4 && parts[0] == "cpu":
			names[parts[1]], names[parts[3]] = "grp2", "own"
		case len(parts) == 4 && parts[0] == "freezer" && all["cpu/"+parts[1]+"/mesos"] == nil:
			names[parts[1]], names[parts[3]] = "grp", "shared"
		case len(parts) == 2 && names[parts[1]] == "":
			names[parts[1]] = ""
		}
	}
	called := files{}
	for path, values := range all {
		parts := strings.Split(path, "/")
		for i := range parts {
			if name, known := names[parts[i]]; known {
				parts[i] = cmp.Or(name, "lin-1")
			}
		}
		called[strings.Join(parts, "/")] = values
	}
	return called
}

// changing reports whether the value of a file is not what somebody has set, or is that of a machine.
func changing(file string) bool {
	for _, part := range []string{"usage", "stat", "procs", "tasks", "effective", "current", "peak", "cpuset.cpus", "cpuset.mems", "shown_ram"} {
		if strings.Contains(file, part) && !strings.HasSuffix(file, ".state") {
			return true
		}
	}
	return false
}

// launchRecorded launches containers with the resources of those that were recorded.
func (m *machine) launchRecorded(command map[string]*mesospb.Value_Scalar) {
	m.t.Helper()
	lin := m.config("sleep 1000", "cpus:0.6;mem:96;disk:64")
	lin.Limits = command
	m.launch("lin-1", lin)
	m.launch("grp", m.config("sleep 1000", "cpus:0.6;mem:128;disk:10"))
	for _, id := range []ids.Container{"grp.shared", "grp.other"} {
		c := m.config("sleep 1000", "cpus:0.25;mem:48")
		c.Directory, c.Resources = nil, nil
		c.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), LinuxInfo: &mesospb.LinuxInfo{ShareCgroups: proto.Bool(true)}}
		m.launch(id, c)
	}
	group := m.config("sleep 1000", "cpus:0.35;mem:80;disk:10")
	group.Limits = limits(math.Inf(1), 128)
	m.launch("grp2", group)
	own := m.config("sleep 1000", "cpus:0.25;mem:48")
	own.Directory = nil
	own.Limits = limits(math.Inf(1), 96)
	own.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), LinuxInfo: &mesospb.LinuxInfo{ShareCgroups: proto.Bool(false)}}
	m.launch("grp2.own", own)
}

// destroyAll destroys the containers.
func (m *machine) destroyAll() {
	m.t.Helper()
	for _, id := range []ids.Container{"lin-1", "grp", "grp2"} {
		m.Destroy(id)
		m.end(id)
	}
}

// Every file of every group has the value that it has with the reference, with and without limits of processors and swap, and there are no other groups. Files
// that this kernel does not have are not compared.
func TestRecordedGroups(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set     bool
		command map[string]*mesospb.Value_Scalar
	}{"1-default": {}, "2-cfs-swap": {true, limits(1.1, 160)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needV1(t, "cpu", "cpuacct", "memory", "pids", "blkio", "cpuset", "devices")
			want := recordedFiles(t, name+"-cgroups.txt")
			m := newMachine(t, all, func(c *isolation.Config) { c.CFS, c.LimitSwap, c.Count = test.set, test.set, test.set })
			m.launchRecorded(test.command)
			compared := 0
			for _, path := range slices.Sorted(maps.Keys(want)) {
				subsystem, group, _ := strings.Cut(path, "/")
				dir := filepath.Join(base, subsystem, m.tree.Root, strings.ReplaceAll(group, "other", "shared"))
				if _, err := os.Stat(dir); err != nil {
					t.Errorf("no group %s: %v", path, err)
				}
				for _, file := range slices.Sorted(maps.Keys(want[path])) {
					got, err := os.ReadFile(filepath.Join(dir, file))
					if err != nil || changing(file) {
						continue
					}
					compared++
					if text := strings.ReplaceAll(strings.TrimSpace(string(got)), "\n", " | "); text != want[path][file] {
						t.Errorf("%s of %s is %q, want %q", file, path, text, want[path][file])
					}
				}
			}
			if compared < 300 {
				t.Errorf("only %d files were compared", compared)
			}
			for _, root := range m.roots() {
				m.known(want, root.Hierarchy.Path, "")
			}
			m.destroyAll()
		})
	}
}

// known checks that the groups of a hierarchy are those of the reference.
func (m *machine) known(want files, hierarchy, group string) {
	m.t.Helper()
	entries, err := os.ReadDir(filepath.Join(hierarchy, m.tree.Root, group))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		path := filepath.Join(group, e.Name())
		if want[filepath.Join(filepath.Base(hierarchy), strings.ReplaceAll(path, "other", "shared"))] == nil {
			m.t.Errorf("the reference has no group %s in %s", path, hierarchy)
		}
		m.known(want, hierarchy, path)
	}
}

// The statistics of a container have the fields of the reference's, no others, and the same limits.
func TestRecordedStatistics(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set     bool
		command map[string]*mesospb.Value_Scalar
	}{"1-default": {}, "2-cfs-swap": {true, limits(1.1, 160)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needV1(t, "cpu", "cpuacct", "memory", "pids", "blkio", "cpuset", "devices")
			_, body, _ := strings.Cut(recorded(t, name+"-monitor-statistics.http"), "\n[")
			var want []struct {
				ID         ids.Container `json:"executor_id"`
				Statistics map[string]any
			}
			if err := json.Unmarshal([]byte("["+body), &want); err != nil {
				t.Fatal(err)
			}
			m := newMachine(t, all+",disk/du", func(c *isolation.Config) { c.CFS, c.LimitSwap, c.Count = test.set, test.set, test.set })
			m.launchRecorded(test.command)
			for _, w := range want {
				m.hasStatistics(w.ID, w.Statistics)
			}
			m.destroyAll()
		})
	}
}

// hasStatistics compares the fields of a container's statistics with those that were recorded, and the limits.
func (m *machine) hasStatistics(id ids.Container, want map[string]any) {
	m.t.Helper()
	u := &mesospb.ResourceStatistics{}
	for u.DiskUsedBytes == nil { // the isolator has not looked yet
		var err error
		if u, err = runtime.Wait(m.t.Context(), m.Usage(id)); err != nil {
			m.t.Fatal(err)
		}
	}
	got := map[string]any{}
	if err := json.Unmarshal(mesosjson.Marshal(u), &got); err != nil {
		m.t.Fatal(err)
	}
	if have, wanted := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(have, wanted) {
		m.t.Errorf("the statistics of %s have the fields\n%s, want\n%s", id, have, wanted)
	}
	if id == "grp2" { // without a limit: what that machine had
		want["cpus_limit"] = goruntime.NumCPU()
	}
	for field := range want {
		if strings.Contains(field, "limit") && number(m.t, got[field]) != number(m.t, want[field]) {
			m.t.Errorf("%s of %s is %v, want %v", field, id, got[field], want[field])
		}
	}
}

// number reads a number of JSON.
func number(t *testing.T, v any) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
