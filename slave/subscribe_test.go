package slave_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/evolve"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
	"meseta/slave/containerizer"
	"meseta/slave/slavetest"
)

// ask sends the agent a request and returns its answer.
func (w *world) ask(method, path string, header http.Header, body []byte) *web.Response {
	w.t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		w.t.Fatal(err)
	}
	answered := web.Serve(w.agentNode, &web.Request{
		Method: method, URL: u, Header: header, Body: bytes.NewReader(body), Client: "10.0.0.3:1",
	})
	w.Settle()
	r, done, err := answered.Peek()
	if err != nil || !done {
		w.t.Fatalf("%s %s was answered %v, %v, %v", method, path, r, err, done)
	}
	if r.Content != nil {
		r.Body, r.Content = r.Bytes(), nil
	}
	return r
}

// post makes a call in v1, both ways in that format.
func (w *world) post(path string, media mediatype.Type, call proto.Message) *web.Response {
	w.t.Helper()
	header := http.Header{"Content-Type": {media.String()}, "Accept": {media.String()}}
	return w.ask(http.MethodPost, path, header, media.Marshal(call))
}

// client is an executor x1 that speaks HTTP.
type client struct {
	w      *world
	media  mediatype.Type
	stream *web.Stream
}

// client starts no process when executors are launched, and returns one to play.
func (w *world) client(media mediatype.Type) *client { return &client{w: w, media: media} }

func silent(w *world) { w.containers.OnLaunch = func(containerizer.Launch) {} }

func (c *client) call(t executorpb.Call_Type, fill func(*executorpb.Call)) *web.Response {
	c.w.t.Helper()
	call := &executorpb.Call{Type: t.Enum(), FrameworkId: f1.Proto(), ExecutorId: x1.Proto()}
	if fill != nil {
		fill(call)
	}
	return c.w.post("/slave(1)/api/v1/executor", c.media, evolve.Evolve[executorv1pb.Call](call))
}

func (c *client) subscribe(s *executorpb.Call_Subscribe) {
	c.w.t.Helper()
	r := c.call(executorpb.Call_SUBSCRIBE, func(call *executorpb.Call) { call.Subscribe = s })
	if r.Status != http.StatusOK || r.Header.Get("Content-Type") != c.media.String() || r.Stream == nil {
		c.w.t.Fatalf("the subscription was answered %d %s", r.Status, r.Body)
	}
	c.stream = r.Stream
	c.w.Settle()
}

func (c *client) status(task ids.Task, state mesospb.TaskState) *mesospb.TaskStatus {
	return &mesospb.TaskStatus{
		TaskId: task.Proto(), State: state.Enum(), Source: mesospb.TaskStatus_SOURCE_EXECUTOR.Enum(),
		Uuid: []byte(fmt.Sprintf("%-6s\x40%-1s\x80%7s", task, "u", state.String()[5:])[:16]),
	}
}

func (c *client) update(task ids.Task, state mesospb.TaskState) {
	c.w.t.Helper()
	r := c.call(executorpb.Call_UPDATE, func(call *executorpb.Call) {
		call.Update = &executorpb.Call_Update{Status: c.status(task, state)}
	})
	if r.Status != http.StatusAccepted || len(r.Body) > 0 {
		c.w.t.Errorf("the update was answered %d %s", r.Status, r.Body)
	}
	c.w.Advance(time.Second)
}

// heard returns the events since the last call. Each must have a chunk of its own.
func (c *client) heard() []*executorv1pb.Event {
	c.w.t.Helper()
	chunks, _ := webtest.Take(c.stream)
	var events []*executorv1pb.Event
	for _, chunk := range chunks {
		n := 0
		var d recordio.Decoder
		err := d.Write(chunk, func(record []byte) {
			event := &executorv1pb.Event{}
			if err := mediatype.Read(http.Header{"Content-Type": {c.media.String()}}, record, event); err != nil {
				c.w.t.Error(err)
			}
			events = append(events, event)
			n++
		})
		if err != nil || n != 1 || d.Partial() {
			c.w.t.Errorf("%d records in chunk %q, %v", n, chunk, err)
		}
	}
	return events
}

