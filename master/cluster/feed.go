package cluster

import (
	"fmt"

	"meseta/master/book"
	"meseta/master/subscribers"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Feed publishes changes to the subscribers of the operator API. Without subscribers a change costs nothing.
type Feed struct {
	actor   *runtime.Actor
	book    *book.Book
	look    func() *view.Cluster
	max     int // maximal number of subscribers
	spawned bool
	ref     runtime.Ref[*subscribers.Subscribers]
	count   int // subscribers, some of which may be gone
}

// Subscribers returns the number of subscribers, some of which may be gone.
func (f *Feed) Subscribers() int { return f.count }

// Add adds a subscription: add passes it to the actor that serves it.
func (f *Feed) Add(add func(*subscribers.Subscribers)) {
	if !f.spawned {
		f.spawn()
	}
	f.count++
	runtime.Tell(f.ref, add)
}

// spawn spawns the actor that serves the subscribers. It is called for the first of them.
func (f *Feed) spawn() {
	owner, node := runtime.RefOf(f.actor), f.actor.Node()
	ref, err := runtime.Spawn(node, node.NewID("subscribers"), subscribers.New(subscribers.Options{
		Max: f.max,
		Look: func() runtime.Future[*view.Cluster] {
			return runtime.Dispatch(owner, func(*runtime.Actor) *view.Cluster { return f.look() })
		},
		Gone: func() { runtime.Tell(owner, func(*runtime.Actor) { f.count-- }) },
	}))
	if err != nil {
		panic(fmt.Sprintf("master: spawn the subscribers: %v", err)) // the id is fresh
	}
	f.ref, f.spawned = ref, true
}

// end ends all subscriptions.
func (f *Feed) end() {
	if f.spawned {
		f.actor.Node().Terminate(f.ref.PID())
	}
}

// publish publishes the event that event returns. What the event refers to must not change any more.
func (f *Feed) publish(event func() *masterpb.Event) {
	f.publishChange(func() subscribers.Change { return subscribers.Change{Event: event()} })
}

func (f *Feed) publishChange(change func() subscribers.Change) {
	if f.count > 0 {
		runtime.Tell(f.ref, func(s *subscribers.Subscribers) { s.Publish(change()) })
	}
}

// TaskAdded publishes a new task.
func (f *Feed) TaskAdded(t *book.Task) {
	if f.count == 0 {
		return
	}
	f.publishTask(t, func(facts *book.Facts) *masterpb.Event {
		return &masterpb.Event{
			Type: masterpb.Event_TASK_ADDED.Enum(), TaskAdded: &masterpb.Event_TaskAdded{Task: view.TaskMessage(facts)},
		}
	})
}

// TaskUpdated publishes an update of a task.
func (f *Feed) TaskUpdated(t *book.Task, status *mesospb.TaskStatus) {
	if f.count == 0 {
		return
	}
	f.publishTask(t, func(facts *book.Facts) *masterpb.Event {
		return &masterpb.Event{
			Type: masterpb.Event_TASK_UPDATED.Enum(),
			TaskUpdated: &masterpb.Event_TaskUpdated{
				FrameworkId: facts.Described.FrameworkId, Status: status, State: facts.State.Enum(),
			},
		}
	})
}

// publishTask publishes an event about a task.
func (f *Feed) publishTask(t *book.Task, event func(*book.Facts) *masterpb.Event) {
	facts, info := t.Share(), &mesospb.FrameworkInfo{Id: t.Described.FrameworkId}
	if known := f.book.Framework(t.Framework); known != nil {
		info = known.Info
	}
	f.publishChange(func() subscribers.Change {
		return subscribers.Change{
			Event: event(facts), Framework: info, Task: func() *mesospb.Task { return view.TaskMessage(facts) },
		}
	})
}

// AgentAdded publishes that an agent registered.
func (f *Feed) AgentAdded(id ids.Agent) {
	if f.count == 0 {
		return
	}
	a := view.NewAgent(f.book.Agent(id))
	f.publish(func() *masterpb.Event {
		return &masterpb.Event{Type: masterpb.Event_AGENT_ADDED.Enum(), AgentAdded: &masterpb.Event_AgentAdded{Agent: a.Message()}}
	})
}

// AgentRemoved publishes that an agent is not registered any more.
//
// Differs: Mesos publishes nothing when an agent becomes unreachable or gone, so that its subscribers consider the
// agent registered until they ask again.
func (f *Feed) AgentRemoved(id ids.Agent) {
	f.publish(func() *masterpb.Event {
		return &masterpb.Event{Type: masterpb.Event_AGENT_REMOVED.Enum(), AgentRemoved: &masterpb.Event_AgentRemoved{AgentId: id.Proto()}}
	})
}

// FrameworkAdded publishes a new framework.
func (f *Feed) FrameworkAdded(id ids.Framework) {
	f.publishFramework(id, func(framework *masterpb.Response_GetFrameworks_Framework) *masterpb.Event {
		return &masterpb.Event{
			Type: masterpb.Event_FRAMEWORK_ADDED.Enum(), FrameworkAdded: &masterpb.Event_FrameworkAdded{Framework: framework},
		}
	})
}

// FrameworkUpdated publishes a change of a framework.
func (f *Feed) FrameworkUpdated(id ids.Framework) {
	f.publishFramework(id, func(framework *masterpb.Response_GetFrameworks_Framework) *masterpb.Event {
		return &masterpb.Event{
			Type: masterpb.Event_FRAMEWORK_UPDATED.Enum(), FrameworkUpdated: &masterpb.Event_FrameworkUpdated{Framework: framework},
		}
	})
}

func (f *Feed) publishFramework(id ids.Framework, event func(*masterpb.Response_GetFrameworks_Framework) *masterpb.Event) {
	if f.count == 0 {
		return
	}
	if framework := f.look().Framework(id); framework != nil {
		f.publish(func() *masterpb.Event { return event(framework.Message()) })
	}
}

// FrameworkRemoved publishes the end of a framework.
func (f *Feed) FrameworkRemoved(info *mesospb.FrameworkInfo) {
	f.publish(func() *masterpb.Event {
		return &masterpb.Event{
			Type:             masterpb.Event_FRAMEWORK_REMOVED.Enum(),
			FrameworkRemoved: &masterpb.Event_FrameworkRemoved{FrameworkInfo: info},
		}
	})
}
