package blackbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/recordio"
	"meseta/runtime"
)

// standsIn starts what stands in for the executor of a recorded run.
func (e *estate) standsIn(run string) {
	e.t.Helper()
	container, id := filepath.Base(run), ids.Executor(filepath.Base(filepath.Dir(filepath.Dir(run))))
	node, x := newNode(e.t), executorStandIn{e: e, id: id, process: e.containers[container]}
	nested := map[string]ids.Task{}
	for _, path := range e.tree.Under(run + "/tasks") {
		if filepath.Base(path) == "task.updates" {
			x.left++
			s := e.tree[path].Records[0].(*internalpb.StatusUpdateRecord).GetUpdate().GetStatus()
			if c := s.GetContainerStatus().GetContainerId(); c.GetParent() != nil {
				nested[c.GetValue()] = ids.Task(s.GetTaskId().GetValue())
			}
		}
	}
	e.executors = append(e.executors, id)
	var err error
	if driver := e.tree[run+"/pids/libprocess.pid"]; driver != nil {
		d := &driverStandIn{executorStandIn: x}
		_, err = runtime.Spawn(node, "executor(1)", d)
		theirs, _ := runtime.ParsePID(driver.Text)
		e.addresses[theirs.Addr], e.drivers[id] = node.Addr(), d
	} else {
		h := &httpStandIn{executorStandIn: x, parent: container, containers: nested, client: &http.Client{Transport: &http.Transport{}}}
		e.t.Cleanup(h.client.CloseIdleConnections)
		_, err = runtime.Spawn(node, "executor", h)
	}
	if err != nil {
		e.t.Fatal(err)
	}
}

// finishes has a task end by itself.
func (e *estate) finishes(task string) {
	for path, f := range e.tree {
		if filepath.Base(path) != "task.updates" || filepath.Base(filepath.Dir(path)) != task {
			continue
		}
		status := f.Records[0].(*internalpb.StatusUpdateRecord).GetUpdate().GetStatus()
		if d := e.drivers[ids.Executor(status.GetExecutorId().GetValue())]; d != nil {
			runtime.Tell(runtime.RefOf(d), func(d *driverStandIn) { d.over(ids.Task(task), mesospb.TaskState_TASK_FINISHED) })
			return
		}
		e.containers[status.GetContainerStatus().GetContainerId().GetValue()].gate.open(e.t)
	}
}

// executorStandIn is what executors have in common. Its process ends when its tasks have ended and that is acknowledged.
type executorStandIn struct {
	e       *estate
	id      ids.Executor
	process *remnant
	left    int // tasks of which the end is not acknowledged
}

// uuidOfEnd names the last update of a task.
func uuidOfEnd(task ids.Task) []byte {
	uuid := sha256.Sum256([]byte(task))
	uuid[6], uuid[8] = uuid[6]&0x0f|0x40, uuid[8]&0x3f|0x80 // version 4, as everywhere in Mesos
	return uuid[:16]
}

// acknowledged follows an acknowledgement.
func (x *executorStandIn) acknowledged(task ids.Task, uuid []byte) {
	if bytes.Equal(uuid, uuidOfEnd(task)) {
		if x.left--; x.left == 0 {
			if err := os.WriteFile(string(x.process.gate), nil, 0o600); err != nil {
				x.e.tells("%s does not end: %v", x.id, err)
			}
		}
	}
}

// driverStandIn speaks as the driver of v0.
type driverStandIn struct {
	runtime.Actor
	executorStandIn
	agent runtime.PID
}