// expect demands what the executor heard.
func (c *client) expect(want ...string) {
	c.w.t.Helper()
	var got []string
	for _, e := range c.heard() {
		got = append(got, describe(e))
	}
	if !slices.Equal(got, want) {
		c.w.t.Errorf("the executor heard %q, want %q", got, want)
	}
}

func describe(e *executorv1pb.Event) string {
	text := e.GetType().String()
	for _, more := range []string{
		e.GetLaunch().GetTask().GetTaskId().GetValue(), e.GetKill().GetTaskId().GetValue(), e.GetAcknowledged().GetTaskId().GetValue(),
		string(e.GetMessage().GetData()), e.GetSubscribed().GetAgentInfo().GetHostname(),
	} {
		if more != "" {
			text += " " + more
		}
	}
	for _, t := range e.GetLaunchGroup().GetTaskGroup().GetTasks() {
		text += " " + t.GetTaskId().GetValue()
	}
	return text
}

// An executor that speaks HTTP lives as one that does not.
func TestHTTPExecutor(t *testing.T) {
	t.Parallel()
	for _, media := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
		t.Run(media.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, silent)
			scheduler := &slavetest.Recorder{}
			if _, err := runtime.Spawn(w.Node("10.0.0.9:9000"), "scheduler", scheduler); err != nil {
				t.Fatal(err)
			}
			c := w.client(media)
			w.say(custom("t1", true, framework()))
			c.subscribe(&executorpb.Call_Subscribe{})
			c.expect("SUBSCRIBED host", "LAUNCH t1")
			c.update("t1", running)
			c.expect("ACKNOWLEDGED t1")
			w.states("t1", running)

			c.call(executorpb.Call_MESSAGE, func(call *executorpb.Call) { call.Message = &executorpb.Call_Message{Data: []byte("hello")} })
			w.say(&internalpb.FrameworkToExecutorMessage{
				SlaveId: ids.Agent("a1").Proto(), FrameworkId: f1.Proto(), ExecutorId: x1.Proto(), Data: []byte("hello yourself"),
			}, custom("t2", false, framework()), kill("t1"))
			c.expect("MESSAGE hello yourself", "LAUNCH t2", "KILL t1")
			if got := strings.Join(scheduler.Messages, ","); got != "hello" {
				t.Errorf("the scheduler heard %q", got)
			}
			c.update("t1", killed)
			c.update("t2", finished)
			w.states("t1", running, killed)
			w.states("t2", finished)
			c.expect("ACKNOWLEDGED t1", "ACKNOWLEDGED t2")
			w.Advance(30 * time.Minute)
			c.expect("HEARTBEAT")
			if r := c.call(executorpb.Call_HEARTBEAT, nil); r.Status != http.StatusAccepted {
				t.Errorf("a heartbeat was answered %d", r.Status)
			}

			w.say(&internalpb.ShutdownExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()})
			c.expect("SHUTDOWN")
			w.containers.End(w.containers.Launched()[0].ID, 0)
			w.Advance(time.Second)
			if _, over := webtest.Take(c.stream); !over {
				t.Error("the stream outlives the executor")
			}
			w.exited(x1, 0)
			w.idle()
		})
	}
}

// An executor that lost its stream comes back with what it could not tell; what it was not told is given up.
func TestHTTPExecutorComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	c := w.client(mediatype.Protobuf)
	w.say(custom("t1", true, framework(checkpointing)))
	c.subscribe(&executorpb.Call_Subscribe{})
	c.expect("SUBSCRIBED host", "LAUNCH t1")
	first := c.stream
	webtest.HangUp(first)
	w.say(custom("t2", false, framework(checkpointing)))
	c.subscribe(&executorpb.Call_Subscribe{
		UnacknowledgedTasks:   []*mesospb.TaskInfo{info("t1")},
		UnacknowledgedUpdates: []*executorpb.Call_Update{{Status: c.status("t1", running)}},
	})
	w.Advance(time.Second)
	w.states("t1", running)
	w.states("t2", dropped)
	w.reason("t2", mesospb.TaskStatus_REASON_SLAVE_RESTARTED)
	c.expect("SUBSCRIBED host", "ACKNOWLEDGED t1")

	again := c.stream
	c.subscribe(&executorpb.Call_Subscribe{})
	if _, closed := webtest.Take(again); !closed {
		t.Error("the executor has two streams")
	}
	c.expect("SUBSCRIBED host")
	w.Advance(31 * time.Minute)
	c.expect("HEARTBEAT")
	if !exists(string(w.dir) + "/meta/slaves/a1/frameworks/f1/executors/x1/runs/latest/http.marker") {
		t.Error("it is not written down that the executor speaks HTTP")
	}
}

