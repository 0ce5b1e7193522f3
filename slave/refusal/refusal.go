// Package refusal determines why an agent refuses a launch, in Mesos's words, and what that means for the executor. It
// decides, and changes nothing.
package refusal

import (
	"cmp"
	"fmt"

	"meseta/actors/authorizer"
	"meseta/messages/ledger"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/book"
	"meseta/slave/validate"
)

// Refusal is the reason why the tasks of a launch do not run. Their framework gets TASK_DROPPED, or TASK_LOST if it is
// not partition-aware, unless Error is set.
type Refusal struct {
	Reason mesospb.TaskStatus_Reason
	Text   string // for the framework
	Error  bool   // the framework gets TASK_ERROR
	// ExecutorStays means that the executor exists, or that none was to be started, so that the master is not told that
	// it ended.
	ExecutorStays bool
	// Ends is an executor that the master does not know and that has to end, or nil.
	Ends *book.Executor
}

// DirectoriesNotSaved refuses a launch whose directories may be deleted at any moment.
var DirectoriesNotSaved = &Refusal{
	Reason: mesospb.TaskStatus_REASON_GC_ERROR,
	Text:   "Could not launch the task because we failed to unschedule directories scheduled for gc",
}

// Unauthorized returns the refusal of a launch of which may does not allow all tasks to run as their users, or nil.
//
// Mesos: Slave::_run.
func Unauthorized(l *book.Launch, f *mesospb.FrameworkInfo, may authorizer.Approver) *Refusal {
	for _, t := range l.Tasks {
		if !authorizer.Allows(may, authorizationpb.Action_RUN_TASK, &authorizationpb.Object{TaskInfo: t, FrameworkInfo: f}) {
			r := &Refusal{Reason: mesospb.TaskStatus_REASON_TASK_UNAUTHORIZED, Error: true, Text: fmt.Sprintf(
				"Task '%s' is not authorized to launch as user '%s'", t.GetTaskId().GetValue(), cmp.Or(t.GetCommand().GetUser(), f.GetUser()))}
			if l.Group {
				r.Reason = mesospb.TaskStatus_REASON_TASK_GROUP_UNAUTHORIZED
			}
			return r
		}
	}
	return nil
}

// NotDecided refuses a launch about which the authorizer could not decide.
func NotDecided(why error) *Refusal {
	return &Refusal{Reason: mesospb.TaskStatus_REASON_TASK_UNAUTHORIZED, Error: true, Text: "Authorization failure: " + why.Error()}
}

// Of returns the reason why an agent with the resources has refuses a launch, or nil. draining says whether the agent
// is draining, and isolated whether it has the isolator of that name.
//
// Mesos: Slave::__run.
func Of(l *book.Launch, f *book.Framework, has *ledger.Ledger, draining bool, isolated func(isolator string) bool) *Refusal {
	if err := validate.Launch(l.Executor, l.Tasks); err != nil {
		return &Refusal{Reason: mesospb.TaskStatus_REASON_TASK_INVALID, Text: err.Error()}
	}
	if draining {
		return &Refusal{Reason: mesospb.TaskStatus_REASON_SLAVE_DRAINING, Text: "Task was received while agent was already draining"}
	}
	if err := validate.Limits(l.Tasks, isolated); err != nil {
		return &Refusal{Reason: mesospb.TaskStatus_REASON_GC_ERROR, Text: err.Error()}
	}
	switch {
	case has.IsOutdated(l.Versions):
		return &Refusal{Reason: mesospb.TaskStatus_REASON_INVALID_OFFERS, Text: "Task assumes outdated resource state"}
	case has.Lacks(used(l)):
		return &Refusal{
			Reason: mesospb.TaskStatus_REASON_RESOURCES_UNKNOWN,
			Text:   "The checkpointed resources being used by the task or task group are unknown to the agent",
		}
	}
	return byExecutor(l, f.Executor(l.ExecutorID()))
}

// byExecutor compares the master's expectation of the executor with e, which is nil if there is no executor.
func byExecutor(l *book.Launch, e *book.Executor) *Refusal {
	switch {
	case e != nil && l.Command:
		return &Refusal{
			Reason: mesospb.TaskStatus_REASON_TASK_INVALID, ExecutorStays: true,
			Text: "Cannot reuse an already existing executor for a command task",
		}
	case e != nil && l.Fresh != nil && *l.Fresh:
		return &Refusal{
			Reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, ExecutorStays: e.State != book.Terminated, Ends: e,
			Text: "Master wants to launch executor, but one already exists",
		}
	case e == nil && l.Fresh != nil && !*l.Fresh && !l.Command:
		return &Refusal{
			Reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, ExecutorStays: true,
			Text: "No executor is expected to launch and there is none running",
		}
	case e != nil && e.State >= book.Terminating:
		return &Refusal{
			Reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, ExecutorStays: true, Text: "Executor " + e.State.String(),
		}
	}
	return nil
}

// used returns the resources of a launch.
func used(l *book.Launch) resources.Resources {
	used := resources.FromValid(l.Executor.GetResources())
	for _, t := range l.Tasks {
		used = used.Plus(resources.FromValid(t.GetResources()))
	}
	return used
}
