package view

import (
	"iter"

	"meseta/messages/answer"
	"meseta/messages/mediatype"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/redact"
	"meseta/slave/book"
)

type (
	element = answer.Element
	field   = answer.Field[*Agent]
)

// Call is a call whose answer grows with what the agent runs.
type Call struct {
	kind  agentpb.Response_Type
	field field // of the response
}

// The calls whose answers grow with what the agent runs.
var (
	GetState      = &Call{agentpb.Response_GET_STATE, state}
	GetTasks      = &Call{agentpb.Response_GET_TASKS, tasksField}
	GetExecutors  = &Call{agentpb.Response_GET_EXECUTORS, executors}
	GetFrameworks = &Call{agentpb.Response_GET_FRAMEWORKS, frameworks}
)

// The fields of their answers, in the order of Mesos's JSON.
var (
	state      = field{Name: "get_state", Fields: []field{tasksField, executors, frameworks}}
	tasksField = field{Name: "get_tasks", Fields: []field{
		{Name: "pending_tasks", Each: (*Agent).eachPending},
		{Name: "queued_tasks", Each: (*Agent).eachQueued},
		{Name: "launched_tasks", Each: eachTask(func(e *book.Picture) []*book.Task { return e.Launched })},
		{Name: "terminated_tasks", Each: eachTask(func(e *book.Picture) []*book.Task { return e.Terminated })},
		{Name: "completed_tasks", Each: eachTask(func(e *book.Picture) []*book.Task { return e.Completed })},
	}}
	executors = field{Name: "get_executors", Fields: []field{
		{Name: "executors", Each: eachExecutor(func(f *Framework) []*book.Picture { return f.Executors })},
		{Name: "completed_executors", Each: eachExecutor(func(f *Framework) []*book.Picture { return f.Completed })},
	}}
	frameworks = field{Name: "get_frameworks", Fields: []field{
		{Name: "frameworks", Each: func(a *Agent, yield func(element) bool) { eachFramework(a.Frameworks, yield) }},
		{Name: "completed_frameworks", Each: func(a *Agent, yield func(element) bool) { eachFramework(a.Completed, yield) }},
	}}
)

// Answer returns the body of the answer to call.
func (a *Agent) Answer(media mediatype.Type, call *Call) iter.Seq[[]byte] {
	return answer.Body(media, new(agentpb.Response), call.kind, a, call.field)
}

// everyFramework yields the active frameworks and then the completed ones.
func (a *Agent) everyFramework(yield func(*Framework) bool) {
	for _, frameworks := range [][]*Framework{a.Frameworks, a.Completed} {
		for _, f := range frameworks {
			if !yield(f) {
				return
			}
		}
	}
}

// everyExecutor yields all executors with their frameworks.
func (a *Agent) everyExecutor(yield func(*Framework, *book.Picture) bool) {
	for f := range a.everyFramework {
		for _, executors := range [][]*book.Picture{f.Executors, f.Completed} {
			for _, e := range executors {
				if !yield(f, e) {
					return
				}
			}
		}
	}
}

func (a *Agent) eachPending(yield func(element) bool) {
	for f := range a.everyFramework {
		if !f.eachStaging(f.Pending, yield) {
			return
		}
	}
}

func (a *Agent) eachQueued(yield func(element) bool) {
	for f, e := range a.everyExecutor {
		if !f.eachStaging(e.Queued, yield) {
			return
		}
	}
}

// eachStaging yields staging tasks and reports whether more are wanted.
func (f *Framework) eachStaging(infos []*mesospb.TaskInfo, yield func(element) bool) bool {
	for _, t := range infos {
		if !yield(f.staging(t)) {
			return false
		}
	}
	return true
}

func eachTask(of func(*book.Picture) []*book.Task) func(*Agent, func(element) bool) {
	return func(a *Agent, yield func(element) bool) {
		for _, e := range a.everyExecutor {
			for _, t := range of(e) {
				if !yield(t.Message) {
					return
				}
			}
		}
	}
}

func eachExecutor(of func(*Framework) []*book.Picture) func(*Agent, func(element) bool) {
	return func(a *Agent, yield func(element) bool) {
		for f := range a.everyFramework {
			for _, e := range of(f) {
				if !yield(&agentpb.Response_GetExecutors_Executor{ExecutorInfo: redact.Executor(e.Info)}) {
					return
				}
			}
		}
	}
}

func eachFramework(frameworks []*Framework, yield func(element) bool) {
	for _, f := range frameworks {
		if !yield(&agentpb.Response_GetFrameworks_Framework{FrameworkInfo: f.Info}) {
			return
		}
	}
}