// While an agent recovers, executors may subscribe. All else is answered 503, whoever says it, but for updates of those that have
// come back.
func TestExecutorCallsWhileRecovering(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	c := w.client(mediatype.JSON)
	w.say(custom("t1", true, framework(checkpointing)))
	c.subscribe(&executorpb.Call_Subscribe{})
	w.rebirth(nil)
	w.Advance(time.Second)
	update := func(call *executorpb.Call) { call.Update = &executorpb.Call_Update{Status: c.status("t1", running)} }
	message := func(call *executorpb.Call) { call.Message = &executorpb.Call_Message{Data: []byte("x")} }
	unknown := func(call *executorpb.Call) { update(call); call.FrameworkId = ids.Framework("f9").Proto() }
	stranger := func(call *executorpb.Call) { update(call); call.ExecutorId = ids.Executor("x9").Proto() }
	demand := func(who string, kind executorpb.Call_Type, fill func(*executorpb.Call), status int, text string) {
		t.Helper()
		if r := c.call(kind, fill); r.Status != status || string(r.Body) != text {
			t.Errorf("%s of %s was answered %d %q, want %d %q", kind, who, r.Status, r.Body, status, text)
		}
	}
	const recovering = "Agent has not finished recovery"
	demand("one that has not come back", executorpb.Call_UPDATE, update, http.StatusServiceUnavailable, recovering)
	demand("one that has not come back", executorpb.Call_MESSAGE, message, http.StatusServiceUnavailable, recovering)
	demand("an unknown framework", executorpb.Call_UPDATE, unknown, http.StatusServiceUnavailable, recovering)
	demand("an unknown executor", executorpb.Call_UPDATE, stranger, http.StatusServiceUnavailable, recovering)
	demand("anybody", executorpb.Call_HEARTBEAT, nil, http.StatusAccepted, "")
	demand("anybody", executorpb.Call_UPDATE, nil, http.StatusBadRequest, "Failed to validate Executor::Call: Expecting 'update' to be present")
	c.subscribe(&executorpb.Call_Subscribe{UnacknowledgedTasks: []*mesospb.TaskInfo{info("t1")}})
	demand("one that has come back", executorpb.Call_MESSAGE, message, http.StatusServiceUnavailable, recovering)
	demand("one that has come back", executorpb.Call_UPDATE, update, http.StatusAccepted, "")
	w.Advance(3 * time.Second)
	w.states("t1", running)
	demand("one that has come back", executorpb.Call_MESSAGE, message, http.StatusAccepted, "")
	demand("an unknown framework", executorpb.Call_UPDATE, unknown, http.StatusBadRequest, "Framework cannot be found")
}

// An executor that does not read its events is cut off before they fill the agent's memory, and may come back.
func TestHTTPExecutorDoesNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	c := w.client(mediatype.Protobuf)
	w.say(custom("t1", true, framework(checkpointing)))
	c.subscribe(&executorpb.Call_Subscribe{})
	deaf, cut := c.stream, false
	webtest.Attach(deaf, func() { cut = true })
	data := make([]byte, 1<<20)
	for range 70 {
		w.say(&internalpb.FrameworkToExecutorMessage{
			SlaveId: ids.Agent("a1").Proto(), FrameworkId: f1.Proto(), ExecutorId: x1.Proto(), Data: data,
		})
	}
	if !cut || deaf.Buffered() != 0 {
		t.Errorf("cut %t, and %d bytes wait", cut, deaf.Buffered())
	}
	c.subscribe(&executorpb.Call_Subscribe{UnacknowledgedTasks: []*mesospb.TaskInfo{info("t1")}})
	c.expect("SUBSCRIBED host")
}

