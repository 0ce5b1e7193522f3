package blackbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/docker/enginetest"
)

// dock is a cluster of one agent with Docker's containers.
type dock struct {
	t      *testing.T
	socket string
	dir    string
	port   string
	more   []string // flags of the agent
	master *process
	agent  *process
}

func newDock(t *testing.T, more ...string) *dock {
	d := &dock{t: t, socket: enginetest.Start(t), dir: t.TempDir(), port: freePort(t), more: more}
	d.master = startMaster(t, "0", filepath.Join(d.dir, "master"))
	d.startAgent()
	return d
}

func (d *dock) startAgent() {
	d.agent = startAgent(d.t, d.port, d.master.address, filepath.Join(d.dir, "agent"), append([]string{"--runtime_dir=" + filepath.Join(d.dir, "runtime"),
		"--containerizers=docker,mesos", "--docker_socket=" + d.socket, "--executor_shutdown_grace_period=3secs", "--executor_reregistration_timeout=1secs"}, d.more...)...)
	d.t.Cleanup(func() { d.removeAll() })
}

// client returns a client of the engine.
func (d *dock) client() *engine.Client {
	c := engine.Dial(d.socket)
	if err := c.Connect(context.Background()); err != nil {
		d.t.Fatal(err)
	}
	return c
}

// containers returns the names of Mesos's containers.
func (d *dock) containers() (names []string) {
	c := d.client()
	defer c.Close()
	all, err := c.List(context.Background(), "mesos-")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names
}

// removeAll ends what runs, so that executors end.
func (d *dock) removeAll() {
	c := d.client()
	defer c.Close()
	for _, name := range d.containers() {
		_ = c.Remove(context.Background(), name)
	}
}

