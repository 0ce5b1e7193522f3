package blackbox

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// dockers are the capabilities that Docker gives to containers, but for that to see all packets of a network.
const dockers = `{"capabilities":["CHOWN","DAC_OVERRIDE","FSETID","FOWNER","MKNOD","SETGID","SETUID","SETFCAP","SETPCAP","NET_BIND_SERVICE","SYS_CHROOT","KILL","AUDIT_WRITE"]}`

// confinement are the isolators that keep a container's root from the machine.
const confinement = "--isolation=cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/devices,filesystem/linux,docker/runtime,namespaces/pid,namespaces/ipc," +
	"linux/capabilities,linux/seccomp,volume/host_path"

// jail is an agent with all that keeps containers apart, and what prisoners look for.
type jail struct {
	*imageWorld
	prison
	outside string // the directory with what is secret, and with the program of the prisoners
	self    string // that program
}

func newJail(t *testing.T, flags ...string) *jail {
	t.Helper()
	if _, err := user.Lookup("nobody"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root, and a user called nobody")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	registry := newBox(t)
	j := &jail{outside: t.TempDir()}
	j.self = filepath.Join(j.outside, "prisoner")
	if err := copyTo(self, j.self); err != nil {
		t.Fatal(err)
	}
	pushBox(t, registry, "test/jail:v1", "/", boxLayer(t, j.self, "sh", "ls", "ln", "mkdir", "rm", "mv", "touch", "setsid", "env", "unshare"))
	for _, dir := range []string{j.outside, filepath.Dir(j.outside)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	j.hide(t)
	j.imageWorld = newImageWorld(t, append(flags, "--docker_registry="+registry)...)
	j.Group = j.root
	return j
}

// profiles returns a directory with the profile confined.json.
func profiles(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../../slave/containerizer/seccomp/testdata")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// hide puts what is secret outside of containers.
func (j *jail) hide(t *testing.T) {
	t.Helper()
	j.Word = "a-word-of-" + t.Name()
	dir := filepath.Join(j.outside, "secrets")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	j.Secret = filepath.Join(dir, "secret")
	shared := filepath.Join("/dev/shm", filepath.Base(j.outside)+t.Name())
	t.Cleanup(func() { os.Remove(shared) })
	for _, path := range []string{j.Secret, shared} {
		if err := os.WriteFile(path, []byte(j.Word), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j.Shared = filepath.Base(shared)
	var about unix.Stat_t
	if err := unix.Stat(j.Secret, &about); err != nil {
		t.Fatal(err)
	}
	j.Disk, j.Segment = about.Dev, int(crc32.ChecksumIEEE([]byte(j.outside))>>1)
	id, err := unix.SysvShmGet(j.Segment, 4096, unix.IPC_CREAT|unix.IPC_EXCL|0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.SysvShmCtl(id, unix.IPC_RMID, nil) }) //nolint:errcheck // nothing can be done
}

// state describes what is outside, and the programs of the agent.
func (j *jail) state() string {
	j.t.Helper()
	var b strings.Builder
	for _, dir := range []string{j.outside, bin} {
		err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err == nil {
				s := info.Sys().(*syscall.Stat_t)
				fmt.Fprintln(&b, path, info.Mode(), s.Uid, s.Gid, s.Size, s.Mtim)
			}
			return err
		})
		if err != nil {
			j.t.Fatal(err)
		}
	}
	var host unix.Utsname
	if err := unix.Uname(&host); err != nil {
		j.t.Fatal(err)
	}
	pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	return b.String() + unix.ByteSliceToString(host.Nodename[:]) + " " + string(pattern)
}

// cell is a kind of container from which prisoners try to get out.
type cell struct {
	name, user string
	rooted     bool
	confine    bool
}

var cells = []cell{
	{name: "root in an image", user: "root", rooted: true},
	{name: "root in an image with fewer system calls", user: "root", rooted: true, confine: true},
	{name: "nobody in an image", user: "nobody", rooted: true},
	{name: "nobody among the agent's files", user: "nobody"},
	{name: "nobody among the agent's files with fewer system calls", user: "nobody", confine: true},
}

// container returns the JSON of the container of a cell.
func (c cell) container() map[string]any {
	info := map[string]any{"type": "MESOS", "mesos": map[string]any{}}
	if c.rooted {
		info["mesos"] = map[string]any{"image": map[string]any{"type": "DOCKER", "docker": map[string]any{"name": "test/jail:v1"}}}
	}
	info["linux_info"] = map[string]any{"ipc_mode": "PRIVATE"}
	if c.confine {
		info["linux_info"] = map[string]any{"ipc_mode": "PRIVATE", "seccomp": map[string]any{"profile_name": "confined.json"}}
	}
	return info
}

// command returns the JSON of the command of a prisoner.
func (j *jail) command(c cell) map[string]any {
	p := j.prison
	p.Rooted, p.Confine = c.rooted, c.confine
	told, err := json.Marshal(p)
	if err != nil {
		j.t.Fatal(err)
	}
	path := j.self
	if c.rooted {
		path = "/bin/" + filepath.Base(j.self)
	}
	return map[string]any{
		"value": path, "user": c.user,
		"environment": map[string]any{"variables": []any{map[string]any{"name": asPrisoner, "value": string(told)}}},
	}
}

// judge demands that a prisoner has tried everything in vain.
func judge(t *testing.T, printed string) {
	t.Helper()
	if !strings.Contains(printed, fmt.Sprintf("tried %d ways", len(tries))) {
		t.Errorf("it did not try everything: %s", printed)
	}
	for line := range strings.Lines(printed) {
		if strings.HasPrefix(line, "got out") {
			t.Error(strings.TrimSpace(line))
		}
	}
}

// Whoever runs in a container does not get out of it: not by the paths of files, not by other processes, mounts, namespaces,
// devices, control groups and settings of the kernel, nor by what processes share. In one of root this takes isolators for
// capabilities and devices; see SECURITY.md.
func TestNobodyEscapes(t *testing.T) {
	t.Parallel()
	j, over := newJailBeside(t)
	defer over()
	for i, c := range cells {
		t.Run(c.name, func(t *testing.T) {
			id := fmt.Sprintf("prisoner%d", i)
			judge(t, j.imprison(t, id, j.command(c), c.container()))
		})
	}
	for i, c := range cells {
		t.Run(c.name+", in a group", func(t *testing.T) {
			id := fmt.Sprintf("grouped%d", i)
			p := executeGroup(t, j.master.address, []member{{id, "", map[string]any{
				"command": j.command(c), "container": c.container(), "resources": sized(128),
			}}})
			p.ends()
			judge(t, p.out.String()+j.printed("*/runs/latest/tasks/"+id))
		})
	}
}

// Root that may not make devices does not get out without the isolator for devices either, as SECURITY.md says, from an image that has
// none: devices of an image can be used.
func TestRootWithoutDevicesIsKeptIn(t *testing.T) {
	t.Parallel()
	j := newJail(t, strings.Replace(confinement, "cgroups/devices,", "", 1), "--bounding_capabilities="+strings.Replace(dockers, `"MKNOD",`, "", 1),
		"--seccomp_config_dir="+profiles(t))
	before := j.state()
	for i, c := range cells[:2] {
		t.Run(c.name, func(t *testing.T) {
			judge(t, j.imprison(t, fmt.Sprintf("prisoner%d", i), j.command(c), c.container()))
		})
	}
	if after := j.state(); after != before {
		t.Errorf("outside there was\n%s\nand now is\n%s", before, after)
	}
	loops := layerOf(t, device("loops", tar.TypeChar, 10, 237))[:512]
	pushBox(t, flagOf(j.args, "--docker_registry"), "test/device:v1", "/", slices.Concat(loops, boxLayer(t)))
	if _, printed := j.run("device", "test/device:v1", `{"value": "(: < /loops) && echo opened"}`); !strings.Contains(printed, "opened") {
		t.Errorf("a device in an image is not there: %s", printed)
	}
	j.clean()
	j.empty()
}

// lodge starts a task of a cell that waits, and what it is in: a container of a command, or of a group.
func (j *jail) lodge(t *testing.T, id string, c cell, group bool) *process {
	t.Helper()
	m := member{id, "while :; do sleep 1000; done", map[string]any{"container": c.container(), "resources": sized(128)}}
	m.more["command"] = map[string]any{"value": m.command, "user": c.user}
	var p *process
	if group {
		p = executeGroup(t, j.master.address, []member{m})
	} else {
		task, err := json.Marshal(m.task())
		if err != nil {
			t.Fatal(err)
		}
		p = start(t, nil, "mesos-execute", "--master="+j.master.address, "--task="+string(task))
	}
	p.awaits("TASK_RUNNING")
	return p
}

// newJailBeside returns a jail in which a task of somebody else runs, with a sandbox and a word that are not for the prisoners. At the end,
// over demands that all outside is as it was, and that nothing is left.
func newJailBeside(t *testing.T) (j *jail, over func()) {
	t.Helper()
	j = newJail(t, confinement, "--bounding_capabilities="+dockers, "--seccomp_config_dir="+profiles(t), "--resources=cpus:8;mem:4096;disk:1000")
	other := start(t, nil, "mesos-execute", "--master="+j.master.address, "--task="+taskIn("other", `"mesos": {}`, `{"value": "echo `+j.Word+`; sleep 1000"}`))
	other.awaits("TASK_RUNNING")
	j.Sandbox = j.sandboxOf("other")
	before := j.state()
	return j, func() {
		t.Helper()
		if after := j.state(); after != before {
			t.Errorf("outside there was\n%s\nand now is\n%s", before, after)
		}
		other.signal(syscall.SIGTERM)
		other.ends()
		j.clean()
		j.empty()
	}
}

// Whoever is let into the container of a task does not get further than the task: neither the commands of mesos task exec, with a
// terminal and without one, nor those in the containers of groups.
func TestNobodyEscapesFromSessions(t *testing.T) {
	t.Parallel()
	j, over := newJailBeside(t)
	defer over()
	for i, c := range cells {
		for _, group := range []bool{false, true} {
			id := fmt.Sprintf("host%d-%t", i, group)
			task := j.lodge(t, id, c, group)
			enter := append([]string{"--master=" + j.master.address, "task", "exec"}, j.words(id, c)...)
			t.Run(fmt.Sprintf("%s, in a group: %t", c.name, group), func(t *testing.T) {
				_, told := does(t, nil, "mesos", enter...)
				judge(t, told)
			})
			t.Run(fmt.Sprintf("%s, in a group: %t, with a terminal", c.name, group), func(t *testing.T) {
				p, _ := onTerminal(t, "mesos", slices.Insert(slices.Clone(enter), 3, "-it")...)
				p.awaits("tried ") // the terminal may say it after the end
				p.ends()
				judge(t, p.out.String())
			})
			task.signal(syscall.SIGTERM)
			task.ends()
		}
	}
}

// words returns the arguments of mesos task exec for a prisoner in the container of a task.
func (j *jail) words(id string, c cell) []string {
	j.t.Helper()
	command := j.command(c)
	v := command["environment"].(map[string]any)["variables"].([]any)[0].(map[string]any)
	return []string{id, "env", fmt.Sprintf("%s=%s", v["name"], v["value"]), command["value"].(string)}
}

// sandboxOf returns the sandbox of the executor of a task.
func (j *jail) sandboxOf(id string) string {
	j.t.Helper()
	found, err := filepath.Glob(filepath.Join(j.dir, "agent/slaves/*/frameworks/*/executors", id, "runs/*-*"))
	if err != nil || len(found) != 1 {
		j.t.Fatal(found, err)
	}
	return found[0]
}

// imprison runs a task to its end, and returns what was told of it and what it printed.
func (j *jail) imprison(t *testing.T, id string, command, container any) string {
	t.Helper()
	task, err := json.Marshal(map[string]any{
		"name": id, "task_id": map[string]any{"value": id}, "agent_id": map[string]any{"value": ""},
		"command": command, "container": container, "resources": sized(128),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, told := does(t, nil, "mesos-execute", "--master="+j.master.address, "--task="+string(task))
	return told + j.printed(id)
}

// The ways that prisoners try are ways: root gets out by most of them where nothing keeps it in, as SECURITY.md says.
func TestRootIsNotKeptInByDefault(t *testing.T) {
	t.Parallel()
	j := newJail(t, "--isolation=filesystem/linux,docker/runtime,namespaces/pid") // it must not meddle with the processes of others
	c := cell{user: "root", rooted: true}
	container := c.container()
	delete(container, "linux_info")
	told := j.imprison(t, "prisoner", j.command(c), container)
	for _, way := range tries {
		if way.name == "files of processes" {
			continue // it leads out while the executor has a directory open
		}
		shut := slices.Contains([]string{"paths", "the agent's processes", "another root", "settings", "control groups", "keys", "terminals", "descriptors"}, way.name)
		if shut == strings.Contains(told, "got out by "+way.name+": ") {
			t.Errorf("got out by %s: %t", way.name, shut)
		}
	}
	if t.Failed() {
		t.Log(told)
	}
	j.clean()
	j.empty()
}

// printed returns what a task has printed.
func (w *imageWorld) printed(id string) (text string) {
	w.t.Helper()
	pattern := filepath.Join(w.dir, "agent/slaves/*/frameworks/*/executors", id)
	if !strings.Contains(id, "/") {
		pattern = filepath.Join(pattern, "runs/latest")
	}
	files, err := filepath.Glob(filepath.Join(pattern, "std*"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			w.t.Fatal(err)
		}
		text += string(content)
	}
	return text
}

// empty waits until the agent has no container any more: no process, group, or mount.
func (w *imageWorld) empty() {
	w.t.Helper()
	gone(w.t, w.left)
}

// left lists what is left of containers.
func (w *imageWorld) left() (all []string) {
	w.t.Helper()
	groups, err := filepath.Glob("/sys/fs/cgroup/*/" + w.root + "/*/cgroup.procs")
	if err != nil {
		w.t.Fatal(err)
	}
	unified, _ := filepath.Glob("/sys/fs/cgroup/" + w.root + "/*/cgroup.procs")
	for _, file := range append(groups, unified...) {
		all = append(all, "group "+filepath.Dir(file))
	}
	if n := w.apart.mounts(w.t, w.dir+"/agent/"); n > 1 { // one is the work directory, so that mounts in it are shared
		all = append(all, fmt.Sprintf("%d mounts", n))
	}
	for _, p := range running(bin) {
		path := "/proc/" + strings.Fields(p)[0] + "/environ"
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), w.dir+"/agent/slaves") {
			all = append(all, "process "+p)
		}
	}
	slices.Sort(all)
	return all
}

// sized returns the JSON of resources with so many megabytes of memory.
func sized(mem int) []any {
	return []any{
		map[string]any{"name": "cpus", "type": "SCALAR", "scalar": map[string]any{"value": 0.1}},
		map[string]any{"name": "mem", "type": "SCALAR", "scalar": map[string]any{"value": mem}},
	}
}

// ways are working directories and programs by which somebody may try to get to the agent's files before a container's command has
// lost the rights of the agent.
func (j *jail) ways() map[string]map[string]any {
	all := map[string]map[string]any{}
	for i, root := range []string{"/proc/1/root", "/proc/2/root", "/proc/self/root/proc/1/root", "/proc/1/cwd", "/proc/self/fd/0/../../.."} {
		pushBox(j.t, flagOf(j.args, "--docker_registry"), fmt.Sprintf("test/way%d:v1", i), root+filepath.Dir(j.Secret), boxLayer(j.t))
		all["the directory "+root] = map[string]any{
			"image": fmt.Sprintf("test/way%d:v1", i), "command": map[string]any{"value": "cat secret ." + j.Secret, "user": "root"},
		}
		all["the program "+root] = map[string]any{
			"image": "test/box:v1", "command": map[string]any{"value": root + bin + "/mesos-executor", "shell": false, "user": "root", "arguments": []string{"mesos-executor", "--version"}},
		}
	}
	return all
}

// Neither the working directory nor the program of a container is found by links to the roots of processes that have more rights.
func TestNoWayLeadsOut(t *testing.T) {
	t.Parallel()
	j := newJail(t, confinement, "--bounding_capabilities="+dockers, "--seccomp_config_dir="+profiles(t))
	before := j.state()
	for name, way := range j.ways() {
		t.Run(name, func(t *testing.T) {
			id := strings.NewReplacer(" ", "-", "/", "-").Replace(name)
			container := cell{rooted: true}.container()
			container["mesos"] = map[string]any{"image": map[string]any{"type": "DOCKER", "docker": map[string]any{"name": way["image"]}}}
			if told := j.imprison(t, id, way["command"], container); strings.Contains(told, j.Word) || strings.Contains(told, "TASK_FINISHED") {
				t.Errorf("it leads out: %s", told)
			}
			p := executeGroup(t, j.master.address, []member{{"g" + id, "", map[string]any{"command": way["command"], "container": container}}})
			if status := p.ends(); status == 0 || strings.Contains(j.printed("*/runs/latest/tasks/g"+id), j.Word) {
				t.Errorf("it leads out of a group: %s", p.out)
			}
		})
	}
	if after := j.state(); after != before {
		t.Errorf("outside there was\n%s\nand now is\n%s", before, after)
	}
	j.clean()
	j.empty()
}

// Files that are open in whatever starts an agent are not open in its containers, neither in those of commands nor in those of groups.
func TestTasksInheritNoFiles(t *testing.T) {
	t.Parallel()
	m, work := startMaster(t, "0", t.TempDir()), t.TempDir()
	secret, err := os.Create(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	cmd := exec.Command(filepath.Join(bin, "mesos-agent"), agentArgs("0", m.address, work, nil)...)
	for range 8 { // of which some may be replaced by others on the way
		cmd.ExtraFiles = append(cmd.ExtraFiles, secret)
	}
	startReady(t, nil, "mesos-agent", cmd)
	const look = "ls -l /proc/self/fd; ls -l /proc/$PPID/fd 2>/dev/null; echo looked"
	execute(t, m.address, "alone", look).ended(0, "TASK_FINISHED")
	executeGroup(t, m.address, []member{{"grouped", look, nil}}).ended(0, "TASK_FINISHED")
	for _, place := range []string{"alone/runs/latest", "*/runs/latest/tasks/grouped"} {
		printed, err := filepath.Glob(filepath.Join(work, "slaves/*/frameworks/*/executors", place, "stdout"))
		if err != nil || len(printed) != 1 {
			t.Fatal(printed, err)
		}
		if text, err := os.ReadFile(printed[0]); err != nil || !strings.Contains(string(text), "looked") || strings.Contains(string(text), secret.Name()) {
			t.Errorf("%s: %s, %v", place, text, err)
		}
	}
}
