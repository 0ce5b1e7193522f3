// Package updates brings what executors and the agent say about tasks to the agent's book, and by way of the status update
// manager to the master.
//
// An update is accepted if it makes sense. It is then described (what the container is like), applied (to the task in the
// book), delivered (to the manager), and answered (to the executor). Those of one task go this way one after another, in the
// order in which they came. The manager has each forwarded, again and again, until it is acknowledged.
package updates

import (
	"google.golang.org/protobuf/proto"

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

// Options are the other parts of the agent, and what updates lead to there. All are required.
type Options struct {
	Agent      *membership.Membership
	Book       *book.Book
	Containers containerizer.Containerizer
	Lines      *line.Lines
	Recorder   *recorder.Recorder
	Drain      *drain.Drain
	Counts     *counts.Counts
	Manager    runtime.Ref[*statusupdate.StatusUpdateManager]

	// Misbehaved is called for an executor that reports what is not its to report.
	Misbehaved func(*book.Executor)
	// NotShrunk is called for an executor whose container keeps what a task had that has ended.
	NotShrunk func(*book.Framework, *book.Executor, error)
	// Completed is called for an executor that has a task less to wait for, or none.
	Completed func(*book.Framework, *book.Executor)
}

// Updates are those of an agent. They belong to its actor and may be used only on its turns.
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
	misbehaved     func(*book.Executor)
	notShrunk      func(*book.Framework, *book.Executor, error)
	completed      func(*book.Framework, *book.Executor)

	queue map[subject][]report // the first of each task first
}

// New returns the updates of the agent that is actor, of which there are none.
func New(actor *runtime.Actor, o Options) *Updates {
	return &Updates{
		Actor: actor, agent: o.Agent, book: o.Book, containers: o.Containers, lines: o.Lines, recorder: o.Recorder,
		drain: o.Drain, counts: o.Counts, manager: o.Manager,
		misbehaved: o.Misbehaved, notShrunk: o.NotShrunk, completed: o.Completed, queue: map[subject][]report{},
	}
}

// Pending is the number of tasks with updates on their way to the manager.
func (s *Updates) Pending() int { return len(s.queue) }

// Outcome is what the agent itself says about a task.
type Outcome struct {
	State      mesospb.TaskState
	Reason     mesospb.TaskStatus_Reason
	Message    string
	Limitation *mesospb.TaskResourceLimitation // nil: none was reached
}

// Report takes what the agent says about a task of an active framework. executor is empty if the task never had one.
func (s *Updates) Report(f ids.Framework, t ids.Task, executor ids.Executor, o Outcome) {
	s.accept(report{update: s.update(f, t, executor, o), own: true})
}

// ReportUnknown takes what the agent says about a task that is not here. Its framework may not be here either.
func (s *Updates) ReportUnknown(f ids.Framework, t ids.Task, o Outcome) {
	s.enqueue(report{update: s.update(f, t, "", o), own: true})
}

// update is an update that the agent makes.
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

// timestamp is now, in seconds, as it is written in statuses.
func (s *Updates) timestamp() *float64 { return proto.Float64(float64(s.Now().UnixNano()) / 1e9) }
