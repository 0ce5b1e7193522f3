package master_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

// ask makes a call of the operator API and decodes the answer, both in media.
func ask(t *testing.T, c *mastertest.Cluster, media mediatype.Type, call *masterpb.Call) (*web.Response, *masterpb.Response) {
	t.Helper()
	answer := c.Post("/api/v1", http.Header{"Content-Type": {media.String()}, "Accept": {media.String()}}, media.Marshal(call))
	response := &masterpb.Response{}
	if answer.Status == http.StatusOK && answer.Stream == nil && len(answer.Body) > 0 {
		// The answers used here decode alike in both versions of the API.
		if err := mediatype.Read(answer.Header, answer.Body, response); err != nil {
			t.Fatalf("%s: %v", call.GetType(), err)
		}
	}
	return answer, response
}

// follower is a subscriber of the operator API.
type follower struct {
	*testing.T
	stream *web.Stream
	media  mediatype.Type
}

func follow(t *testing.T, c *mastertest.Cluster, media mediatype.Type) *follower {
	t.Helper()
	answer, _ := ask(t, c, media, &masterpb.Call{Type: masterpb.Call_SUBSCRIBE.Enum()})
	if answer.Status != http.StatusOK || answer.Stream == nil {
		t.Fatalf("SUBSCRIBE: %d %s", answer.Status, answer.Body)
	}
	return &follower{t, answer.Stream, media}
}

// heard describes the events since the last call of heard.
func (f *follower) heard() []string {
	f.Helper()
	chunks, done := webtest.Take(f.stream)
	var all []string
	for _, chunk := range chunks {
		length, record, _ := bytes.Cut(chunk, []byte("\n"))
		if fmt.Sprint(len(record)) != string(length) {
			f.Fatalf("a chunk is not a record: %.60q", chunk)
		}
		all = append(all, f.describe(record))
	}
	if done {
		all = append(all, "end")
	}
	return all
}

func (f *follower) describe(record []byte) string {
	f.Helper()
	e := &masterpb.Event{}
	if f.media == mediatype.JSON { // they are written with the names of v0
		record = []byte(strings.NewReplacer(`"agent_id":{"value"`, `"slave_id":{"value"`, "AGENT_", "SLAVE_").Replace(string(record)))
		record = bytes.ReplaceAll(record, []byte(`"agent_removed":{"slave_id"`), []byte(`"agent_removed":{"agent_id"`))
		record = bytes.ReplaceAll(record, []byte(`"type":"SLAVE_`), []byte(`"type":"AGENT_`))
	}
	if err := mediatype.Read(http.Header{"Content-Type": {f.media.String()}}, record, e); err != nil {
		f.Fatalf("%v: %s", err, record)
	}
	switch e.GetType() {
	case masterpb.Event_SUBSCRIBED:
		state := e.GetSubscribed().GetGetState()
		return fmt.Sprintf("SUBSCRIBED %d agents %d frameworks %d tasks", len(state.GetGetAgents().GetAgents()),
			len(state.GetGetFrameworks().GetFrameworks()), len(state.GetGetTasks().GetTasks()))
	case masterpb.Event_TASK_ADDED:
		return "TASK_ADDED " + e.GetTaskAdded().GetTask().GetTaskId().GetValue()
	case masterpb.Event_TASK_UPDATED:
		u := e.GetTaskUpdated()
		return fmt.Sprint("TASK_UPDATED ", u.GetStatus().GetTaskId().GetValue(), " ", u.GetStatus().GetState(), " ", u.GetState())
	case masterpb.Event_AGENT_ADDED:
		return "AGENT_ADDED " + short(e.GetAgentAdded().GetAgent().GetAgentInfo().GetId().GetValue())
	case masterpb.Event_AGENT_REMOVED:
		return "AGENT_REMOVED " + short(e.GetAgentRemoved().GetAgentId().GetValue())
	case masterpb.Event_FRAMEWORK_ADDED:
		return "FRAMEWORK_ADDED " + short(e.GetFrameworkAdded().GetFramework().GetFrameworkInfo().GetId().GetValue())
	case masterpb.Event_FRAMEWORK_UPDATED:
		return "FRAMEWORK_UPDATED " + short(e.GetFrameworkUpdated().GetFramework().GetFrameworkInfo().GetId().GetValue())
	case masterpb.Event_FRAMEWORK_REMOVED:
		return "FRAMEWORK_REMOVED " + short(e.GetFrameworkRemoved().GetFrameworkInfo().GetId().GetValue())
	}
	return e.GetType().String()
}

func short(id string) string { return strings.TrimPrefix(id, mastertest.ID+"-") }

