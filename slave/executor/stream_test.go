package executor_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave/executor"
	"meseta/slave/executor/executortest"
)

// scripted is a connection to an agent of v1, whose subscriptions the test answers.
type scripted struct {
	subscriptions []runtime.Promise[executor.Events]
	calls         []string
	recovering    bool // the agent is not ready for calls
}

func (s *scripted) hear(call *executorpb.Call) {
	said := call.GetType().String()
	for _, u := range call.GetSubscribe().GetUnacknowledgedUpdates() {
		said += " " + u.GetStatus().GetState().String()
	}
	if u := call.GetUpdate(); u != nil {
		said += " " + u.GetStatus().GetState().String()
	}
	s.calls = append(s.calls, said)
}

func (s *scripted) Subscribe(b runtime.Behavior, call *executorpb.Call) runtime.Future[executor.Events] {
	s.hear(call)
	p := runtime.Owe[executor.Events](b)
	s.subscriptions = append(s.subscriptions, p)
	return p.Future()
}

func (s *scripted) Call(_ runtime.Behavior, call *executorpb.Call) runtime.Future[struct{}] {
	s.hear(call)
	if s.recovering {
		return runtime.Failed[struct{}](&executor.StatusError{Status: http.StatusServiceUnavailable, Text: "Agent has not finished recovery"})
	}
	return runtime.Ready(struct{}{})
}

func (s *scripted) Operate(runtime.Behavior, *agentpb.Call) runtime.Future[*agentpb.Response] {
	return runtime.Ready(&agentpb.Response{})
}

func (s *scripted) Session(runtime.Behavior, *agentpb.Call) runtime.Future[struct{}] {
	return runtime.Ready(struct{}{})
}

// silent is a stream that no event comes from.
type silent struct{}

func (silent) Next(b runtime.Behavior) runtime.Future[*executorpb.Event] {
	return runtime.Owe[*executorpb.Event](b).Future()
}

func (silent) Close() {}

// An update that is made while a subscription is under way, which cannot name it, is sent when the subscription stands.
func TestUpdatesCrossASubscription(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	t.Cleanup(func() { runtimetest.End(t, w) })
	agent := &scripted{}
	env := executortest.Environment(runtime.PID{ID: "slave(1)", Addr: agentAddr})
	d := executor.NewDriver(w.Node(executorAddr), &executortest.Executor{}, env, executor.Options{HTTP: agent, Die: func() {}})
	d.Start()
	d.SendStatusUpdate(status("t1", mesospb.TaskState_TASK_RUNNING))
	w.Advance(time.Second)
	d.SendStatusUpdate(status("t1", mesospb.TaskState_TASK_FINISHED))
	w.Advance(time.Second)
	agent.subscriptions[0].Set(silent{})
	w.Advance(time.Second)
	const want = "SUBSCRIBE\nUPDATE TASK_RUNNING\nUPDATE TASK_FINISHED"
	if got := strings.Join(agent.calls, "\n"); got != want {
		t.Errorf("the agent heard\n%s\nwant\n%s", got, want)
	}
}

// An agent of Mesos answers updates with 503 while it recovers, also those of an executor that it has let subscribe. They are
// repeated, in their order, until it takes them.
func TestUpdatesWhileTheAgentRecovers(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	t.Cleanup(func() { runtimetest.End(t, w) })
	agent := &scripted{recovering: true}
	env := executortest.Environment(runtime.PID{ID: "slave(1)", Addr: agentAddr})
	d := executor.NewDriver(w.Node(executorAddr), &executortest.Executor{}, env, executor.Options{HTTP: agent, Die: func() {}})
	d.Start()
	w.Advance(time.Second)
	agent.subscriptions[0].Set(silent{})
	d.SendStatusUpdate(status("t1", mesospb.TaskState_TASK_RUNNING))
	d.SendStatusUpdate(status("t1", mesospb.TaskState_TASK_FINISHED))
	w.Advance(1500 * time.Millisecond)
	agent.recovering = false
	w.Advance(time.Minute)
	const want = "SUBSCRIBE\nUPDATE TASK_RUNNING\nUPDATE TASK_RUNNING\nUPDATE TASK_RUNNING\nUPDATE TASK_FINISHED"
	if got := strings.Join(agent.calls, "\n"); got != want {
		t.Errorf("the agent heard\n%s\nwant\n%s", got, want)
	}
}
