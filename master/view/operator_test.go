package view_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
)

// everyField returns a task with every field set.
func everyField(c *cluster, f *book.Framework, a *book.Agent) *book.Task {
	labels := &mesospb.Labels{Labels: []*mesospb.Label{{Key: proto.String("k"), Value: proto.String("v")}}}
	info := &mesospb.TaskInfo{
		Name: proto.String("all \"of\" it"), TaskId: ids.Task("all").Proto(), SlaveId: a.Info.Id, Labels: labels,
		Resources: append(c.task.Proto(), c.agent.Named("ports").Allocate("*").Proto()...),
		Executor:  &mesospb.ExecutorInfo{ExecutorId: ids.Executor("e").Proto(), Command: &mesospb.CommandInfo{User: proto.String("me")}},
		Discovery: &mesospb.DiscoveryInfo{Visibility: mesospb.DiscoveryInfo_CLUSTER.Enum(), Name: proto.String("d")},
		Container: &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), Hostname: proto.String("h")},
		HealthCheck: &mesospb.HealthCheck{
			Type: mesospb.HealthCheck_COMMAND.Enum(), Command: &mesospb.CommandInfo{Value: proto.String("true")},
		},
		KillPolicy: &mesospb.KillPolicy{GracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(5)}},
		Limits:     map[string]*mesospb.Value_Scalar{"mem": {Value: proto.Float64(64)}, "cpus": {Value: proto.Float64(2)}},
	}
	t := book.NewTask(info, f.ID.Proto(), c.task)
	c.book.AddTask(t)
	update(t, mesospb.TaskState_TASK_STARTING, 1)
	t.Update(statusWithEverything(t, labels))
	t.Forward(t.Last())
	return t
}

func statusWithEverything(t *book.Task, labels *mesospb.Labels) *internalpb.StatusUpdate {
	return &internalpb.StatusUpdate{Status: &mesospb.TaskStatus{
		TaskId: t.Described.TaskId, State: mesospb.TaskState_TASK_RUNNING.Enum(), SlaveId: t.Described.SlaveId,
		ExecutorId: ids.Executor("e").Proto(), Timestamp: proto.Float64(2.5), Message: proto.String("hm"), Uuid: []byte("0123456789abcdef"),
		Source: mesospb.TaskStatus_SOURCE_SLAVE.Enum(), Reason: mesospb.TaskStatus_REASON_SLAVE_RESTARTED.Enum(),
		Healthy: proto.Bool(true), Labels: labels,
		CheckStatus:     &mesospb.CheckStatusInfo{Type: mesospb.CheckInfo_TCP.Enum()},
		UnreachableTime: &mesospb.TimeInfo{Nanoseconds: proto.Int64(7)},
		Limitation:      &mesospb.TaskResourceLimitation{},
		ContainerStatus: &mesospb.ContainerStatus{
			ContainerId: &mesospb.ContainerID{Value: proto.String("c"), Parent: &mesospb.ContainerID{Value: proto.String("p")}},
			NetworkInfos: []*mesospb.NetworkInfo{
				{IpAddresses: []*mesospb.NetworkInfo_IPAddress{{IpAddress: proto.String("127.0.0.1")}}},
				{Name: proto.String("net"), Groups: []string{"g"}, Labels: labels},
			},
			CgroupInfo:  &mesospb.CgroupInfo{NetCls: &mesospb.CgroupInfo_NetCls{Classid: proto.Uint32(3)}},
			ExecutorPid: proto.Uint32(42),
		},
	}}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// parsed parses an answer in protobuf. It must be encoded exactly as protobuf encodes it.
func parsed[M proto.Message](t *testing.T, body string, m M) M {
	t.Helper()
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal([]byte(body), m); err != nil {
		t.Fatal(err)
	}
	if len(body) != proto.Size(m) || len(m.ProtoReflect().GetUnknown()) > 0 {
		t.Errorf("%d bytes, of which %d are unknown; protobuf writes %d", len(body), len(m.ProtoReflect().GetUnknown()), proto.Size(m))
	}
	return m
}

// Both formats have the same content, in however many pieces they come.
func TestOperatorAnswers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	f, a := c.addFramework(1), c.addAgent(1)
	everyField(c, f, a)
	unreachable, completed := c.addTask(f, a, 1), c.addTask(f, a, 2)
	for n := range 500 {
		c.addTask(f, a, 3+n)
	}
	c.book.RemoveTask(unreachable, true)
	c.book.RemoveTask(completed, false)
	c.book.AddExecutor(&book.Executor{
		ID: "e", Framework: f.ID, Agent: a.ID, Resources: c.task, Info: &mesospb.ExecutorInfo{ExecutorId: ids.Executor("e").Proto()},
	})
	var mirror view.Mirror
	look := mirror.Look(master(), c.book)
	for _, call := range []*view.Call{view.GetState, view.GetTasks, view.GetExecutors, view.GetFrameworks, view.GetAgents} {
		response := parsed(t, all(look.Answer(mediatype.Protobuf, call)), new(masterpb.Response))
		got := withoutEmptyLists(decoded(t, all(look.Answer(mediatype.JSON, call))))
		want := decoded(t, string(mesosjson.AppendV1(nil, response)))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%v\nwant\n%v", response.GetType(), got, want)
		}
	}
	event := parsed(t, all(look.Subscribed(mediatype.Protobuf, 15e9)), new(masterpb.Event))
	if state := event.GetSubscribed().GetGetState(); len(state.GetGetTasks().GetTasks()) != 501 || len(state.GetGetTasks().GetUnreachableTasks()) != 1 ||
		len(state.GetGetTasks().GetCompletedTasks()) != 1 || len(state.GetGetExecutors().GetExecutors()) != 1 ||
		len(state.GetGetAgents().GetAgents()) != 1 || len(state.GetGetFrameworks().GetFrameworks()) != 1 {
		t.Errorf("the state lacks something: %v", state)
	}
	got, want := decoded(t, all(look.Subscribed(mediatype.JSON, 15e9))), decoded(t, string(mesosjson.AppendV1(nil, event)))
	if !reflect.DeepEqual(withoutEmptyLists(got), want) {
		t.Errorf("%v\nwant\n%v", got, want)
	}
}

// Agents from before reservation refinement send unreserved resources with role "*". Operators do not see the role.
func TestAgentsAreDescribedInTodaysFormat(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.addAgent(1)
	c.addAgent(2).Info.Resources = c.agent.ForEndpoint()
	var mirror view.Mirror
	answer := parsed(t, all(mirror.Look(master(), c.book).Answer(mediatype.Protobuf, view.GetAgents)), new(masterpb.Response))
	if len(answer.GetGetAgents().GetAgents()) != 2 {
		t.Fatalf("got %v", answer)
	}
	for _, a := range answer.GetGetAgents().GetAgents() {
		for _, r := range a.GetAgentInfo().GetResources() {
			if r.Role != nil {
				t.Errorf("%s: %v", a.GetAgentInfo().GetHostname(), r)
			}
		}
		if len(a.GetAgentInfo().GetResources()) != 4 {
			t.Errorf("got %v", a.GetAgentInfo())
		}
	}
}

// withoutEmptyLists removes lists that Mesos writes for these calls even if they are empty.
func withoutEmptyLists(v any) any {
	fields, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for name, field := range fields {
		if list, ok := field.([]any); ok && len(list) == 0 {
			delete(fields, name)
			continue
		}
		withoutEmptyLists(field)
	}
	return v
}
