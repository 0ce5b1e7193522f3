package main

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/flags"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
)

// A task has the networks that are named; those of a group are its executor's, because its tasks share them.
func TestNetworks(t *testing.T) {
	t.Parallel()
	const (
		a     = `{"type": "MESOS", "network_infos": [{"name": "a"}]}`
		both  = `{"type": "MESOS", "network_infos": [{"name": "a"}, {"name": "b"}]}`
		image = "--containerizer=docker --docker_image=box"
		group = `--task_group={"tasks":[{"name":"n","task_id":{"value":"t"},"agent_id":{"value":""}}]}`
		task  = `--task={"name":"n","task_id":{"value":"t"},"agent_id":{"value":""},"command":{"value":"true"}}`
		named = "--name=n --command=true"
	)
	for _, c := range []struct{ args, task, executor, problem string }{
		{args: named},
		{args: named + " --networks="},
		{args: named + " --networks=a,b", task: both},
		{args: named + " --networks=,a,,b,", task: both},
		{args: named + " --networks=a --tty", task: `{"type": "MESOS", "tty_info": {}, "network_infos": [{"name": "a"}]}`},
		{args: named + " --networks=a " + image, task: `{"type": "DOCKER", "docker": {"image": "box", "network": "USER"}, "network_infos": [{"name": "a"}]}`},
		{args: named + " " + image, task: `{"type": "DOCKER", "docker": {"image": "box"}}`},
		{args: named + " --networks=a,b " + image, problem: "'Docker' containerizer can only support a single network"},
		{args: group + " --networks=a", executor: a},
		{args: group},
		{args: task + " --networks=a", problem: "--networks: it cannot be given together with --task"},
	} {
		set := flags.New("mesos-execute", "")
		o := bind(set)
		_, err := set.Parse(append(strings.Fields(c.args), "--master=127.0.0.1:5050"), nil)
		if c.problem != "" || err != nil {
			if c.problem == "" || err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: %v, want %q", c.args, err, c.problem)
			}
			continue
		}
		equal(t, c.args, o.tasks[0].GetContainer(), c.task)
		equal(t, c.args, o.executorContainer(), c.executor)
	}
}

// equal demands that a container is that of the JSON, or nil if that is empty.
func equal(t *testing.T, args string, got *mesospb.ContainerInfo, text string) {
	t.Helper()
	var want *mesospb.ContainerInfo
	if text != "" {
		want = &mesospb.ContainerInfo{}
		if err := mesosjson.Unmarshal([]byte(text), want); err != nil {
			t.Fatal(err)
		}
	}
	if !proto.Equal(want, got) {
		t.Errorf("%s: %v, want %s", args, got, text)
	}
}