// Initialize installs what such an executor hears after its agent was started again.
func (x *driverStandIn) Initialize() {
	runtime.Install(x, func(from runtime.PID, _ *internalpb.ReconnectExecutorMessage) {
		x.agent = from
		x.Send(from, &internalpb.ReregisterExecutorMessage{ExecutorId: x.id.Proto(), FrameworkId: x.e.framework.GetId()})
	})
	runtime.Install(x, func(runtime.PID, *internalpb.ExecutorReregisteredMessage) { x.e.tells("%s is back", x.id) })
	runtime.Install(x, func(_ runtime.PID, m *internalpb.KillTaskMessage) {
		x.over(ids.Task(m.GetTaskId().GetValue()), mesospb.TaskState_TASK_KILLED)
	})
	runtime.Install(x, func(_ runtime.PID, m *internalpb.StatusUpdateAcknowledgementMessage) {
		x.acknowledged(ids.Task(m.GetTaskId().GetValue()), m.GetUuid())
	})
	runtime.Install(x, func(runtime.PID, *internalpb.ShutdownExecutorMessage) { x.e.tells("%s is told to end", x.id) })
}

// over says that a task has ended.
func (x *driverStandIn) over(task ids.Task, state mesospb.TaskState) {
	agent := x.e.agentID()
	x.Send(x.agent, &internalpb.StatusUpdateMessage{Pid: proto.String(x.Self().String()), Update: &internalpb.StatusUpdate{
		FrameworkId: x.e.framework.GetId(), ExecutorId: x.id.Proto(), SlaveId: agent, Timestamp: proto.Float64(1), Uuid: uuidOfEnd(task),
		Status: &mesospb.TaskStatus{
			TaskId: task.Proto(), State: &state, SlaveId: agent, Timestamp: proto.Float64(1), ExecutorId: x.id.Proto(),
			Source: mesospb.TaskStatus_SOURCE_EXECUTOR.Enum(), Uuid: uuidOfEnd(task),
		},
	}})
}

// agentID is the ID of the recorded agent.
func (e *estate) agentID() *mesospb.SlaveID {
	return ids.Agent(filepath.Base(e.tree[theirMeta+"/slaves/latest"].Target)).Proto()
}

// httpStandIn speaks the HTTP API, as the default executor, and as the command executor does with --http_command_executor.
type httpStandIn struct {
	runtime.Actor
	executorStandIn
	client     *http.Client
	parent     string              // the container
	containers map[string]ids.Task // that are in it; none if it runs its task itself
	waits      bool                // for their ends
	dismissed  bool
}

// Initialize subscribes.
func (x *httpStandIn) Initialize() { x.subscribe() }

// subscribe subscribes, and again when that fails or the stream ends.
func (x *httpStandIn) subscribe() {
	self := runtime.RefOf(x)
	call := &executorv1pb.Call{Type: executorv1pb.Call_SUBSCRIBE.Enum(), Subscribe: &executorv1pb.Call_Subscribe{}}
	heard := runtime.Go(x, func(ctx context.Context) (struct{}, error) {
		answer, err := x.post(ctx, "/slave(1)/api/v1/executor", x.from(call))
		if err != nil {
			return struct{}{}, err
		}
		defer answer.Body.Close()
		for events := recordio.NewReader(answer.Body, 0); answer.StatusCode == http.StatusOK; {
			record, err := events.Next()
			if err != nil {
				return struct{}{}, err
			}
			event := &executorv1pb.Event{}
			if err := proto.Unmarshal(record, event); err != nil {
				return struct{}{}, err
			}
			runtime.Tell(self, func(x *httpStandIn) { x.hears(event) })
		}
		return struct{}{}, nil
	})
	runtime.Await(x, heard, func(struct{}, error) {
		if !x.dismissed {
			x.Delay(pause, x.subscribe)
		}
	})
}

// from adds who makes a call.
func (x *httpStandIn) from(c *executorv1pb.Call) *executorv1pb.Call {
	c.ExecutorId = &mesosv1pb.ExecutorID{Value: proto.String(string(x.id))}
	c.FrameworkId = &mesosv1pb.FrameworkID{Value: x.e.framework.GetId().Value}
	return c
}

func (x *httpStandIn) post(ctx context.Context, path string, m proto.Message) (*http.Response, error) {
	body, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:"+x.e.port+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"Content-Type": {"application/x-protobuf"}, "Accept": {"application/x-protobuf"}}
	return x.client.Do(req)
}

