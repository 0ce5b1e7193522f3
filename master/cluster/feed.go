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

// Feed tells operators who subscribed of changes. While nobody subscribes, a change costs nothing.
type Feed struct {
	actor   *runtime.Actor
	book    *book.Book
	look    func() *view.Cluster
	max     int // subscribers
	spawned bool
	ref     runtime.Ref[*subscribers.Subscribers]
	count   int // subscribers, some of whom may be gone
}

// Subscribers is how many there are, some of whom may be gone.
func (f *Feed) Subscribers() int { return f.count }

// Add subscribes somebody: add gives the subscription to the actor that serves it.
func (f *Feed) Add(add func(*subscribers.Subscribers)) {
	if !f.spawned {
		f.spawn()
	}
	f.count++
	runtime.Tell(f.ref, add)
}

// spawn starts the actor that streams to operators, when the first subscribes.
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

// publish tells the subscribers of what event makes of things that do not change any more.
func (f *Feed) publish(event func() *masterpb.Event) {
	f.publishChange(func() subscribers.Change { return subscribers.Change{Event: event()} })
}

func (f *Feed) publishChange(change func() subscribers.Change) {
	if f.count > 0 {
		runtime.Tell(f.ref, func(s *subscribers.Subscribers) { s.Publish(change()) })
	}
}

// TaskAdded tells that a task is new.
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

// TaskUpdated tells what was heard of a task.
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

// publishTask is publish for what happens to a task.
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

// AgentAdded tells that an agent is in the cluster.
func (f *Feed) AgentAdded(id ids.Agent) {
	if f.count == 0 {
		return
	}
	a := view.NewAgent(f.book.Agent(id))
	f.publish(func() *masterpb.Event {
		return &masterpb.Event{Type: masterpb.Event_AGENT_ADDED.Enum(), AgentAdded: &masterpb.Event_AgentAdded{Agent: a.Message()}}
	})
}

// AgentRemoved tells that an agent is not in the cluster any more.
//
// Differs: the reference is silent about agents that become unreachable or gone, so that its subscribers take them for
// registered until somebody asks.
func (f *Feed) AgentRemoved(id ids.Agent) {
	f.publish(func() *masterpb.Event {
		return &masterpb.Event{Type: masterpb.Event_AGENT_REMOVED.Enum(), AgentRemoved: &masterpb.Event_AgentRemoved{AgentId: id.Proto()}}
	})
}

// FrameworkAdded tells that a framework is new.
func (f *Feed) FrameworkAdded(id ids.Framework) {
	f.publishFramework(id, func(framework *masterpb.Response_GetFrameworks_Framework) *masterpb.Event {
		return &masterpb.Event{
			Type: masterpb.Event_FRAMEWORK_ADDED.Enum(), FrameworkAdded: &masterpb.Event_FrameworkAdded{Framework: framework},
		}
	})
}

// FrameworkUpdated tells that a framework changed.
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

// FrameworkRemoved tells that a framework is over.
func (f *Feed) FrameworkRemoved(info *mesospb.FrameworkInfo) {
	f.publish(func() *masterpb.Event {
		return &masterpb.Event{
			Type:             masterpb.Event_FRAMEWORK_REMOVED.Enum(),
			FrameworkRemoved: &masterpb.Event_FrameworkRemoved{FrameworkInfo: info},
		}
	})
}
