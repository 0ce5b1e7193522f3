package blackbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// effect is what a flag of an agent does to containers: what a look at one shows with the flag, and what it shows without. DIR
// stands for a directory that both can write.
type effect struct {
	flag, isolation string
	more            []string // other flags, which are always there
	look            func(w *imageWorld, dir string) string
	with, without   string
}

const (
	boxed = `"mesos": {"image": {"type": "DOCKER", "docker": {"name": "test/box:v1"}}}`
	// ownGroup is a function of the shell: the directory of its control group in a hierarchy of version 1.
	ownGroup = `group() { sed -n "s,^[0-9]*:$1:,/sys/fs/cgroup/$1,p" /proc/self/cgroup; }; `
)

// shows returns a look at what a command prints in a container, and what is told of it.
func shows(container, command string) func(*imageWorld, string) string {
	return func(w *imageWorld, dir string) string {
		text, err := json.Marshal(map[string]string{"value": strings.ReplaceAll(command, "DIR", dir)})
		if err != nil {
			w.t.Fatal(err)
		}
		told, printed := w.runIn("looks", strings.ReplaceAll(container, "DIR", dir), string(text))
		return printed + told
	}
}

// counts is a look at the statistics of a container that runs.
func counts(w *imageWorld, _ string) string {
	w.t.Helper()
	g := newGate(w.t)
	p := start(w.t, nil, "mesos-execute", "--master="+w.master.address, "--task="+taskIn("counted", `"mesos": {}`, fmt.Sprintf(`{"value": %q}`, g.wait())))
	p.awaits("TASK_RUNNING")
	status, body := w.agent.get("/monitor/statistics")
	if status != http.StatusOK {
		w.t.Errorf("/monitor/statistics: %d", status)
	}
	g.open(w.t)
	p.ended(0, "TASK_FINISHED")
	return body
}

// What a flag for containers says is so in a container, and not without the flag. Flags whose effect takes more than one task to see
// have tests of their own; effects.tsv of mesos-agent lists them all.
func TestFlagsHaveEffects(t *testing.T) {
	t.Parallel()
	for _, e := range slices.Concat(effectsOnGroups(), effectsOnRights(t), effectsOnFiles(), effectsOnExecutors()) {
		name, _, _ := strings.Cut(strings.TrimPrefix(e.flag, "--"), "=")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, given := range []bool{true, false} {
				t.Run(fmt.Sprint(given), func(t *testing.T) {
					t.Parallel()
					e.check(t, given)
				})
			}
		})
	}
}

func (e effect) check(t *testing.T, given bool) {
	dir := t.TempDir()
	flags := slices.Clone(e.more)
	if e.isolation != "" {
		flags = append(flags, "--isolation="+e.isolation)
	}
	if given {
		flags = append(flags, strings.ReplaceAll(e.flag, "DIR", dir))
	}
	w := newImageWorld(t, flags...)
	seen := e.look(w, dir)
	if has := strings.Contains(seen, e.with); has != given {
		t.Errorf("with the flag: %t, and %q is seen: %t:\n%s", given, e.with, has, seen)
	}
	if !given && !strings.Contains(seen, e.without) {
		t.Errorf("without the flag %q should be seen:\n%s", e.without, seen)
	}
	w.clean()
	w.empty()
}

const mounted = "filesystem/linux,posix/cpu,posix/mem"

func effectsOnGroups() []effect {
	return []effect{
		{
			flag: "--cgroups_enable_cfs", isolation: "cgroups/cpu,filesystem/linux",
			look: shows(`"mesos": {}`, ownGroup+`echo quota $(cat $(group cpu)/cpu.cfs_quota_us)`), with: "quota 20000\n", without: "quota -1\n",
		},
		{
			flag: "--cgroups_limit_swap", isolation: "cgroups/mem,filesystem/linux",
			look: shows(`"mesos": {}`, ownGroup+`echo both $(cat $(group memory)/memory.memsw.limit_in_bytes)`), with: "both 67108864\n", without: "both 92233720368547",
		},
		{
			flag: "--cgroups_cpu_enable_pids_and_tids_count", isolation: "cgroups/cpu,filesystem/linux", look: counts,
			with: `"processes":`, without: `"cpus_user_time_secs":`,
		},
		{
			flag: "--no-revocable_cpu_low_priority", isolation: "cgroups/cpu,filesystem/linux",
			more: []string{"--resource_estimator=org_apache_mesos_FixedResourceEstimator", `--modules={"libraries": [{"name": "fixed_resource_estimator",
				"modules": [{"name": "org_apache_mesos_FixedResourceEstimator", "parameters": [{"key": "resources", "value": "cpus:8"}]}]}]}`},
			look: borrows, with: "shares 3174\n", without: "shares 31\n",
		},
		{
			flag:      `--allowed_devices={"allowed_devices": [{"device": {"path": "/dev/kmsg"}, "access": {"read": true}}]}`,
			isolation: "cgroups/devices,filesystem/linux",
			look:      shows(`"mesos": {}`, ownGroup+`cat $(group devices)/devices.list`), with: "c 1:11 r\n", without: "c 1:3 rwm\n",
		},
	}
}