// sandbox returns the path of a file in the sandbox of a task.
func (d *dock) sandbox(task, file string) string {
	found, _ := filepath.Glob(filepath.Join(d.dir, "agent/slaves/*/frameworks/*/executors", task, "runs/latest", file))
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

func (d *dock) reads(task, file string) string {
	text, err := os.ReadFile(d.sandbox(task, file))
	if err != nil {
		d.t.Errorf("%s of %s: %v", file, task, err)
	}
	return string(text)
}

// task returns the JSON of a task for mesos-execute.
func task(name, command, container, more string) string {
	ports := "" // others do not wait for them
	if strings.Contains(container, "port_mappings") {
		ports = `, {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31005, "end": 31006}]}}`
	}
	return fmt.Sprintf(`--task={"name": %q, "task_id": {"value": %q}, "agent_id": {"value": ""}, "command": %s, "container": %s,
		"resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}%s]%s}`,
		name, name, command, container, ports, more)
}

func (d *dock) execute(args ...string) (status int, out string) {
	return does(d.t, nil, "mesos-execute", append([]string{"--master=" + d.master.address}, args...)...)
}

// dockerTask is a task, how it ends, and what it writes.
type dockerTask struct{ name, command, container, more, state, message, stdout, stderr string }

// dockerTasks are the tasks that were recorded, and others.
func dockerTasks(socket string) []dockerTask {
	const sh, plain = `{"shell": true, "value": %q}`, `{"type": "DOCKER", "docker": {"image": "box"}}`
	shell := func(command string) string { return fmt.Sprintf(sh, command) }
	return []dockerTask{
		{"cmd-default", `{"shell": false}`, plain, "", "FINISHED", "Container exited with status 0", "^from the image\n$", ""},
		{"argv", `{"shell": false, "value": "/bin/echo", "arguments": ["a b", "c"]}`, plain, "", "FINISHED", "Container exited with status 0", "^a b c\n$", ""},
		{"fail", shell("exit 9"), plain, "", "FAILED", "Container exited with status 9", "^$", ""},
		{"where", shell("pwd; id -u; echo $MESOS_SANDBOX; touch /mnt/mesos/sandbox/made; echo $MESOS_ALLOCATION_ROLE; echo $FROM_IMAGE; echo no >&2"), plain, "",
			"FINISHED", "status 0", "^/data\n0\n/mnt/mesos/sandbox\n\\*\nyes\n$", "(?m)^no$"},
		{"none-net", shell("ls /sys/class/net"), `{"type": "DOCKER", "docker": {"image": "box", "network": "NONE"}}`, "", "FINISHED", "status 0", "^lo\n$", ""},
		{"user-net", shell("true"), `{"type": "DOCKER", "docker": {"image": "box", "network": "USER"}, "network_infos": [{"name": "nosuchnet"}]}`, "",
			"FAILED", "Container exited with status 125", "^$", "docker: Error response from daemon: network nosuchnet not found\\."},
		{"no-program", `{"shell": false, "value": "/no/such"}`, plain, "", "FAILED", "Container exited with status 127", "^$", "docker: Error response from daemon"},
		{"missing", shell("true"), `{"type": "DOCKER", "docker": {"image": "127.0.0.1:9/nosuch/img"}}`, "", "FAILED",
			"Failed to launch container: Failed to run 'docker -H unix://" + socket + " pull 127.0.0.1:9/nosuch/img:latest': exited with status 1; stderr='Error response from daemon: ", "^$", ""},
		{"pull", shell("true"), `{"type": "DOCKER", "docker": {"image": "127.0.0.1:9/box", "force_pull_image": true}}`, "", "FAILED",
			"Failed to launch container: Failed to run 'docker -H unix://" + socket + " pull 127.0.0.1:9/box': exited with status 1; stderr='Error", "^$", ""},
		{"bad-port", shell("true"), `{"type": "DOCKER", "docker": {"image": "box", "network": "BRIDGE", "port_mappings": [{"host_port": 1, "container_port": 80}]}}`, "",
			"FAILED", "Failed to create docker run options: Port [1] not included in resources", "^$", ""},
		{"bad-parameter", shell("true"), `{"type": "DOCKER", "docker": {"image": "box", "parameters": [{"key": "nonsense", "value": "1"}]}}`, "",
			"FAILED", "Failed to create docker run options: Parameter 'nonsense' in DockerInfo is not supported by this agent", "^$", ""},
		{"bridge", shell("hostname; ls -d /in/sh /rel; echo $FROMPARAM"), `{"type": "DOCKER", "hostname": "boxhost",
			"volumes": [{"host_path": "reldir", "container_path": "/rel", "mode": "RW"}, {"host_path": "/bin", "container_path": "/in", "mode": "RO"}],
			"docker": {"image": "box", "network": "BRIDGE", "port_mappings": [{"host_port": 31005, "container_port": 80, "protocol": "tcp"}],
				"parameters": [{"key": "env", "value": "FROMPARAM=1"}]}}`, "", "FINISHED", "status 0", "^boxhost\n/in/sh\n/rel\n1\n$", ""},
		{"sick", shell("sleep 1000"), plain, `, "health_check": {"type": "COMMAND", "command": {"value": "exit 1"}, "delay_seconds": 0, "interval_seconds": 0.1,
			"grace_period_seconds": 0, "consecutive_failures": 2}, "kill_policy": {"grace_period": {"nanoseconds": 0}}`, "KILLED", "Container exited with status 137", "^$", ""},
		{"well", shell("httpd -p 8080; sleep 3"), `{"type": "DOCKER", "docker": {"image": "box", "network": "BRIDGE"}}`, `, "health_check": {"type": "TCP",
			"tcp": {"port": 8080}, "delay_seconds": 0.1, "interval_seconds": 0.1, "grace_period_seconds": 60, "consecutive_failures": 10000}`, "FINISHED", "status 0", "^$", ""},
		{"well-http", shell("echo yes > /tmp/f; httpd -p 8080 -h /tmp; sleep 3"), `{"type": "DOCKER", "docker": {"image": "box", "network": "BRIDGE"}}`, `, "health_check": {"type": "HTTP",
			"http": {"port": 8080, "path": "/f"}, "delay_seconds": 0.1, "interval_seconds": 0.1, "grace_period_seconds": 60, "consecutive_failures": 10000}`, "FINISHED", "status 0", "^$", ""},
		{"sick-http", shell("httpd -p 8080 -h /tmp; sleep 1000"), `{"type": "DOCKER", "docker": {"image": "box", "network": "BRIDGE"}}`, `, "health_check": {"type": "HTTP",
			"http": {"port": 8080, "path": "/f"}, "delay_seconds": 0, "interval_seconds": 0.1, "grace_period_seconds": 0, "consecutive_failures": 3},
			"kill_policy": {"grace_period": {"nanoseconds": 0}}`, "KILLED", "Container exited with status 137", "^$", ""},
		{"well-inside", shell("touch /tmp/inside; sleep 3"), plain, `, "health_check": {"type": "COMMAND", "command": {"value": "test -e /tmp/inside && test ! -e ` + bin + `"},
			"delay_seconds": 0.1, "interval_seconds": 0.1, "grace_period_seconds": 60, "consecutive_failures": 10000}`, "FINISHED", "status 0", "^$", ""},
		{"beside", `{"shell": true, "value": "echo no container"}`, `{"type": "MESOS"}`, "", "FINISHED", "Command exited with status 0", "^no container\n$", ""},
	}
}

// What was recorded of the reference: the same tasks end in the same state, for the same reason, with the same message.
//
// Left out are privileged tasks, which the recorded engine could not run, and what the engine itself puts into containers. Others
// differ from the recording: a container that cannot be started is reported at once, not after five seconds; errors name the
// engine of the test.
func TestDockerTasks(t *testing.T) {
	t.Parallel()
	d := newDock(t)
	t.Run("tasks", func(t *testing.T) {
		for _, c := range dockerTasks(d.socket) {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				d := *d
				d.t = t
				_, out := d.execute(task(c.name, c.command, c.container, c.more))
				if !strings.Contains(out, "Received status update TASK_"+c.state) || !strings.Contains(out, c.message) {
					t.Errorf("%s\nwant %s, %s\n%s", out, c.state, c.message, d.reads(c.name, "stderr"))
				}
				if strings.HasPrefix(c.name, "well") && !strings.Contains(out, "healthy?: true") {
					t.Errorf("never healthy: %s", out)
				}
				if text := d.reads(c.name, "stdout"); !regexp.MustCompile(c.stdout).MatchString(text) {
					t.Errorf("stdout %q, want %s", text, c.stdout)
				}
				if text := d.reads(c.name, "stderr"); c.stderr != "" && !regexp.MustCompile(c.stderr).MatchString(text) {
					t.Errorf("stderr %q, want %s", text, c.stderr)
				}
			})
		}
	})
	if d.sandbox("where", "made") == "" {
		t.Error("what a task writes is not in its sandbox")
	}
}