// calls makes a call until it is answered 200 or 202, and passes the body on.
func (x *httpStandIn) calls(path string, m proto.Message, then func(body []byte)) {
	done := runtime.Go(x, func(ctx context.Context) ([]byte, error) {
		answer, err := x.post(ctx, path, m)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode/100 != 2 {
			return nil, fmt.Errorf("answered %s", answer.Status)
		}
		return io.ReadAll(answer.Body)
	})
	runtime.Await(x, done, func(body []byte, err error) {
		switch {
		case err != nil:
			x.Delay(pause, func() { x.calls(path, m, then) })
		case then != nil:
			then(body)
		}
	})
}

func (x *httpStandIn) hears(event *executorv1pb.Event) {
	switch event.GetType() {
	case executorv1pb.Event_SUBSCRIBED:
		x.e.tells("%s is back", x.id)
		for id := range x.containers {
			if !x.waits {
				x.wait(id)
			}
		}
		x.waits = true
	case executorv1pb.Event_KILL:
		x.kill(ids.Task(event.GetKill().GetTaskId().GetValue()))
	case executorv1pb.Event_ACKNOWLEDGED:
		x.acknowledged(ids.Task(event.GetAcknowledged().GetTaskId().GetValue()), event.GetAcknowledged().GetUuid())
	case executorv1pb.Event_SHUTDOWN:
		x.dismissed = true
		x.e.tells("%s is told to end", x.id)
	}
}

// nested is the ID of a container of a task.
func (x *httpStandIn) nested(id string) *mesosv1pb.ContainerID {
	return &mesosv1pb.ContainerID{Value: &id, Parent: &mesosv1pb.ContainerID{Value: &x.parent}}
}

// wait waits for the end of a container, and says how its task has ended.
func (x *httpStandIn) wait(id string) {
	call := &agentv1pb.Call{
		Type:                agentv1pb.Call_WAIT_NESTED_CONTAINER.Enum(),
		WaitNestedContainer: &agentv1pb.Call_WaitNestedContainer{ContainerId: x.nested(id)},
	}
	x.calls("/slave(1)/api/v1", call, func(body []byte) {
		r, state := &agentv1pb.Response{}, mesosv1pb.TaskState_TASK_KILLED
		if err := proto.Unmarshal(body, r); err != nil || r.GetWaitNestedContainer().ExitStatus == nil {
			x.e.tells("the end of %s is unknown: %v", id, err)
		}
		if r.GetWaitNestedContainer().GetExitStatus() == 0 {
			state = mesosv1pb.TaskState_TASK_FINISHED
		}
		x.over(x.containers[id], state, x.nested(id))
	})
}

// kill kills a task.
func (x *httpStandIn) kill(task ids.Task) {
	if len(x.containers) == 0 {
		x.over(task, mesosv1pb.TaskState_TASK_KILLED, nil)
	}
	for id, t := range x.containers {
		if t == task {
			x.calls("/slave(1)/api/v1", &agentv1pb.Call{
				Type: agentv1pb.Call_KILL_NESTED_CONTAINER.Enum(), KillNestedContainer: &agentv1pb.Call_KillNestedContainer{ContainerId: x.nested(id), Signal: proto.Int32(15)},
			}, nil)
		}
	}
}

// over says that a task has ended.
func (x *httpStandIn) over(task ids.Task, state mesosv1pb.TaskState, container *mesosv1pb.ContainerID) {
	s := &mesosv1pb.TaskStatus{
		TaskId: &mesosv1pb.TaskID{Value: proto.String(string(task))}, State: &state, Timestamp: proto.Float64(1), Uuid: uuidOfEnd(task),
		ExecutorId: &mesosv1pb.ExecutorID{Value: proto.String(string(x.id))}, Source: mesosv1pb.TaskStatus_SOURCE_EXECUTOR.Enum(),
	}
	if container != nil {
		s.ContainerStatus = &mesosv1pb.ContainerStatus{ContainerId: container}
	}
	x.calls("/slave(1)/api/v1/executor", x.from(&executorv1pb.Call{
		Type: executorv1pb.Call_UPDATE.Enum(), Update: &executorv1pb.Call_Update{Status: s},
	}), nil)
}
