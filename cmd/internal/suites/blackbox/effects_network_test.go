package blackbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What flags say about networks is so: which name servers containers have whose network names none, whether statistics say how much was
// sent and received, and whether the records of networks are where a start of the system does not lose them.
func TestFlagsOfNetworksHaveEffects(t *testing.T) {
	t.Parallel()
	dns := `--default_container_dns={"mesos": [{"network_mode": "CNI", "network_name": "n1", "dns": {"nameservers": ["192.0.2.53"], "search": ["meseta.test"]}}]}`
	for name, test := range map[string]struct {
		flags   []string
		servers bool // containers have the name servers of the flag
		counted bool
		records string // a directory
	}{
		"with":    {[]string{dns, "--no-network_cni_metrics", "--network_cni_root_dir_persist"}, true, false, "agent"},
		"without": {nil, false, true, "run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := bridged(t, "", test.flags...)
			seen := filepath.Join(t.TempDir(), "seen")
			one := w.hold("one", `"network_infos": [{"name": "n1"}]`, "cat /etc/resolv.conf > "+seen)
			if text := contents(t, seen); strings.Contains(text, "nameserver 192.0.2.53\n") != test.servers || strings.Contains(text, "search meseta.test\n") != test.servers {
				t.Errorf("the name servers are\n%s", text)
			}
			statistics := w.apart.does(t, "busybox", "wget", "-q", "-O-", "http://"+w.agent.address+"/monitor/statistics")
			if strings.Contains(statistics, `"net_rx_bytes":`) != test.counted || !strings.Contains(statistics, `"cpus_user_time_secs":`) {
				t.Errorf("the statistics are %s", statistics)
			}
			for _, dir := range []string{"agent", "run"} {
				if kept := names(t, filepath.Join(w.dir, dir, "isolators/network/cni/*")); (len(kept) == 1) != (dir == test.records) {
					t.Errorf("records in %s: %q", dir, kept)
				}
			}
			one.lets()
			one.ended(0, "TASK_FINISHED")
			w.has(func() []string { return names(t, filepath.Join(w.dir, test.records, "isolators/network/cni/*")) })
		})
	}
}

// A container that listens on a port that it was not given is ended if the port is watched and the operator wants that. Otherwise it goes
// on, and the agent says so.
func TestFlagsOfPortsHaveEffects(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("busybox"); err != nil {
		t.Skip(err)
	}
	listens := func(port int) string { return fmt.Sprintf("busybox httpd -p 127.0.0.1:%d", port) } // which goes on when it listens
	for name, test := range map[string]struct {
		flags       []string
		goes, ended int // ports, where none is 0
		said        string
	}{
		"range":      {[]string{"--enforce_container_ports", "--container_ports_isolated_range=[7000-7010]"}, 7011, 7001, ""},
		"agent only": {[]string{"--enforce_container_ports", "--check_agent_port_range_only"}, 7001, 31005, ""},
		"reported":   {[]string{"--container_ports_isolated_range=[7000-7010]"}, 7002, 0, "is listening on unallocated port(s): [7002-7002]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &attachedWorld{t: t, apart: newApart(t, syscall.CLONE_NEWNET), dir: t.TempDir(), ip: "127.0.0.1"}
			w.apart.does(t, "ip", "link", "set", "lo", "up")
			w.begin("posix/cpu,posix/mem,network/ports", append(test.flags, "--container_ports_watch_interval=10ms")...)
			kept := w.hold("kept", `"mesos": {}`, listens(test.goes))
			if test.said != "" {
				w.agent.awaits(test.said)
			}
			if test.ended != 0 {
				command := fmt.Sprintf(`{"value": %q}`, listens(test.ended)+"; "+newGate(t).wait())
				p := w.apart.start(t, "mesos-execute", "--master="+w.master.address, "--task="+taskIn("ended", `"mesos": {}`, command))
				p.ended(1, "TASK_FAILED", "REASON_CONTAINER_LIMITATION", fmt.Sprintf("is listening on unallocated port(s): [%[1]d-%[1]d]", test.ended))
			}
			kept.lets()
			kept.ended(0, "TASK_FINISHED")
			w.has(func() []string { return names(t, filepath.Join(w.dir, "run/containers/*")) })
		})
	}
}