// A task that is killed ends in time, and its container with it.
func TestDockerKill(t *testing.T) {
	t.Parallel()
	d := newDock(t)
	status, out := d.execute("--name=k", "--containerizer=docker", "--docker_image=box", "--command=echo runs; sleep 1000", "--kill_after=100ms")
	if status == 0 || !strings.Contains(out, "TASK_KILLED") || !strings.Contains(out, "Container exited with status 137") {
		t.Errorf("%d, %s", status, out)
	}
	status, out = d.execute("--name=image", "--containerizer=docker", "--docker_image=box", "--no-shell")
	if text := d.reads("image", "stdout"); status != 0 || text != "from the image\n" {
		t.Errorf("%d, %s, %q", status, out, text)
	}
}

// Containers outlive the agent. The next one finds them, reports their ends, and removes those that nobody has.
func TestDockerOutlivesAgents(t *testing.T) {
	t.Parallel()
	d := newDock(t)
	run := start(t, nil, "mesos-execute", "--master="+d.master.address, "--checkpoint",
		task("survivor", `{"value": "echo begins; while ! test -e /mnt/mesos/sandbox/go; do sleep 0.05; done; echo ends; exit 3"}`, `{"type": "DOCKER", "docker": {"image": "box"}}`, ""))
	run.awaits("TASK_RUNNING")
	c := d.client()
	defer c.Close()
	ctx := context.Background()
	const orphan = "mesos-5b2d7b1c-9d0e-4d29-9d7b-0d6f1f9d2c11"
	if _, err := c.Create(ctx, orphan, &engine.Create{Image: enginetest.Image, Cmd: []string{"sleep", "1000"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(ctx, "mesos-of-others", &engine.Create{Image: enginetest.Image}); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(ctx, orphan); err != nil {
		t.Fatal(err)
	}
	before := d.containers()
	d.agent.kill()
	d.startAgent()
	d.agent.awaits("re-registered actor=slave(1) master=")
	after := d.containers()
	if len(before) != 3 || len(after) != 2 || strings.Contains(fmt.Sprint(after), orphan) {
		t.Errorf("containers before %q, after %q", before, after)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.sandbox("survivor", "stdout")), "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run.awaits("Container exited with status 3")
	if text := d.reads("survivor", "stdout"); text != "begins\nends\n" {
		t.Errorf("stdout %q", text)
	}
}

// An agent that leaves alone what nobody has keeps such containers.
func TestDockerOrphansAreKept(t *testing.T) {
	t.Parallel()
	d := newDock(t, "--no-docker_kill_orphans")
	c := d.client()
	defer c.Close()
	ctx := context.Background()
	const orphan = "mesos-5b2d7b1c-9d0e-4d29-9d7b-0d6f1f9d2c12"
	if _, err := c.Create(ctx, orphan, &engine.Create{Image: enginetest.Image, Cmd: []string{"sleep", "1000"}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(ctx, orphan); err != nil {
		t.Fatal(err)
	}
	d.agent.kill()
	d.startAgent()
	d.agent.awaits("re-registered actor=slave(1) master=")
	if got := d.containers(); len(got) != 1 || got[0] != orphan {
		t.Errorf("there are %q", got)
	}
}

// Without an engine the agent says what is missing and what to do. Groups are refused as by the reference.
func TestDockerRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--containerizers=docker", "--docker_socket=" + filepath.Join(dir, "none")},
			"Cannot connect to the Docker daemon at unix://" + filepath.Join(dir, "none") + ". Is the docker daemon running?; start the Docker engine"},
		{[]string{"--containerizers=docker", "--docker_socket=relative"}, "Invalid Docker socket path: relative"},
		{[]string{"--containerizers=rocket"}, "Unknown or unsupported containerizer: rocket"},
		{[]string{"--docker_mesos_image=mesos"}, "starts mesos-docker-executor as a process of its own"},
		{[]string{`--docker_config={"credsStore": "pass"}`}, "credsStore or credHelpers"},
	} {
		status, out := does(t, nil, "mesos-agent", append([]string{"--master=127.0.0.1:1", "--ip=127.0.0.1", "--port=0", "--work_dir=" + filepath.Join(dir, "work"), "--runtime_dir=" + filepath.Join(dir, "run")}, c.flags...)...)
		if status == 0 || !strings.Contains(out, c.want) {
			t.Errorf("%q: status %d, %s\nwant %s", c.flags, status, out, c.want)
		}
	}
}

// A task that is killed has as long to end as its kill policy says. Containers are kept as long as the agent's flag says.
func TestDockerKillPolicy(t *testing.T) {
	t.Parallel()
	d := newDock(t, "--docker_remove_delay=1ms")
	p := start(t, nil, "mesos-execute", "--master="+d.master.address, "--kill_after=1ms",
		task("polite", `{"value": "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.05; done"}`, `{"type": "DOCKER", "docker": {"image": "box"}}`,
			`, "kill_policy": {"grace_period": {"nanoseconds": 50000000000}}`))
	p.awaits("TASK_KILLED")
	p.ends()
	if text := d.reads("polite", "stdout"); !strings.Contains(p.out.String(), "Container exited with status 4") || text != "up\nbye\n" {
		t.Errorf("%s\nstdout %q", p.out, text)
	}
	gone(t, d.containers)

	kept := newDock(t)
	kept.execute("--name=kept", "--containerizer=docker", "--docker_image=box", "--command=true")
	gone(t, kept.running)
	if all := kept.containers(); len(all) != 1 {
		t.Errorf("for six hours there should be one container, and there are %q", all)
	}
}

// The engine is asked for what a task requests, and for no more than its limits; for devices, and other parameters.
func TestDockerLimits(t *testing.T) {
	t.Parallel()
	d := newDock(t, "--cgroups_enable_cfs")
	const look = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_quota_us 2>/dev/null || " +
		"cat memory.max memory.low cpu.max; test -c /dev/mine && echo device; cat /proc/sys/kernel/hostname; id -u"
	status, out := d.execute(task("limited", `{"value": "`+look+`"}`, `{"type": "DOCKER", "docker": {"image": "box", "parameters": [
		{"key": "device", "value": "/dev/null:/dev/mine"}, {"key": "hostname", "value": "named"}, {"key": "user", "value": "7"}]}}`,
		`, "limits": {"cpus": {"value": 0.5}, "mem": {"value": 64}}`))
	text := d.reads("limited", "stdout")
	v1 := "67108864\n33554432\n102\n50000\ndevice\nnamed\n7\n"
	v2 := "67108864\n33554432\n50000 100000\ndevice\nnamed\n7\n"
	if status != 0 || text != v1 && text != v2 {
		t.Errorf("%s\nstdout %q", out, text)
	}
}
