package blackbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"meseta/slave/cgroups"
)

// thousand is the number of containers that an agent has at once in TestThousandContainers.
const thousand = 1000

// An agent with a thousand running containers, each in control groups of its own, has none of its threads and few descriptors for each,
// needs little memory, and names all of them at once. When they are killed, nothing is left of them.
func TestThousandContainers(t *testing.T) {
	t.Parallel()
	groups := newGroups(t, "freezer", "cpu", "cpuacct", "memory", "pids")
	master := startMaster(t, "0", t.TempDir())
	agent := startAgent(t, "0", master.address, t.TempDir(), "--launcher=linux", "--isolation=cgroups/cpu,cgroups/mem,cgroups/pids",
		"--cgroups_root="+groups[0].Name, "--systemd_enable_support=false", "--runtime_dir="+t.TempDir())
	master.awaits("agent registered")
	pid := strconv.Itoa(agent.cmd.Process.Pid)
	before := len(descriptors(pid))
	each(func(i int) {
		call := fmt.Sprintf(`{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"k%d"},"resources":[%s,%s],`+
			`"command":{"value":"/bin/sleep","shell":false,"arguments":["sleep","1000"]}}}`, i, scalar("cpus", "0.1"), scalar("mem", "32"))
		if status, body := agent.asks(call); status != 200 {
			t.Errorf("container %d was not launched: %d %s", i, status, body)
		}
	})
	for _, g := range groups {
		if all, err := g.Children(); err != nil || len(all) != thousand {
			t.Errorf("there are %d groups in %s (%v)", len(all), g.Path(), err)
		}
	}
	_, body := agent.asks(`{"type":"GET_CONTAINERS","get_containers":{"show_standalone":true}}`)
	var answer struct {
		Containers struct {
			All []any `json:"containers"`
		} `json:"get_containers"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Containers.All) != thousand {
		t.Errorf("%d containers are named (%v)", len(answer.Containers.All), err)
	}
	for name, most := range map[string]int{"VmRSS": 150 << 10, "Threads": 64} {
		if n := statusOf(t, pid, name); n > most {
			t.Errorf("%s of the agent is %d, want at most %d", name, n, most)
		}
	}
	if n := len(descriptors(pid)) - before; n > 6*thousand+50 { // and connections
		t.Errorf("the containers take %d descriptors", n)
	}
	each(func(i int) {
		call := fmt.Sprintf(`{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"k%d"}}}`, i)
		if status, body := agent.asks(call); status != 200 {
			t.Errorf("container %d was not killed: %d %s", i, status, body)
		}
	})
	gone(t, func() (left []string) {
		for _, g := range groups {
			if all, err := g.Children(); err != nil || len(all) > 0 {
				left = append(left, fmt.Sprintf("%d groups in %s (%v)", len(all), g.Path(), err))
			}
		}
		if n := len(descriptors(pid)); n > before+50 { // connections
			left = append(left, fmt.Sprintf("%d descriptors, and before %d", n, before))
		}
		return left
	})
}

// each calls do for each container, eight at a time.
func each(do func(i int)) {
	const callers = 8
	var all sync.WaitGroup
	for first := range callers {
		all.Go(func() {
			for i := first; i < thousand; i += callers {
				do(i)
			}
		})
	}
	all.Wait()
}

func scalar(name, value string) string {
	return fmt.Sprintf(`{"name":%q,"type":"SCALAR","scalar":{"value":%s}}`, name, value)
}

// statusOf returns a number that the system knows of a process.
func statusOf(t *testing.T, pid, name string) int {
	t.Helper()
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\n"+name+":")
	fields := strings.Fields(rest)
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// newGroups returns a group of version 1 for this test in each of some hierarchies. When the test is over, they are removed with the
// groups in them.
func newGroups(t *testing.T, subsystems ...string) (all []cgroups.Group) {
	t.Helper()
	for _, subsystem := range subsystems {
		h, err := cgroups.Find("/sys/fs/cgroup", subsystem)
		if err != nil || h.Version != cgroups.V1 {
			t.Skipf("no subsystem %s of version 1: %v", subsystem, err)
		}
		g := cgroups.Group{Hierarchy: h, Name: fmt.Sprintf("meseta-thousand-%d", os.Getpid())}
		if err := g.Make(); err != nil {
			t.Skip(err)
		}
		all = append(all, g)
		t.Cleanup(func() {
			gone(t, func() []string {
				if err := cleared(g); err != nil {
					return []string{err.Error()}
				}
				return nil
			})
		})
	}
	return all
}

// cleared kills what is in the groups of a group, and removes all.
func cleared(g cgroups.Group) error {
	children, err := g.Children()
	errs := []error{err}
	for _, child := range children {
		pids, err := child.Processes()
		errs = append(errs, err)
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		errs = append(errs, child.Remove())
	}
	return errors.Join(append(errs, g.Remove())...)
}
