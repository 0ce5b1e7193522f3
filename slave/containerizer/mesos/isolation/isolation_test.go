package isolation_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
)

// The choices are those of linux/12-isolation-choices-results.txt.
//
// Differs: what aborts the reference's agent is refused here, or works.
func TestChoices(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ launcher, isolation, problem string }{
		{"linux", "cgroups/all", ""},
		{"linux", "cgroups/cpu,cgroups/mem,cgroups/hugetlb", ""},
		{"linux", "cgroups/cpu,cgroups/mem,cgroups/net_cls", ""},
		{"linux", "cgroups/cpu,cgroups/mem,cgroups/perf_event", ""},
		{"linux", "cgroups/cpu,nosuch/x", "Unknown or unsupported isolator 'nosuch/x'"},
		{"linux", "cgroups/nosuch", "Unknown or unsupported isolator 'cgroups/nosuch'"},
		{"linux", "posix/cpu,posix/mem", ""},
		{"posix", "cgroups/cpu", "needs the linux launcher"},
		{"linux", "filesystem/posix,cgroups/cpu,cgroups/mem", ""},
		{"linux", "cgroups/cpu,cgroups/mem,cgroups/cpu", "Duplicate entries found in --isolation flag '[ cgroups/cpu, cgroups/mem, cgroups/cpu ]'"},
		{"linux", "process", ""},
		{"posix", "process", ""},
		{"linux", "cgroups", ""},
		{"linux", "posix/cpu,cgroups/mem", ""},
		{"linux", "cgroups/cpu,volume/image", "Failed to create isolator 'volume/image': 'filesystem/linux' must be enabled to create the volume image isolator"},
		{"linux", "filesystem/linux,volume/image", ""},
		{"linux", "cgroups/cpu,docker/volume", "Failed to create isolator 'docker/volume': 'filesystem/linux' isolator must be used"},
		{"linux", "filesystem/linux,docker/volume", ""},
		{"posix", "posix/cpu,posix/mem,disk/xfs", ""},
		{"posix", "posix/cpu,posix/mem,posix/disk", ""},
		{"linux", "cgroups/mem,disk/du,linux/nnp", ""},
		{"linux", "cgroups/all,namespaces/pid", "Failed to create isolator 'namespaces/pid': 'filesystem/linux' must be used to enable pid namespace"},
		{"linux", "cgroups/all,namespaces/pid,filesystem/linux", ""},
		{"posix", "posix/cpu,environment_secret", ""},
		{"linux", "volume/secret", "Failed to create isolator 'volume/secret': Volume secret isolation requires filesystem/linux isolator."},
		{"linux", "filesystem/linux,volume/secret", ""},
		{"linux", "linux/devices", "Failed to create isolator 'linux/devices': 'filesystem/linux' isolator must be used"},
		{"linux", "filesystem/linux,linux/devices", ""},
		{"posix", "filesystem/linux,cgroups/cpu", "needs the linux launcher"},
		{"posix", "network/cni", ""},
		{"posix", "network/ports", "the isolator 'network/ports' needs the linux launcher"},
		{"linux", "network/ports,network/cni", ""},
		{"linux", "network/cni,cgroups/cpu", ""},
		{"linux", "cgroups/devices,filesystem/linux,gpu/nvidia", "the isolator 'gpu/nvidia' is not supported yet: this agent cannot assign GPUs, because NVML"},
		{"linux", "filesystem/linux,appc/runtime", "the isolator 'appc/runtime' is not supported yet: this agent has no Appc images; use Docker images"},
		{"linux", "network/port_mapping", "give containers networks with network/cni"},
		{"linux", "filesystem/linux,filesystem/posix", "Using multiple filesystem isolators simultaneously is disallowed"},
		{"windows", "posix/cpu", "Unknown or unsupported launcher: windows"},
		{"", "cgroups/cpu", ""},
		{"", "filesystem/linux,namespaces/pid", ""},
		{"", "nosuch/x", "Unknown or unsupported isolator 'nosuch/x'"},
	} {
		c := isolation.Default()
		c.Launcher, c.Isolation = test.launcher, test.isolation
		problem := fmt.Sprint(c.Check())
		if test.problem == "" && problem != "<nil>" || !strings.Contains(problem, test.problem) {
			t.Errorf("%s with %s: %s, want %q", test.isolation, test.launcher, problem, test.problem)
		}
	}
}

// An agent has each isolator of Mesos, or refuses it with a sentence that says what to do. Those are isolators.tsv of the reference, and
// older names.
func TestIsolatorsOfMesos(t *testing.T) {
	t.Parallel()
	const has, others = "", "is not supported yet: "
	for name, want := range map[string]string{
		"filesystem/posix": has, "filesystem/linux": has, "filesystem/windows": others, "filesystem/shared": others,
		"posix/cpu": has, "posix/mem": has, "posix/rlimits": has, "windows/cpu": others, "windows/mem": others,
		"cgroups/all": has, "cgroups/blkio": has, "cgroups/cpu": has, "cgroups/cpuset": has, "cgroups/devices": has, "cgroups/hugetlb": has,
		"cgroups/mem": has, "cgroups/net_cls": has, "cgroups/net_prio": has, "cgroups/perf_event": has, "cgroups/pids": has,
		"appc/runtime": others, "docker/runtime": has, "linux/devices": has, "linux/capabilities": has, "linux/nnp": has, "linux/seccomp": has,
		"namespaces/ipc": has, "namespaces/pid": has, "volume/sandbox_path": has, "volume/host_path": has, "volume/image": has,
		"volume/secret": has, "volume/csi": others, "docker/volume": has, "disk/du": has, "disk/xfs": has, "gpu/nvidia": others,
		"network/cni": has, "network/port_mapping": others, "network/ports": has, "environment_secret": has,
		"process": has, "cgroups": has, "posix/disk": has,
	} {
		if name == "linux/capabilities" && os.Geteuid() != 0 {
			continue
		}
		c := isolation.Default()
		c.Launcher, c.Isolation = "linux", name
		if !strings.HasPrefix(name, "filesystem/") {
			c.Isolation = "filesystem/linux," + name
		}
		problem := fmt.Sprint(c.Check())
		if want == has && problem != "<nil>" || want != has && !strings.HasPrefix(problem, "isolation: the isolator '"+name+"' "+want+isolation.Advice(name)) {
			t.Errorf("%s: %s", name, problem)
		}
		if want == others && len(isolation.Advice(name)) < 40 {
			t.Errorf("%s is refused with no sentence: %q", name, isolation.Advice(name))
		}
	}
}

