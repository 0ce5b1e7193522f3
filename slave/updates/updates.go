// Package updates passes what executors and the agent report about tasks to the agent's book, and through the status
// update manager to the master.
//
// A valid update is accepted. It is then decorated (by hooks), described (with the status of the container), applied (to the task in the
// book), delivered (to the manager), and answered (to the executor). Updates of one task take these steps one after the
// other, in the order in which they came. The manager forwards each until it is acknowledged.
package updates

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/hooks"
	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/counts"
	"meseta/slave/drain"
	"meseta/slave/line"
	"meseta/slave/membership"
	"meseta/slave/recorder"
)

// Options configures [Updates]. All fields but Hooks are required.
type Options struct {
	Agent      *membership.Membership
	Book       *book.Book
	Containers containerizer.Containerizer
	Lines      *line.Lines
	Recorder   *recorder.Recorder
	Drain      *drain.Drain
	Counts     *counts.Counts
	Manager    runtime.Ref[*statusupdate.StatusUpdateManager]
	Hooks      *hooks.Hooks // nil means none

	// Misbehaved is called for an executor that reports a state that it must not report.
	Misbehaved func(*book.Executor)
	// NotShrunk is called for an executor whose container could not be shrunk by the resources of a terminal task.
	NotShrunk func(*book.Framework, *book.Executor, error)
	// Completed is called for an executor that has one task less, or none.
	Completed func(*book.Framework, *book.Executor)
}

// Updates handles the status updates of an agent. It belongs to the agent's actor and may be used only on its turns.
type Updates struct {
	*runtime.Actor // the agent's
	agent          *membership.Membership
	book           *book.Book
	containers     containerizer.Containerizer
	lines          *line.Lines
	recorder       *recorder.Recorder
	drain          *drain.Drain
	counts         *counts.Counts
	manager        runtime.Ref[*statusupdate.StatusUpdateManager]
	hooks          *hooks.Hooks // nil unless one decorates statuses
	misbehaved     func(*book.Executor)
	notShrunk      func(*book.Framework, *book.Executor, error)
	completed      func(*book.Framework, *book.Executor)

	queue map[subject][]report // in order; the first one of each task is being handled
}

// New returns the updates of the agent whose actor is actor.
func New(actor *runtime.Actor, o Options) *Updates {
	if !o.Hooks.Has(func(h hooks.Hook) bool { return h.SlaveTaskStatusDecorator != nil }) {
		o.Hooks = nil
	}
	return &Updates{
		Actor: actor, agent: o.Agent, book: o.Book, containers: o.Containers, lines: o.Lines, recorder: o.Recorder,
		drain: o.Drain, counts: o.Counts, manager: o.Manager, hooks: o.Hooks,
		misbehaved: o.Misbehaved, notShrunk: o.NotShrunk, completed: o.Completed, queue: map[subject][]report{},
	}
}

// Pending returns the number of tasks with updates on their way to the manager.
func (s *Updates) Pending() int { return len(s.queue) }

// Outcome is what the agent itself reports about a task.
type Outcome struct {
	State      mesospb.TaskState
	Reason     mesospb.TaskStatus_Reason
	Message    string
	Limitation *mesospb.TaskResourceLimitation // nil if no limit was exceeded
}

// Report reports about a task of an active framework. executor is empty if the task never had one.
func (s *Updates) Report(f ids.Framework, t ids.Task, executor ids.Executor, o Outcome) {
	s.accept(report{update: s.update(f, t, executor, o), own: true})
}

// ReportUnknown reports about a task that the agent does not have. It may not have the framework either.
func (s *Updates) ReportUnknown(f ids.Framework, t ids.Task, o Outcome) {
	s.enqueue(report{update: s.update(f, t, "", o), own: true})
}

// update returns an update of the agent.
func (s *Updates) update(f ids.Framework, t ids.Task, executor ids.Executor, o Outcome) *internalpb.StatusUpdate {
	status := &mesospb.TaskStatus{
		TaskId: t.Proto(), SlaveId: s.agent.Info().GetId(), State: o.State.Enum(), Reason: o.Reason.Enum(), Message: proto.String(o.Message),
		Source: mesospb.TaskStatus_SOURCE_SLAVE.Enum(), Timestamp: s.timestamp(), Uuid: ids.NewUUID(s.Rand()).Bytes(),
		Limitation: o.Limitation,
	}
	if executor != "" {
		status.ExecutorId = executor.Proto()
	}
	return tasks.Update(f, status)
}

// timestamp returns the current time in seconds, as statuses carry it.
func (s *Updates) timestamp() *float64 { return proto.Float64(float64(s.Now().UnixNano()) / 1e9) }
