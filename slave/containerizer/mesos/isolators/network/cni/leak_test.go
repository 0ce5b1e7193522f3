package cni_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/mesos/isolation"
)

// stubborn is a command that ignores signals, and leaves processes behind that have sessions of their own.
const stubborn = `trap '' TERM HUP INT; (setsid sh -c 'trap "" TERM HUP INT; sleep 1000 & sleep 1000' &); echo ready; sleep 1000`

// modest gives a container what control groups need.
func modest(c *slavepb.ContainerConfig) {
	rs, err := resources.Parse("cpus:0.1;mem:64", "*")
	if err != nil {
		panic(err)
	}
	c.Resources = rs.Proto()
}

// remains is what containers could leave, in words.
type remains map[string]string

// look collects what is there now. forker is the process that starts containers.
func (s *site) look(forker int) remains {
	s.t.Helper()
	count := func(dir string) string {
		entries, err := os.ReadDir(dir)
		must(s.t, err)
		return strconv.Itoa(len(entries))
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	must(s.t, err)
	var mounts string // of this test: others mount and unmount meanwhile
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, filepath.Dir(s.run)) { // the parent of all its directories
			mounts += line
		}
	}
	devices, err := net.Interfaces()
	must(s.t, err)
	return remains{
		"mounts": mounts, "interfaces": fmt.Sprint(len(devices)), "descriptors": count("/proc/self/fd"),
		"descriptors of the forker": count(fmt.Sprintf("/proc/%d/fd", forker)), "records": s.files(s.run), "addresses": s.files(s.configuration.Networks.Configs),
		"groups": s.groups(),
	}
}

// files lists what is below a directory.
func (s *site) files(dir string) string {
	s.t.Helper()
	var all []string
	must(s.t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if !strings.Contains(path, "last_reserved_ip") { // of the plugin, which goes on from there
			all = append(all, path)
		}
		return err
	}))
	return strings.Join(all, "\n")
}

// groups lists the control groups of containers in all hierarchies. A group that is gone had no process.
func (s *site) groups() string {
	s.t.Helper()
	all, err := filepath.Glob(filepath.Join(s.tree.Base, "*", s.tree.Root, "*"))
	must(s.t, err)
	return strings.Join(slices.DeleteFunc(all, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.IsDir()
	}), "\n")
}

// parent returns the parent of a container's first process.
func (s *site) parent(id ids.Container) int {
	s.t.Helper()
	status, err := runtime.Wait(s.t.Context(), s.Status(id))
	must(s.t, err)
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", status.GetExecutorPid()))
	must(s.t, err)
	parent, err := strconv.Atoi(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[1])
	must(s.t, err)
	return parent
}

// Killed containers leave nothing, whatever they do: no process, mount, control group, interface, address, record or open
// file. The test is alone in its process, whose files it counts.
func TestNothingIsLeft(t *testing.T) { //nolint:paralleltest // it counts what its process has
	var s *site
	t.Cleanup(func() { // after the end of the site
		if s != nil {
			s.removeRoots()
		}
	})
	s = newSite(t, func(c *isolation.Config) {
		c.Isolation = "filesystem/linux,namespaces/pid,namespaces/ipc,network/cni,cgroups/cpu,cgroups/mem,cgroups/pids"
	})
	s.network("many", "10.200.20.0/24", "")
	s.start()
	must(t, s.launch("first", stubborn, on("many"), modest)) // what is made once is made now
	forker := s.parent("first")
	_, err := runtime.Wait(t.Context(), s.Destroy("first"))
	must(t, err)
	before := s.look(forker)
	const containers = 24
	for round := range 2 {
		s.killMany(round, containers)
	}
	after := s.look(forker)
	for after["descriptors of the forker"] != before["descriptors of the forker"] && t.Context().Err() == nil {
		after = s.look(forker) // it closes the last ones after it has written a status
	}
	for what, was := range before {
		if after[what] != was {
			t.Errorf("%s are left: %s\nbefore: %s", what, after[what], was)
		}
	}
}

// killMany starts containers at once, half of them on a network, with containers in them, and kills them.
func (s *site) killMany(round, containers int) {
	s.t.Helper()
	var ends []runtime.Future[*slavepb.ContainerTermination]
	for n := range containers {
		id := ids.Container(fmt.Sprintf("k%d-%d", round, n))
		change := []func(*slavepb.ContainerConfig){modest}
		if n%2 == 0 {
			change = append(change, on("many"))
		}
		must(s.t, s.launch(id, stubborn, change...))
		must(s.t, s.launch(id+".n", stubborn))
		ends = append(ends, s.Wait(id))
		s.Destroy(id)
	}
	for _, end := range ends {
		if _, err := runtime.Wait(s.t.Context(), end); err != nil {
			s.t.Error(err)
		}
	}
}

// removeRoots removes the groups around those of containers in the hierarchies of isolators.
func (s *site) removeRoots() {
	for _, name := range []string{"cpu", "cpuacct", "memory", "pids"} {
		h, err := cgroups.Find(s.tree.Base, name)
		if g := (cgroups.Group{Hierarchy: h, Name: s.tree.Root}); err == nil && g.Exists() {
			if err := g.Remove(); err != nil {
				s.t.Error(err)
			}
		}
	}
}