// Without --launcher an agent has the launcher that its isolators need, as a C++ agent of root has, so that an agent with control groups
// needs no other flags here. The default isolators need none.
func TestLauncherFollowsIsolators(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		launcher, isolation, networks string
		want                          mesos.LauncherKind
	}{
		{"", isolation.Default().Isolation, "", mesos.Posix},
		{"", "posix/cpu,disk/du,network/cni", "", mesos.Posix},
		{"", "posix/cpu,cgroups/mem", "", mesos.Linux},
		{"", "cgroups", "", mesos.Linux}, // the old name of two
		{"", "filesystem/linux", "", mesos.Linux},
		{"", "network/cni", "/etc/cni", mesos.Linux},
		{"posix", "cgroups/cpu", "", mesos.Posix}, // refused
		{"linux", "posix/cpu", "", mesos.Linux},
	} {
		c := isolation.Default()
		c.Launcher, c.Isolation, c.Networks.Configs = test.launcher, test.isolation, test.networks
		if got := c.Kind(); got != test.want {
			t.Errorf("--launcher=%s --isolation=%s: %s, want %s", test.launcher, test.isolation, got, test.want)
		}
	}
}

// Images are Docker's. Those of Appc are refused with the reason, whichever other kinds there are.
func TestImageProviders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ providers, isolation, problem string }{
		{"docker", "filesystem/linux,docker/runtime", ""},
		{"DOCKER", "filesystem/linux", ""},
		{"docker", "posix/cpu", "image_providers: images need the isolator filesystem/linux"},
		{"appc", "filesystem/linux", "image_providers: Unsupported container image type: APPC; the format is not maintained any more"},
		{"docker,APPC", "filesystem/linux", "convert such images to Docker images"},
		{"oci", "filesystem/linux", "image_providers: Unknown image type 'oci'; this agent has DOCKER"},
	} {
		c := isolation.Default()
		c.Launcher, c.Isolation, c.Images.Providers = "linux", test.isolation, test.providers
		if problem := fmt.Sprint(c.Check()); (test.problem == "") != (problem == "<nil>") || !strings.Contains(problem, test.problem) {
			t.Errorf("%s with %s: %s, want %q", test.providers, test.isolation, problem, test.problem)
		}
	}
}

// Disk space is limited by isolators that look at it or have the kernel do so.
func TestDisk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		isolation, projects string
		enforce, kill       bool
		problem             string
	}{
		{"posix/cpu,disk/du", "[1-2]", true, false, ""},
		{"posix/cpu,disk/xfs", "[1-2]", true, true, ""},
		{"posix/cpu,disk/xfs", "[1-2]", false, false, ""},
		{"posix/cpu", "[1-2]", true, false, "enforce_container_disk_quota: needs the isolator disk/du or disk/xfs"},
		{"posix/cpu,disk/xfs", "[1-2]", false, true, "xfs_kill_containers: needs the isolator disk/xfs (--isolation) and --enforce_container_disk_quota"},
		{"posix/cpu,disk/du", "[1-2]", true, true, "xfs_kill_containers: needs the isolator disk/xfs"},
		{"posix/cpu,disk/xfs", "[0-2]", false, false, "xfs_project_range: XFS project ID range contains illegal 0 value"},
	} {
		c := isolation.Default()
		c.Isolation, c.EnforceDisk, c.Quotas.Kill, c.Quotas.Projects = test.isolation, test.enforce, test.kill, test.projects
		if problem := fmt.Sprint(c.Check()); (test.problem == "") != (problem == "<nil>") || !strings.Contains(problem, test.problem) {
			t.Errorf("%+v: %s", test, problem)
		}
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	for isolators, want := range map[string]bool{"cgroups/all": true, "cgroups/cpu": true, "cgroups": true, "cgroups/mem": false, "process": false} {
		if c := (isolation.Config{Isolation: isolators}); c.Has("cgroups/cpu") != want {
			t.Errorf("%s has cgroups/cpu: %v", isolators, !want)
		}
	}
}

// Ports are ranges, and are watched by one choice.
func TestPorts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, problem string
		agent         bool
	}{
		{"", "", true},
		{"[31000-32000,33000-33000]", "", false},
		{"[31000-32000]", "Only one of `--check_agent_port_range_only` or `--container_ports_isolated_range` should be specified", true},
		{"5", "Invalid port range resource type SCALAR of '5', expecting RANGES", false},
		{"[5", "Failed to parse isolated ports range '[5'", false},
	} {
		c := isolation.Default()
		c.Ports.Range, c.Ports.AgentOnly = test.text, test.agent
		if problem := fmt.Sprint(c.Check()); (test.problem == "") != (problem == "<nil>") || !strings.Contains(problem, test.problem) {
			t.Errorf("%q: %s, want %q", test.text, problem, test.problem)
		}
	}
}