func effectsOnRights(t *testing.T) []effect {
	return []effect{
		{
			flag: "--default_container_shm_size=3MB", isolation: mounted + ",namespaces/ipc",
			look: shows(`"mesos": {}, "linux_info": {"ipc_mode": "PRIVATE"}`, `df -k /dev/shm | awk '/shm/ {print "size", $2}'`), with: "size 3072\n", without: "size ",
		},
		{
			flag: "--disallow_sharing_agent_ipc_namespace", isolation: mounted + ",namespaces/ipc",
			look: shows(`"mesos": {}, "linux_info": {"ipc_mode": "SHARE_PARENT"}`, "true"),
			with: "Sharing agent IPC namespace with top-level container is not allowed", without: "TASK_FINISHED",
		},
		{
			flag: "--disallow_sharing_agent_pid_namespace", isolation: mounted + ",namespaces/pid",
			look: shows(`"mesos": {}, "linux_info": {"share_pid_namespace": true}`, "true"),
			with: "Sharing the agent's pid namespace is not allowed", without: "TASK_FINISHED",
		},
		{
			flag: `--effective_capabilities={"capabilities": ["CHOWN"]}`, isolation: mounted + ",linux/capabilities",
			look: shows(`"mesos": {}`, "grep CapEff /proc/self/status"), with: "CapEff:\t0000000000000001\n", without: "CapEff:\t00000",
		},
		{
			flag: `--bounding_capabilities={"capabilities": ["CHOWN", "KILL"]}`, isolation: mounted + ",linux/capabilities",
			look: shows(`"mesos": {}`, "grep CapBnd /proc/self/status"), with: "CapBnd:\t0000000000000021\n", without: "CapBnd:\t00000",
		},
		{
			flag: "--seccomp_profile_name=confined.json", isolation: mounted + ",linux/seccomp", more: []string{"--seccomp_config_dir=" + profiles(t)},
			look: shows(`"mesos": {}`, "grep Seccomp: /proc/self/status"), with: "Seccomp:\t2\n", without: "Seccomp:\t0\n",
		},
	}
}

func effectsOnFiles() []effect {
	return []effect{
		{
			flag: "--host_path_volume_force_creation=/nowhere:DIR", isolation: mounted + ",volume/host_path",
			look: shows(`"mesos": {}, "volumes": [{"host_path": "DIR/a/b", "container_path": "v", "mode": "RW"}]`, "echo made > v/f; cat DIR/a/b/f"),
			with: "made\n", without: "REASON_CONTAINER_LAUNCH_FAILED",
		},
		{
			flag:      `--default_container_info={"type": "MESOS", "volumes": [{"host_path": "DIR", "container_path": "given", "mode": "RW"}]}`,
			isolation: mounted + ",volume/host_path", look: plainly, with: "wrote\n", without: "nothing is given\n",
		},
		{
			flag: "--sandbox_directory=/somewhere/else", look: shows(boxed, `echo in $MESOS_SANDBOX > /somewhere/else/f; cat $MESOS_SANDBOX/f`),
			with: "in /somewhere/else\n", without: "/somewhere/else",
		},
		{flag: "--docker_ignore_runtime", look: shows(boxed, `echo "from <$FROM>"`), with: "from <>\n", without: "from <image>\n"},
		{flag: "--image_provisioner_backend=copy", look: shows(boxed, rootIs), with: "root is no mount of layers\n", without: "root is overlay\n"},
		{
			flag: `--image_gc_config={"image_disk_headroom": 1, "image_disk_watch_interval": {"nanoseconds": 1}}`, look: collected,
			with: "layers: []\n", without: "layers: [sha256:",
		},
	}
}

func effectsOnExecutors() []effect {
	return []effect{
		{
			flag: "--executor_shutdown_grace_period=1234ms", isolation: mounted,
			look: shows(`"mesos": {}`, "echo grace $MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD"), with: "grace 1234ms\n", without: "grace 5secs\n",
		},
		{
			flag: `--executor_environment_variables={"GIVEN": "by the operator", "PATH": "/usr/bin:/bin"}`, isolation: mounted,
			look: shows(`"mesos": {}`, "echo given $GIVEN"), with: "given by the operator\n", without: "given\n",
		},
		{
			flag: "--enforce_container_disk_quota", isolation: mounted + ",disk/du", more: []string{"--container_disk_watch_interval=10ms"}, look: fills,
			with: "REASON_CONTAINER_LIMITATION_DISK", without: "TASK_FINISHED",
		},
		{flag: "--no-switch_user", isolation: mounted, look: asNobody, with: "by 0\n", without: "by 65534\n"},
		{
			flag: "--gc_non_executor_container_sandboxes", isolation: mounted, more: []string{"--gc_delay=1ms"}, look: ofTheFirst,
			with: "is gone", without: "is there",
		},
		{
			flag: "--max_completed_executors_per_framework=0", isolation: mounted, look: completed,
			with: `"completed_executors":[]`, without: `"completed_executors":[{"`,
		},
	}
}

