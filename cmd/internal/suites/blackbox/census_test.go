package blackbox

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// census is how much of each kind an agent, its containers, and the machine around them have. Temporary connections of the agent are not
// in it.
func (w *imageWorld) census() map[string]int {
	w.t.Helper()
	all := map[string]int{}
	for _, what := range w.left() {
		kind, _, _ := strings.Cut(what, " ")
		all[kind]++
	}
	all["mounts"] = w.apart.mounts(w.t, w.dir)
	for _, target := range descriptors(fmt.Sprint(w.agent.cmd.Process.Pid)) {
		if !strings.HasPrefix(target, "socket:") {
			all["descriptors of the agent"]++
		}
	}
	for _, pid := range append(below(w.t, w.agent.cmd.Process.Pid), w.agent.cmd.Process.Pid) {
		all["processes"]++
		spaces, _ := filepath.Glob(fmt.Sprintf("/proc/%d/ns/*", pid))
		for _, space := range spaces {
			if name, err := os.Readlink(space); err == nil {
				all["namespace "+name] = 1
			}
		}
	}
	for name, pattern := range map[string]string{
		"containers' file systems": "agent/provisioner/containers/*", "records": "run/containers/*", "layers": "store/layers/*", "staged images": "store/staging/*",
	} {
		found, err := filepath.Glob(filepath.Join(w.dir, pattern))
		if err != nil {
			w.t.Fatal(err)
		}
		all[name] = len(found)
	}
	return all
}

// More containers than an agent has had before, each with an image, namespaces and control groups, are started and killed. Nothing of
// them is left: no process, mount, group, namespace, layer in use, record or descriptor.
func TestKilledContainersLeaveNothing(t *testing.T) {
	t.Parallel()
	const group = 100 // a command line has no room for more
	many := group
	if os.Getenv("CI") != "" { // they take a minute
		many *= 10
	}
	j := newJail(t, confinement, "--bounding_capabilities="+dockers, "--seccomp_config_dir="+profiles(t), "--resources=cpus:200;mem:20000;disk:1000", "--gc_delay=0secs")
	round := func(n int, name string) {
		var groups []*process
		for first := 0; first < n; first += group {
			groups = append(groups, j.lodgeMany(t, name, first, min(first+group, n)))
		}
		for i := range n {
			groups[i/group].awaits(fmt.Sprintf("TASK_RUNNING for task '%s%d'", name, i))
		}
		if during := j.census(); during["mounts"] < 2*n || during["processes"] < 2*n || during["containers' file systems"] < 1 {
			t.Errorf("not everything was counted: %v", during)
		}
		for _, p := range groups {
			p.signal(syscall.SIGTERM)
		}
		for _, p := range groups {
			p.ends()
		}
	}
	round(1, "first") // the image is kept from then on
	var before map[string]int
	gone(t, func() []string {
		if before = j.census(); before["process"]+before["group"]+before["containers' file systems"] > 0 {
			return []string{fmt.Sprint(before)}
		}
		return nil
	})
	round(many, "then")
	gone(t, func() (more []string) {
		now := j.census()
		for _, kind := range slices.Sorted(maps.Keys(now)) {
			if now[kind] > before[kind] {
				more = append(more, fmt.Sprintf("%s: %d, before %d", kind, now[kind], before[kind]))
			}
		}
		return more
	})
	gone(t, j.pruned)
	j.clean()
	j.empty()
}

// lodgeMany starts a group of tasks that wait, with numbers in their names.
func (j *jail) lodgeMany(t *testing.T, name string, from, to int) *process {
	t.Helper()
	var members []member
	for i := from; i < to; i++ {
		members = append(members, member{fmt.Sprint(name, i), "echo up; sleep 1000 & sleep 1000", map[string]any{
			"container": cell{rooted: true}.container(), "resources": sized(16),
		}})
	}
	return executeGroup(t, j.master.address, members)
}
