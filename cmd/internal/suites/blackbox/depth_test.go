package blackbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// group are the containers of a task of a group, as they are named in calls.
type group struct {
	executor, task map[string]any
}

// nested returns the containers of the agent that are in others.
func (p *process) nested(t *testing.T) (all []group) {
	t.Helper()
	status, body := p.asks(`{"type":"GET_CONTAINERS","get_containers":{"show_nested":true}}`)
	var answer struct {
		All struct {
			Containers []struct {
				Status struct {
					ID map[string]any `json:"container_id"`
				} `json:"container_status"`
			}
		} `json:"get_containers"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	for _, c := range answer.All.Containers {
		if parent, nested := c.Status.ID["parent"].(map[string]any); nested {
			all = append(all, group{parent, c.Status.ID})
		}
	}
	return all
}

// within names a container in another one.
func within(parent map[string]any, name string) map[string]any {
	return map[string]any{"value": name, "parent": parent}
}

// call is a call of an agent, with its arguments below its name in small letters.
func call(t *testing.T, name, field string, arguments map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"type": name, field: arguments})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// puts launches a container of a cell in another container.
func (j *jail) puts(t *testing.T, id, command map[string]any, c cell) {
	t.Helper()
	status, body := j.agent.asks(call(t, "LAUNCH_CONTAINER", "launch_container", map[string]any{
		"container_id": id, "command": command, "container": c.container(),
	}))
	if status != http.StatusOK {
		t.Fatalf("%v is not launched: %d %s", id, status, body)
	}
}

// enters runs a command in a container, and returns what it prints.
func (j *jail) enters(t *testing.T, id, command map[string]any) string {
	t.Helper()
	s := j.agent.listens(call(t, "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session", map[string]any{
		"container_id": id, "command": command,
	}))
	for {
		r, ok := s.next()
		if !ok {
			return s.said["STDOUT"] + s.said["STDERR"]
		}
		s.said[r.Data.Type] += string(r.Data.Data)
	}
}

// Depth is no way out: neither in a container that is in that of a task of a group, with an image of its own, nor in a session in such a
// container.
func TestNobodyEscapesFromDepths(t *testing.T) {
	t.Parallel()
	j, over := newJailBeside(t)
	defer over()
	for i, c := range cells {
		task := j.lodge(t, fmt.Sprintf("depth%d", i), c, true)
		all := j.agent.nested(t)
		if len(all) != 1 {
			t.Fatalf("there are the containers %v, want that of the task: %s", all, task.out)
		}
		g := all[0]
		t.Run(c.name+", in a task's container", func(t *testing.T) {
			name := fmt.Sprintf("deep%d", i)
			id := within(g.task, name)
			j.puts(t, id, j.command(c), c)
			status, body := j.agent.asks(call(t, "WAIT_CONTAINER", "wait_container", map[string]any{"container_id": id}))
			if status != http.StatusOK {
				t.Errorf("%d %s", status, body)
			}
			judge(t, j.printed("*/runs/latest/containers/*/containers/"+name))
		})
		t.Run(c.name+", in a session in a task's container's container", func(t *testing.T) {
			room := within(g.task, fmt.Sprintf("room%d", i))
			j.puts(t, room, map[string]any{"value": "while :; do sleep 1000; done", "user": c.user}, c)
			judge(t, j.enters(t, within(room, "session"), j.command(c)))
		})
		task.signal(syscall.SIGTERM)
		task.ends()
		j.ungrouped(t)
	}
}

// ungrouped waits until no container of the agent is in another one.
func (j *jail) ungrouped(t *testing.T) {
	t.Helper()
	gone(t, func() (left []string) {
		for _, g := range j.agent.nested(t) {
			left = append(left, fmt.Sprint(g.task))
		}
		return left
	})
}

// Whoever runs beside the executor of a group, in its container, has not got its rights over the agent either, nor those of the tasks. The
// group is that of a framework of the same user.
func TestNobodyEscapesFromExecutors(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("nsenter"); err != nil {
		t.Skip(err)
	}
	j, over := newJailBeside(t)
	defer over()
	tasks, err := json.Marshal(map[string]any{"tasks": []any{member{"grouped", "while :; do sleep 1000; done", nil}.task()}})
	if err != nil {
		t.Fatal(err)
	}
	group := &process{t: t, name: "mesos-execute", out: &transcript{}, cmd: exec.Command("nsenter", "--setgid=65534", "--setuid=65534", "--",
		filepath.Join(bin, "mesos-execute"), "--master="+j.master.address, "--task_group="+string(tasks))}
	group.cmd.Stdout, group.cmd.Stderr, group.cmd.Env = group.out, group.out, clean(os.Environ())
	group.begin()
	group.awaits("TASK_RUNNING")
	all := j.agent.nested(t)
	if len(all) != 1 {
		t.Fatalf("there are the containers %v, want that of the task: %s", all, group.out)
	}
	judge(t, j.enters(t, within(all[0].executor, "session"), j.command(cell{user: "nobody"})))
	group.signal(syscall.SIGTERM)
	group.ends()
	j.ungrouped(t)
}