// What an executor brings along when it comes back is looked at as closely as what it says later.
func TestHTTPExecutorComesBackWithNonsense(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	c := w.client(mediatype.JSON)
	w.say(custom("t1", true, framework()))
	c.subscribe(&executorpb.Call_Subscribe{})
	c.expect("SUBSCRIBED host", "LAUNCH t1")

	anonymous, elsewhere, short, plain := c.status("t1", running), c.status("t1", running), c.status("t1", running), c.status("t1", running)
	anonymous.Uuid, short.Uuid, plain.Source = nil, []byte("short"), nil
	elsewhere.SlaveId = ids.Agent("a9").Proto()
	again := &executorpb.Call_Subscribe{UnacknowledgedTasks: []*mesospb.TaskInfo{info("t1")}}
	for _, s := range []*mesospb.TaskStatus{anonymous, elsewhere, short, plain} {
		again.UnacknowledgedUpdates = append(again.UnacknowledgedUpdates, &executorpb.Call_Update{Status: s})
	}
	c.subscribe(again)
	w.Advance(time.Second)
	c.expect("SUBSCRIBED host", "ACKNOWLEDGED t1")
	w.states("t1", running)
	if got := w.m.Last("t1").GetStatus().GetSource(); got != mesospb.TaskStatus_SOURCE_EXECUTOR {
		t.Errorf("the source is %s", got)
	}

	staging := c.status("t1", mesospb.TaskState_TASK_STAGING)
	c.subscribe(&executorpb.Call_Subscribe{UnacknowledgedUpdates: []*executorpb.Call_Update{{Status: staging}}})
	c.expect("SHUTDOWN")
	w.Advance(10 * time.Second)
	if n := w.containers.Running(); n > 0 {
		t.Error("an executor that said TASK_STAGING outlives its grace period")
	}
}

// Whoever is not wanted any more is told to end instead of being let in.
func TestHTTPExecutorIsNotWanted(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*world){
		"executor is ending": func(w *world) {
			w.say(&internalpb.ShutdownExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()})
		},
		"framework is ending": func(w *world) { w.say(&internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()}) },
		"agent is ending":     func(w *world) { w.say(&internalpb.ShutdownMessage{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, silent)
			w.containers.Immortal = true
			c := w.client(mediatype.Protobuf)
			w.say(custom("t1", true, framework()))
			end(w)
			c.subscribe(&executorpb.Call_Subscribe{})
			c.expect("SHUTDOWN")
			if _, over := webtest.Take(c.stream); !over {
				t.Error("the stream stays open")
			}
		})
	}
}

// group is the launch of tasks that live and die together, in executor x1.
func group(f *mesospb.FrameworkInfo, tasks ...ids.Task) *internalpb.RunTaskGroupMessage {
	m := &internalpb.RunTaskGroupMessage{
		Framework: f, LaunchExecutor: proto.Bool(true), TaskGroup: &mesospb.TaskGroupInfo{},
		Executor: &mesospb.ExecutorInfo{
			ExecutorId: x1.Proto(), FrameworkId: f1.Proto(), Resources: bag("cpus:0.1;mem:32"),
			Type: mesospb.ExecutorInfo_DEFAULT.Enum(),
		},
	}
	for _, id := range tasks {
		t := info(id)
		t.Executor, t.Command = m.Executor, &mesospb.CommandInfo{Value: proto.String("sleep 1")}
		m.TaskGroup.Tasks = append(m.TaskGroup.Tasks, t)
	}
	return m
}

// The tasks of a group reach their executor together, which is Mesos's own if it is to be.
func TestGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	c := w.client(mediatype.Protobuf)
	w.say(group(framework(), "t1", "t2"))
	if got := w.containers.Launched()[0].Config.GetCommandInfo(); got.GetValue() != "/launcher/mesos-default-executor" || got.GetShell() ||
		!slices.Equal(got.GetArguments(), []string{"mesos-default-executor", "--launcher_dir=/launcher"}) {
		t.Errorf("the executor is started by %v", got)
	}
	c.subscribe(&executorpb.Call_Subscribe{})
	c.expect("SUBSCRIBED host", "LAUNCH_GROUP t1 t2")
	w.say(kill("t1"))
	c.expect("KILL t1")
	c.update("t1", killed)
	c.update("t2", killed)
	w.states("t1", killed)
	w.states("t2", killed)
}