func (f *follower) expect(want ...string) {
	f.Helper()
	got := slices.DeleteFunc(f.heard(), func(event string) bool { return event == "HEARTBEAT" })
	if !slices.Equal(got, want) {
		f.Errorf("heard\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A subscriber gets the state and then every change, in order, in either format.
func TestSubscribersFollowTheCluster(t *testing.T) {
	t.Parallel()
	for _, media := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
		t.Run(media.String(), func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{})
			early := follow(t, c, media)
			early.expect("SUBSCRIBED 0 agents 0 frameworks 0 tasks")
			agent := c.Agent("agent", "10.0.0.2:5051")
			f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
			early.expect("AGENT_ADDED S0", "FRAMEWORK_ADDED 0000")
			f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
			late := follow(t, c, media)
			agent.Report(mastertest.FrameworkID(f), "t", mesospb.TaskState_TASK_RUNNING, 1)
			agent.Report(mastertest.FrameworkID(f), "t", mesospb.TaskState_TASK_RUNNING, 2)
			ahead := agent.Update(mastertest.FrameworkID(f), "t", mesospb.TaskState_TASK_RUNNING, 2)
			ahead.Update.LatestState = mesospb.TaskState_TASK_KILLING.Enum() // the status itself is not new
			agent.Say(ahead)
			checked := agent.Update(mastertest.FrameworkID(f), "t", mesospb.TaskState_TASK_RUNNING, 4)
			checked.Update.Status.Reason = mesospb.TaskStatus_REASON_TASK_HEALTH_CHECK_STATUS_UPDATED.Enum()
			agent.Say(checked) // this is not new either, but it is always sent
			agent.Report(mastertest.FrameworkID(f), "t", mesospb.TaskState_TASK_FINISHED, 3)
			changes := []string{
				"TASK_UPDATED t TASK_RUNNING TASK_RUNNING", "TASK_UPDATED t TASK_RUNNING TASK_RUNNING", "TASK_UPDATED t TASK_FINISHED TASK_FINISHED",
			}
			early.expect(append([]string{"TASK_ADDED t"}, changes...)...)
			late.expect(append([]string{"SUBSCRIBED 1 agents 1 frameworks 1 tasks"}, changes...)...)
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
			early.expect("TASK_UPDATED t TASK_KILLED TASK_FINISHED", "FRAMEWORK_REMOVED 0000")
			c.Advance(90 * time.Second) // the agent still answers pings
			agent.Silent = true
			c.Advance(90 * time.Second)
			early.expect("AGENT_REMOVED S0")
		})
	}
}

// The state is followed by a heartbeat at once, and then by one every fifteen seconds.
func TestSubscribersHearThatTheMasterLives(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	f := follow(t, c, mediatype.JSON)
	if got := f.heard(); !slices.Equal(got, []string{"SUBSCRIBED 0 agents 0 frameworks 0 tasks", "HEARTBEAT"}) {
		t.Errorf("at first: %v", got)
	}
	for range 3 {
		c.Advance(15 * time.Second)
		if got := f.heard(); !slices.Equal(got, []string{"HEARTBEAT"}) {
			t.Errorf("after fifteen seconds: %v", got)
		}
	}
}

// The number of subscribers is bounded. A new one replaces the oldest.
func TestTooManySubscribers(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) { c.MaxSubscribers = 2 }})
	first, second := follow(t, c, mediatype.JSON), follow(t, c, mediatype.JSON)
	third := follow(t, c, mediatype.JSON)
	if got := first.heard(); got[len(got)-1] != "end" {
		t.Errorf("the oldest stream goes on after %v", got)
	}
	webtest.HangUp(second.stream)
	c.World.Settle()
	fourth := follow(t, c, mediatype.JSON)
	for _, f := range []*follower{third, fourth} {
		if got := f.heard(); slices.Contains(got, "end") {
			t.Errorf("a stream ended although one had gone: %v", got)
		}
	}
}

// The daemon's own state, in both formats.
func TestOperatorReads(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) { c.Flags = map[string]string{"port": "5050"} }})
	for _, media := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
		_, health := ask(t, c, media, &masterpb.Call{Type: masterpb.Call_GET_HEALTH.Enum()})
		_, flags := ask(t, c, media, &masterpb.Call{Type: masterpb.Call_GET_FLAGS.Enum()})
		_, info := ask(t, c, media, &masterpb.Call{Type: masterpb.Call_GET_MASTER.Enum()})
		_, version := ask(t, c, media, &masterpb.Call{Type: masterpb.Call_GET_VERSION.Enum()})
		_, level := ask(t, c, media, &masterpb.Call{Type: masterpb.Call_GET_LOGGING_LEVEL.Enum()})
		if !health.GetGetHealth().GetHealthy() || len(flags.GetGetFlags().GetFlags()) != 1 ||
			info.GetGetMaster().GetMasterInfo().GetId() != mastertest.ID || info.GetGetMaster().ElectedTime == nil ||
			version.GetGetVersion().GetVersionInfo().GetVersion() != "1.12.0" || level.GetGetLoggingLevel().GetLevel() != 0 {
			t.Errorf("%s: %v %v %v %v %v", media, health, flags, info, version, level)
		}
	}
	answer, _ := ask(t, c, mediatype.JSON, &masterpb.Call{Type: masterpb.Call_SET_LOGGING_LEVEL.Enum(), SetLoggingLevel: &masterpb.Call_SetLoggingLevel{
		Level: proto.Uint32(1), Duration: &mesospb.DurationInfo{Nanoseconds: proto.Int64(1e9)},
	}})
	if answer.Status != http.StatusOK || answer.Header.Get("Content-Type") != "" {
		t.Errorf("SET_LOGGING_LEVEL: %d %v", answer.Status, answer.Header)
	}
}
