package blackbox

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// dig makes control groups below those that it is in, one in the other, and goes there. Root does so in namespaces in which it has
// mounted its groups.
func (p *prison) dig() int {
	if p.Rooted && !p.Within {
		inner := *p
		inner.Within = true
		cmd := inner.command()
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		fmt.Println(cmd.Run())
		return 1
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	dug := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && fields[1] != "" && p.digIn(fields[1], fields[2]) {
			dug++
		}
	}
	fmt.Println("up, below", dug, "groups")
	sleep, err := exec.LookPath("sleep")
	if err == nil {
		_ = os.Chdir("/")
		err = syscall.Exec(sleep, []string{"sleep", p.Dig}, nil)
	}
	fmt.Println(err)
	return 1
}

// digIn digs in one hierarchy.
func (p *prison) digIn(hierarchy, group string) bool {
	dir := filepath.Join("/sys/fs/cgroup", hierarchy, group)
	if p.Within {
		var err error
		if dir, err = os.MkdirTemp(p.here(), "groups"); err != nil || unix.Mount("cgroup", dir, "cgroup", 0, hierarchy) != nil {
			return false
		}
	}
	if os.Chdir(dir) != nil {
		return false
	}
	name := strings.Repeat("d", 200)
	for range 25 {
		if os.Mkdir(name, 0o755) != nil || os.Chdir(name) != nil {
			return false
		}
	}
	return os.WriteFile("tasks", []byte("0"), 0) == nil
}

// holdouts are commands that do what they can in order to stay when their task is killed. They print "up", and sleep for a time by
// which they are found.
func holdouts(mark string) map[string]string {
	return map[string]string{
		"a session":      "setsid sleep " + mark + " & echo up; wait",
		"no environment": "env -i setsid sh -c '(sleep " + mark + ") & sleep " + mark + "' & echo up; wait",
		"deaf":           "trap '' TERM HUP INT QUIT; echo up; while :; do sleep " + mark + "; done",
		"stopped":        "sleep " + mark + " & kill -STOP $!; echo up; wait",
		"an orphan":      "(setsid sh -c 'sleep " + mark + " & exit' &); echo up; while :; do sleep " + mark + "; done",
		"a bomb":         "cd $MESOS_SANDBOX; until test -e go; do sleep 0.05; done; echo up; sleep " + mark + " & b() { b | b & }; b 2>/dev/null; while :; do wait; sleep " + mark + "; done 2>/dev/null",
		"namespaces":     "unshare -Urpf sleep " + mark + " & echo up; wait; sleep " + mark,
	}
}

// Nothing outlives its container, whatever it does: daemons, those that are deaf or stopped, orphans, fork bombs, processes in namespaces and
// control groups of their own, as deep as they like. The task that is beside them goes on.
func TestNothingOutlivesItsContainer(t *testing.T) {
	t.Parallel()
	j := newJail(t, confinement, "--bounding_capabilities="+dockers, "--seccomp_config_dir="+profiles(t), "--cgroups_destroy_timeout=10secs")
	bounds, err := filepath.Glob("/sys/fs/cgroup/pids/" + j.root + "/pids.max")
	if err != nil || len(bounds) != 1 {
		t.Skip("the fork bomb needs the subsystem pids of version 1")
	}
	other := start(t, nil, "mesos-execute", "--master="+j.master.address, "--task="+taskIn("other", `"mesos": {}`, `{"value": "sleep 1000"}`))
	other.awaits("TASK_RUNNING")
	groups := j.left()
	mark := "1" + j.port
	for name, command := range holdouts(mark) {
		for _, c := range []cell{{name: "nobody", user: "nobody"}, {name: "root", user: "root", rooted: true}} {
			j.killed(t, c, name, mark, groups, map[string]any{"value": command, "user": c.user})
		}
	}
	for _, c := range []cell{{name: "nobody", user: "nobody"}, {name: "root", user: "root", rooted: true}} {
		j.Dig = mark
		j.killed(t, c, "deep groups", mark, groups, j.command(c))
	}
	if strings.Contains(other.out.String(), "TASK_FAILED") {
		t.Error("the other task has ended")
	}
	other.signal(syscall.SIGTERM)
	other.ends()
	j.clean()
	j.empty()
}

// bound bounds the processes of a bomb, and not those of the task beside it, and lets it go off.
func (j *jail) bound(t *testing.T, id string, before []string) {
	t.Helper()
	groups, err := filepath.Glob("/sys/fs/cgroup/pids/" + j.root + "/*/pids.max")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range groups {
		if !slices.Contains(before, "group "+filepath.Dir(file)) {
			if err := os.WriteFile(file, []byte("300"), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	sandboxes, err := filepath.Glob(filepath.Join(j.dir, "agent/slaves/*/frameworks/*/executors", id, "runs/latest"))
	if err != nil || len(sandboxes) != 1 {
		t.Fatal(sandboxes, err)
	}
	if err := os.WriteFile(filepath.Join(sandboxes[0], "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// killed runs a task until it is up, kills it, and demands that nothing is left of it.
func (j *jail) killed(t *testing.T, c cell, name, mark string, before []string, command any) {
	t.Run(c.name+", "+name, func(t *testing.T) {
		id := strings.ReplaceAll(c.name+"-"+name, " ", "-")
		task, err := json.Marshal(map[string]any{
			"name": id, "task_id": map[string]any{"value": id}, "agent_id": map[string]any{"value": ""},
			"command": command, "container": c.container(), "resources": sized(256),
		})
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, nil, "mesos-execute", "--master="+j.master.address, "--task="+string(task))
		p.awaits("TASK_RUNNING")
		if name == "a bomb" {
			j.bound(t, id, before)
		}
		gone(t, func() []string {
			if strings.Contains(j.printed(id), "up") && (name == "a bomb" || len(commands(t, "sleep "+mark)) > 0) { // its executor may have no threads
				return nil
			}
			return []string{"a task that is not up: " + j.printed(id)}
		})
		if name == "deep groups" && strings.Contains(j.printed(id), "below 0 groups") {
			t.Error("it has no groups")
		}
		p.signal(syscall.SIGTERM)
		p.ends()
		gone(t, func() []string {
			left := slices.DeleteFunc(j.left(), func(one string) bool { return slices.Contains(before, one) })
			return append(left, commands(t, "sleep "+mark)...)
		})
	})
}