// A group that waits for its executor is killed as one.
func TestGroupIsKilledBeforeItsExecutorComes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	w.say(group(framework(), "t1", "t2"))
	if n := len(w.containers.Launched()); n != 1 {
		t.Fatalf("%d executors are started", n)
	}
	w.say(kill("t2"))
	w.Advance(time.Second)
	w.states("t1", killed)
	w.states("t2", killed)
	if got := w.m.Last("t1").GetStatus().GetMessage(); got != "A task within the task group was killed before delivery to the executor" {
		t.Errorf("the framework was told %q", got)
	}
	w.idle() // what is being done to start the executor ends, too
}

// An executor that speaks libprocess has no words for a group.
func TestGroupForDriver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(group(framework(), "t1", "t2"))
	w.states("t1", mesospb.TaskState_TASK_ERROR)
	w.states("t2", mesospb.TaskState_TASK_ERROR)
	w.reason("t1", mesospb.TaskStatus_REASON_TASK_GROUP_INVALID)
	w.idle()
}

// What executors get wrong is said in Mesos's words.
func TestExecutorCallsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, silent)
	w.say(custom("t1", true, framework()))
	valid := &executorv1pb.Call{
		Type: executorv1pb.Call_MESSAGE.Enum(), Message: &executorv1pb.Call_Message{Data: []byte("x")},
		FrameworkId: &mesosv1pb.FrameworkID{Value: proto.String("f1")}, ExecutorId: &mesosv1pb.ExecutorID{Value: proto.String("x1")},
	}
	ids := `"framework_id":{"value":"f1"},"executor_id":{"value":"x1"}`
	for _, c := range []struct {
		name, method, accept, body string
		status                     int
		text                       string
	}{
		{"not posted", "GET", "", "", 405, "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'."},
		{"no type", "POST", "", `{` + ids + `}`, 400, "Failed to validate Executor::Call: Expecting 'type' to be present"},
		{"no subscribe", "POST", "", `{"type":"SUBSCRIBE",` + ids + `}`, 400, "Failed to validate Executor::Call: Expecting 'subscribe' to be present"},
		{"no update", "POST", "", `{"type":"UPDATE",` + ids + `}`, 400, "Failed to validate Executor::Call: Expecting 'update' to be present"},
		{"no uuid", "POST", "", `{"type":"UPDATE",` + ids + `,"update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING"}}}`, 400,
			"Failed to validate Executor::Call: Expecting 'uuid' to be present"},
		{"other source", "POST", "", `{"type":"UPDATE",` + ids + `,"update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING","uuid":"AAAAAAAAQACAAAAAAAAAAA=="}}}`, 400,
			"Failed to validate Executor::Call: Received Call from executor x1 of framework f1 with invalid source, expecting 'SOURCE_EXECUTOR'"},
		{"no such framework", "POST", "", `{"type":"MESSAGE","framework_id":{"value":"f9"},"executor_id":{"value":"x1"},"message":{"data":""}}`, 400, "Framework cannot be found"},
		{"no such executor", "POST", "", `{"type":"MESSAGE","framework_id":{"value":"f1"},"executor_id":{"value":"x9"},"message":{"data":""}}`, 400, "Executor cannot be found"},
		{"too early", "POST", "", string(mediatype.JSON.Marshal(valid)), 403, "Executor is not subscribed"},
		{"other answer", "POST", "text/html", `{"type":"SUBSCRIBE",` + ids + `,"subscribe":{}}`, 406,
			"Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"},
	} {
		header := http.Header{"Content-Type": {"application/json"}}
		if c.accept != "" {
			header.Set("Accept", c.accept)
		}
		if r := w.ask(c.method, "/slave(1)/api/v1/executor", header, []byte(c.body)); r.Status != c.status || string(r.Body) != c.text {
			t.Errorf("%s: %d %q, want %d %q", c.name, r.Status, r.Body, c.status, c.text)
		}
	}
}