// The control groups of containers are where --cgroups_hierarchy says that hierarchies are mounted, below --cgroups_root.
func TestHierarchiesAreElsewhere(t *testing.T) {
	t.Parallel()
	w := &attachedWorld{t: t, apart: newApart(t), dir: t.TempDir(), ip: "127.0.0.1"}
	elsewhere := t.TempDir()
	w.apart.does(t, "mount", "--make-rprivate", "/")
	w.apart.does(t, "mount", "--rbind", "/sys/fs/cgroup", elsewhere)
	w.apart.does(t, "umount", "-l", "/sys/fs/cgroup")
	w.begin("cgroups/cpu,cgroups/mem", "--cgroups_hierarchy="+elsewhere)
	seen := filepath.Join(t.TempDir(), "seen")
	one := w.hold("one", `"mesos": {}`, "cat /proc/self/cgroup > "+seen)
	root := flagOf(w.args, "--cgroups_root")
	for _, subsystem := range []string{"cpu", "memory"} {
		if text := contents(t, seen); !strings.Contains(text, ":"+subsystem+":/"+root+"/") {
			t.Errorf("the task is in\n%s", text)
		}
	}
	one.lets()
	one.ended(0, "TASK_FINISHED")
	w.has(func() []string { return names(t, "/sys/fs/cgroup/*/"+root+"/*-*") })
	if _, err := os.Stat("/sys/fs/cgroup/memory/" + root); err != nil {
		t.Errorf("the agent has made no group: %v", err)
	}
}

// systemctl stands in for the program of that name, in a system that systemd has started: it makes the group of a slice that it starts.
const systemctl = `#!/bin/sh
echo "$@" >> "$SYSTEMCTL_CALLS"
if [ "$1" = start ]; then mkdir -p "/sys/fs/cgroup/systemd/$2"; fi
`

// Where systemd runs, executors are in a slice, which is defined where the operator wants it, unless he wants none.
func TestExecutorsAreInASlice(t *testing.T) {
	t.Parallel()
	const slice = "/sys/fs/cgroup/systemd/mesos_executors.slice"
	if _, err := os.Stat("/sys/fs/cgroup/systemd"); err != nil {
		t.Skip(err)
	}
	if _, err := os.Stat(slice); err == nil {
		t.Skip("there is a slice of executors")
	}
	t.Cleanup(func() {
		if err := os.Remove(slice); err != nil {
			t.Error(err)
		}
	})
	for _, wanted := range []bool{true, false} {
		t.Run(fmt.Sprint(wanted), func(t *testing.T) { // one after the other
			w := &attachedWorld{t: t, apart: newApart(t), dir: t.TempDir(), ip: "127.0.0.1"}
			w.apart.does(t, "sh", "-c", "mount --make-rprivate / && mount -t tmpfs none /run && mkdir -p /run/systemd/system")
			programs, calls, units := t.TempDir(), filepath.Join(t.TempDir(), "calls"), t.TempDir()
			if err := os.WriteFile(filepath.Join(programs, "systemctl"), []byte(systemctl), 0o755); err != nil {
				t.Fatal(err)
			}
			w.env = []string{"PATH=" + programs + ":" + os.Getenv("PATH"), "SYSTEMCTL_CALLS=" + calls}
			w.begin("posix/cpu,posix/mem", fmt.Sprintf("--systemd_enable_support=%t", wanted), "--systemd_runtime_directory="+units)
			seen := filepath.Join(t.TempDir(), "seen")
			one := w.hold("one", `"mesos": {}`, "cat /proc/self/cgroup > "+seen)
			if text := contents(t, seen); strings.Contains(text, ":name=systemd:/mesos_executors.slice\n") != wanted {
				t.Errorf("the task is in\n%s", text)
			}
			if made := names(t, units+"/*"); strings.Join(made, "") == "mesos_executors.slice" != wanted {
				t.Errorf("the units are %q", made)
			}
			one.lets()
			one.ended(0, "TASK_FINISHED")
			w.has(func() []string { return names(t, filepath.Join(w.dir, "run/containers/*")) })
			if said, _ := os.ReadFile(calls); wanted && string(said) != "daemon-reload\nstart mesos_executors.slice\n" || !wanted && len(said) > 0 {
				t.Errorf("systemctl was called: %s", said)
			}
		})
	}
}