// fills tells of a task that writes more than its disk has, and ends only then.
func fills(w *imageWorld, _ string) string {
	w.t.Helper()
	g := newGate(w.t)
	if !slices.Contains(w.args, "--enforce_container_disk_quota") {
		g.open(w.t)
	}
	_, told := does(w.t, nil, "mesos-execute", "--master="+w.master.address, "--name=fills", "--resources=cpus:0.1;mem:32;disk:4",
		"--command=dd if=/dev/zero of=big bs=1M count=8 && "+g.wait())
	return told
}

// asNobody looks who wrote what a task of nobody writes.
func asNobody(w *imageWorld, dir string) string {
	w.t.Helper()
	_, printed := w.runIn("looks", `"mesos": {}`, `{"value": "echo by $(id -u)", "user": "nobody"}`)
	return printed
}

// ofTheFirst looks at the sandbox of the first container of a group to end, while the other one runs.
func ofTheFirst(w *imageWorld, _ string) string {
	w.t.Helper()
	g := newGate(w.t)
	p := executeGroup(w.t, w.master.address, []member{{"brief", "true", nil}, {"long", g.wait(), nil}})
	p.awaits("TASK_FINISHED for task 'brief'")
	sandboxes := func() []string {
		return names(w.t, filepath.Join(w.dir, "agent/slaves/*/frameworks/*/executors/*/runs/latest/containers/*"))
	}
	if slices.Contains(w.args, "--gc_non_executor_container_sandboxes") {
		gone(w.t, func() []string { return sandboxes()[1:] })
	}
	n := len(sandboxes())
	g.open(w.t)
	p.ended(0, "TASK_FINISHED for task 'long'")
	return map[int]string{1: "is gone", 2: "is there"}[n]
}

// completed looks which executors that have ended are remembered.
func completed(w *imageWorld, _ string) string {
	w.t.Helper()
	w.runIn("looks", `"mesos": {}`, `{"value": "true"}`)
	var body string
	gone(w.t, func() []string {
		if _, body = w.agent.get("/state"); !strings.Contains(body, `"frameworks":[]`) {
			return []string{body}
		}
		return nil
	})
	return body
}

// rootIs says which kind of file system its root is.
const rootIs = `while read -r a b c d path more; do [ "$path" != / ] || last=$more; done < /proc/self/mountinfo; ` +
	`case "$last" in *" - overlay "*) echo root is overlay;; *) echo root is no mount of layers;; esac`

// borrows looks at the shares of a task on resources that the agent lends.
func borrows(w *imageWorld, dir string) string {
	w.t.Helper()
	command, err := json.Marshal(map[string]string{"value": ownGroup + "echo shares $(cat $(group cpu)/cpu.shares) > DIR/f"})
	if err != nil {
		w.t.Fatal(err)
	}
	p := start(w.t, nil, "mesos-execute", "--master="+w.master.address, `--task={"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": ""},
		"command": `+strings.ReplaceAll(string(command), "DIR", dir)+`, "resources": [
			{"name": "cpus", "type": "SCALAR", "scalar": {"value": 3}, "revocable": {}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]}`)
	p.ended(0, "TASK_FINISHED")
	return contents(w.t, filepath.Join(dir, "f"))
}

// plainly runs a task that says nothing of its container.
func plainly(w *imageWorld, dir string) string {
	w.t.Helper()
	status, out := does(w.t, nil, "mesos-execute", "--master="+w.master.address, "--name=plain",
		"--command=if [ -d given ]; then echo wrote > given/f; else echo nothing is given > "+dir+"/f; fi")
	if status != 0 {
		w.t.Errorf("%d: %s", status, out)
	}
	return contents(w.t, filepath.Join(dir, "f"))
}

// collected runs a task with an image, and looks what is left of that.
func collected(w *imageWorld, _ string) string {
	w.t.Helper()
	w.run("image", "test/box:v1", `{"value": "true"}`)
	w.clean()
	layers := func() []string { return names(w.t, filepath.Join(w.dir, "store/layers/*")) }
	if flagOf(w.args, "--image_gc_config") != "" {
		gone(w.t, layers)
	}
	return fmt.Sprintf("layers: %s\n", layers())
}

// contents reads a file.
func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
