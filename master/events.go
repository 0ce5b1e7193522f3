package master

import (
	"fmt"
	"net/http"

	"meseta/master/book"
	"meseta/master/subscribers"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// eventSink is where operators hear of changes. While nobody subscribes, a change costs nothing.
type eventSink struct {
	spawned bool
	ref     runtime.Ref[*subscribers.Subscribers]
	count   int // subscribers, some of whom may be gone
}

// spawnSubscribers starts the actor that streams to operators, when the first subscribes.
func (m *Master) spawnSubscribers() {
	self, node := runtime.RefOf(m), m.Node()
	ref, err := runtime.Spawn(node, node.NewID("subscribers"), subscribers.New(subscribers.Options{
		Max:  m.config.MaxSubscribers,
		Look: func() runtime.Future[*view.Cluster] { return runtime.Dispatch(self, (*Master).look) },
		Gone: func() { runtime.Tell(self, func(m *Master) { m.events.count-- }) },
	}))
	if err != nil {
		panic(fmt.Sprintf("master: spawn the subscribers: %v", err)) // the id is fresh
	}
	m.events = eventSink{spawned: true, ref: ref}
}

// subscribeOperator answers SUBSCRIBE of the operator API.
//
// Mesos: Master::Http::subscribe.
func (m *Master) subscribeOperator(call operatorCall) *runtime.Response {
	pipe := runtime.NewStream()
	if !m.events.spawned {
		m.spawnSubscribers()
	}
	m.events.count++
	runtime.Tell(m.events.ref, func(s *subscribers.Subscribers) { s.Add(call.media, pipe, call.may) })
	return &runtime.Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {call.media.String()}}, Stream: pipe}
}

// publish tells the subscribers of what event makes of things that do not change any more.
func (m *Master) publish(event func() *masterpb.Event) {
	m.publishChange(func() subscribers.Change { return subscribers.Change{Event: event()} })
}

func (m *Master) publishChange(change func() subscribers.Change) {
	if m.events.count > 0 {
		runtime.Tell(m.events.ref, func(s *subscribers.Subscribers) { s.Publish(change()) })
	}
}

func (m *Master) publishTaskAdded(t *book.Task) {
	if m.events.count == 0 {
		return
	}
	m.publishTask(t, func(facts *book.Facts) *masterpb.Event {
		return &masterpb.Event{
			Type: masterpb.Event_TASK_ADDED.Enum(), TaskAdded: &masterpb.Event_TaskAdded{Task: view.TaskMessage(facts)},
		}
	})
}

func (m *Master) publishTaskUpdated(t *book.Task, status *mesospb.TaskStatus) {
	if m.events.count == 0 {
		return
	}
	m.publishTask(t, func(facts *book.Facts) *masterpb.Event {
		return &masterpb.Event{
			Type: masterpb.Event_TASK_UPDATED.Enum(),
			TaskUpdated: &masterpb.Event_TaskUpdated{
				FrameworkId: facts.Described.FrameworkId, Status: status, State: facts.State.Enum(),
			},
		}
	})
}

// publishTask is publish for what happens to a task.
func (m *Master) publishTask(t *book.Task, event func(*book.Facts) *masterpb.Event) {
	facts, f := t.Share(), &mesospb.FrameworkInfo{Id: t.Described.FrameworkId}
	if known := m.book.Framework(t.Framework); known != nil {
		f = known.Info
	}
	m.publishChange(func() subscribers.Change {
		return subscribers.Change{
			Event: event(facts), Framework: f, Task: func() *mesospb.Task { return view.TaskMessage(facts) },
		}
	})
}

func (m *Master) publishAgentAdded(id ids.Agent) {
	if m.events.count == 0 {
		return
	}
	a := view.NewAgent(m.book.Agent(id))
	m.publish(func() *masterpb.Event {
		return &masterpb.Event{Type: masterpb.Event_AGENT_ADDED.Enum(), AgentAdded: &masterpb.Event_AgentAdded{Agent: a.Message()}}
	})
}

// publishAgentRemoved tells that an agent is not in the cluster any more.
//
// Differs: the reference is silent about agents that become unreachable or gone, so that its subscribers take them for
// registered until somebody asks.
func (m *Master) publishAgentRemoved(id ids.Agent) {
	m.publish(func() *masterpb.Event {
		return &masterpb.Event{Type: masterpb.Event_AGENT_REMOVED.Enum(), AgentRemoved: &masterpb.Event_AgentRemoved{AgentId: id.Proto()}}
	})
}

func (m *Master) publishFrameworkAdded(id ids.Framework) {
	m.publishFramework(id, func(f *masterpb.Response_GetFrameworks_Framework) *masterpb.Event {
		return &masterpb.Event{
			Type: masterpb.Event_FRAMEWORK_ADDED.Enum(), FrameworkAdded: &masterpb.Event_FrameworkAdded{Framework: f},
		}
	})
}

func (m *Master) publishFrameworkUpdated(id ids.Framework) {
	m.publishFramework(id, func(f *masterpb.Response_GetFrameworks_Framework) *masterpb.Event {
		return &masterpb.Event{
			Type: masterpb.Event_FRAMEWORK_UPDATED.Enum(), FrameworkUpdated: &masterpb.Event_FrameworkUpdated{Framework: f},
		}
	})
}

func (m *Master) publishFramework(id ids.Framework, event func(*masterpb.Response_GetFrameworks_Framework) *masterpb.Event) {
	if m.events.count == 0 {
		return
	}
	if f := m.look().Framework(id); f != nil {
		m.publish(func() *masterpb.Event { return event(f.Message()) })
	}
}

func (m *Master) publishFrameworkRemoved(info *mesospb.FrameworkInfo) {
	m.publish(func() *masterpb.Event {
		return &masterpb.Event{
			Type:             masterpb.Event_FRAMEWORK_REMOVED.Enum(),
			FrameworkRemoved: &masterpb.Event_FrameworkRemoved{FrameworkInfo: info},
		}
	})
}
