package master_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/version"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// shape collects the paths of all fields in a JSON value with their types. A list has the shapes of all its elements.
func shape(v any, path string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		into[path+" object"] = true
		for k, field := range v {
			if path == ".flags" || strings.HasSuffix(path, "attributes") {
				k = "*"
			}
			shape(field, path+"."+k, into)
		}
	case []any:
		into[path+" list"] = true
		for _, element := range v {
			shape(element, path+"[]", into)
		}
	default:
		into[path+fmt.Sprintf(" %T", v)] = true
	}
}

func shapeOf(t *testing.T, body []byte) map[string]bool {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	into := map[string]bool{}
	shape(v, "", into)
	return into
}

// recordedBody returns the body of a recorded answer.
func recordedBody(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(shared(t), "golden", "http", name))
	if err != nil {
		t.Fatal(err)
	}
	_, body, ok := bytes.Cut(bytes.ReplaceAll(content, []byte("\r"), nil), []byte("\n\n"))
	if !ok {
		t.Fatalf("%s has no body", name)
	}
	return body
}

// populated returns a cluster with everything that the recorded one had: running and completed tasks, with and without
// an executor, and a completed framework.
func populated(t *testing.T) *mastertest.Cluster {
	c := mastertest.New(t, mastertest.Config{Address: "127.0.0.1:5050", Configure: func(c *master.Config) {
		c.Cluster = "peer"
		c.Flags = map[string]string{"port": "5050", "log_dir": "/var/log"}
		c.Build = version.Build{Date: "today", Time: 1, User: "me", GitSHA: "c0ffee"}
	}})
	agent := c.Peer("agent", "slave(1)", "127.0.0.1:5051")
	agent.Say(recorded(t, &internalpb.RegisterSlaveMessage{}))
	f := c.Peer("f", "scheduler-1", "127.0.0.1:6000")
	subscribe := recorded(t, &schedulerpb.Call{})
	subscribe.Subscribe.FrameworkInfo.Hostname = nil
	f.Say(subscribe)
	task := func(id string) *mesospb.TaskInfo {
		task := mastertest.Task(id, f.Offer())
		task.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 1), mastertest.Resource("mem", 32)}
		return task
	}
	withExecutor := func(id string) *mesospb.TaskInfo {
		task := task(id)
		task.Command = nil
		task.Executor = &mesospb.ExecutorInfo{
			ExecutorId: ids.Executor("e").Proto(), Name: proto.String("e"), Command: &mesospb.CommandInfo{Value: proto.String("run")},
			Resources: []*mesospb.Resource{mastertest.Resource("cpus", 0.1)},
		}
		return task
	}
	f.Launch(f.Offer(), task("0"), withExecutor("1"), withExecutor("2"))
	for i, id := range []string{"0", "1", "2"} {
		running := recorded(t, &internalpb.StatusUpdateMessage{})
		running.Update.FrameworkId, running.Update.LatestState = mastertest.FrameworkID(f), nil
		running.Update.Status.TaskId = ids.Task(id).Proto()
		agent.Say(running)
		f.Acknowledge(mastertest.AgentID(agent), id, byte(i))
	}
	for i, id := range []string{"0", "2"} {
		finished := agent.Update(mastertest.FrameworkID(f), id, mesospb.TaskState_TASK_FINISHED, 9+byte(i))
		finished.Update.Status.Message, finished.Update.Status.Reason = proto.String("done"), mesospb.TaskStatus_REASON_COMMAND_EXECUTOR_FAILED.Enum()
		agent.Say(finished)
		f.Acknowledge(mastertest.AgentID(agent), id, 9+byte(i))
	}
	oneRole := mastertest.Framework()
	oneRole.Role = proto.String("*")
	one := c.Scheduler("one-role", "127.0.0.1:6001", oneRole)
	one.Call(&schedulerpb.Call{Type: schedulerpb.Call_DECLINE.Enum(), Decline: &schedulerpb.Call_Decline{
		OfferIds: []*mesospb.OfferID{one.Offer().Id},
	}})
	roles := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	roles.Roles, roles.Principal, roles.Hostname = []string{"*"}, proto.String("me"), proto.String("vm")
	g := c.Scheduler("g", "127.0.0.1:6002", roles)
	g.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	return c
}

// differences lists what is in the recordings and not here, or the other way round, with the reason.
var differences = map[string]string{
	".frameworks[].pid string": "ours speak libprocess, the recorded one HTTP",
}

// Our endpoints have the fields of the recorded ones, with the same types.
func TestEndpointsHaveTheRecordedShape(t *testing.T) {
	t.Parallel()
	c := populated(t)
	for path, file := range map[string]string{
		"/master/state":      "master-state.http",
		"/master/slaves":     "master-slaves.http",
		"/master/frameworks": "master-frameworks.http",
		"/master/roles":      "master-roles.http",
		"/master/flags":      "master-flags.http",
	} {
		response := c.Get(path)
		if response.Status != 200 || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v", path, response.Status, response.Header)
			continue
		}
		want, got := shapeOf(t, recordedBody(t, file)), shapeOf(t, response.Body)
		for _, line := range compare(want, got) {
			t.Errorf("%s: %s", path, line)
		}
	}
}

// compare lists missing and superfluous fields. Below a list that is empty on one side it compares nothing.
func compare(want, got map[string]bool) []string {
	var lines []string
	for path := range want {
		if !got[path] && differences[path] == "" && comparable(path, got) {
			lines = append(lines, "missing "+path)
		}
	}
	for path := range got {
		if !want[path] && differences[path] == "" && comparable(path, want) {
			lines = append(lines, "too much "+path)
		}
	}
	slices.Sort(lines)
	return lines
}

func comparable(path string, other map[string]bool) bool {
	for i := strings.Index(path, "[]"); i >= 0; {
		if !slices.ContainsFunc([]string{" object", " string", " float64", " list"}, func(kind string) bool { return other[path[:i+2]+kind] }) {
			return false
		}
		next := strings.Index(path[i+2:], "[]")
		if next < 0 {
			break
		}
		i += 2 + next
	}
	return !strings.HasPrefix(path, ".flags.")
}

// A master that does not lead redirects clients to the leader, or nowhere if there is none.
func TestRedirect(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Address: "127.0.0.1:5050"})
	expectRedirect := func(path, location string) {
		t.Helper()
		if r := c.Get(path); r.Status != 307 || r.Header.Get("Location") != location {
			t.Errorf("%s: %d %s", path, r.Status, r.Header.Get("Location"))
		}
	}
	expectRedirect("/master/redirect", "//127.0.0.1:5050")
	if r := c.Get("/health"); r.Status != 200 || len(r.Body) != 0 {
		t.Errorf("health: %d %q", r.Status, r.Body)
	}
	c.Leader.Appoint(&mesospb.MasterInfo{
		Id: proto.String("other"), Ip: proto.Uint32(0), Port: proto.Uint32(5050), Pid: proto.String("master@10.0.0.9:5050"),
		Hostname: proto.String("other.host"),
	})
	c.World.Settle()
	if c.GaveUp == nil {
		t.Error("a leader must give up when another master leads")
	}
	c.GaveUp = nil
	expectRedirect("/master/state?x=y", "//other.host:5050/master/state?x=y")
	c.Leader.Appoint(nil)
	c.World.Settle()
	if r := c.Get("/state"); r.Status != 503 {
		t.Errorf("without a leader: %d", r.Status)
	}
}
