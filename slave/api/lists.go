package api

import (
	"iter"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/book"
)

// What the agent has and runs, for operators.

func (a *API) apiAgent(c *apiCall) answer {
	return runtime.Ready(c.answer(&agentpb.Response{
		GetAgent: &agentpb.Response_GetAgent{SlaveInfo: a.Facts().Info, DrainConfig: a.Facts().Drain},
	}))
}

func (a *API) apiState(c *apiCall) answer {
	return runtime.Ready(c.answer(&agentpb.Response{GetState: &agentpb.Response_GetState{
		GetTasks: a.listTasks(c.May), GetExecutors: a.listExecutors(c.May), GetFrameworks: a.listFrameworks(c.May),
	}}))
}

func (a *API) apiTasks(c *apiCall) answer {
	return runtime.Ready(c.answer(&agentpb.Response{GetTasks: a.listTasks(c.May)}))
}

func (a *API) apiExecutors(c *apiCall) answer {
	return runtime.Ready(c.answer(&agentpb.Response{GetExecutors: a.listExecutors(c.May)}))
}

func (a *API) apiFrameworks(c *apiCall) answer {
	return runtime.Ready(c.answer(&agentpb.Response{GetFrameworks: a.listFrameworks(c.May)}))
}

func (a *API) apiOperations(c *apiCall) answer {
	return runtime.Ready(c.answer(&agentpb.Response{GetOperations: &agentpb.Response_GetOperations{}}))
}

func (a *API) apiResourceProviders(c *apiCall) answer {
	return runtime.Ready(c.answer(&agentpb.Response{GetResourceProviders: &agentpb.Response_GetResourceProviders{}}))
}

// listTasks sorts all tasks by how far they are.
//
// Mesos: Http::_getTasks.
func (a *API) listTasks(may authorizer.Approver) *agentpb.Response_GetTasks {
	r := &agentpb.Response_GetTasks{}
	for f := range a.frameworksFor(may) {
		r.PendingTasks = append(r.PendingTasks, tasksFor(may, f.Info, staging(f.PendingTasks(), f.ID))...)
		for _, e := range slices.Concat(slices.Collect(f.Executors()), f.CompletedExecutors()) {
			if !authorizer.SeesExecutor(may, e.Info, f.Info) {
				continue
			}
			r.QueuedTasks = append(r.QueuedTasks, tasksFor(may, f.Info, staging(e.Queued(), f.ID))...)
			r.LaunchedTasks = append(r.LaunchedTasks, tasksFor(may, f.Info, slices.Collect(e.Launched()))...)
			r.TerminatedTasks = append(r.TerminatedTasks, tasksFor(may, f.Info, slices.Collect(e.Terminated()))...)
			r.CompletedTasks = append(r.CompletedTasks, tasksFor(may, f.Info, slices.Collect(e.Completed()))...)
		}
	}
	return r
}

// staging are tasks that no executor has yet.
func staging(infos []*mesospb.TaskInfo, f ids.Framework) []*mesospb.Task {
	var staging []*mesospb.Task
	for _, t := range infos {
		staging = append(staging, tasks.New(t, mesospb.TaskState_TASK_STAGING, f))
	}
	return staging
}

// tasksFor are the tasks of f that may be seen.
func tasksFor(may authorizer.Approver, f *mesospb.FrameworkInfo, tasks []*mesospb.Task) []*mesospb.Task {
	if may == nil {
		return tasks
	}
	var seen []*mesospb.Task
	for _, t := range tasks {
		if authorizer.SeesTask(may, t, f) {
			seen = append(seen, t)
		}
	}
	return seen
}

// frameworksFor yields those frameworks that may be seen, first the active ones.
func (a *API) frameworksFor(may authorizer.Approver) iter.Seq[*book.Framework] {
	return func(yield func(*book.Framework) bool) {
		for f := range a.everyFramework {
			if authorizer.SeesFramework(may, f.Info) && !yield(f) {
				return
			}
		}
	}
}

// everyFramework yields the active ones and then the completed.
func (a *API) everyFramework(yield func(*book.Framework) bool) {
	for f := range a.Book().Frameworks() {
		if !yield(f) {
			return
		}
	}
	a.Book().Completed()(yield)
}

func (a *API) listExecutors(may authorizer.Approver) *agentpb.Response_GetExecutors {
	r := &agentpb.Response_GetExecutors{}
	for f := range a.frameworksFor(may) {
		for e := range f.Executors() {
			if authorizer.SeesExecutor(may, e.Info, f.Info) {
				r.Executors = append(r.Executors, &agentpb.Response_GetExecutors_Executor{ExecutorInfo: e.Info})
			}
		}
		for _, e := range f.CompletedExecutors() {
			if authorizer.SeesExecutor(may, e.Info, f.Info) {
				r.CompletedExecutors = append(r.CompletedExecutors, &agentpb.Response_GetExecutors_Executor{ExecutorInfo: e.Info})
			}
		}
	}
	return r
}

func (a *API) listFrameworks(may authorizer.Approver) *agentpb.Response_GetFrameworks {
	r := &agentpb.Response_GetFrameworks{}
	for f := range a.Book().Frameworks() {
		if authorizer.SeesFramework(may, f.Info) {
			r.Frameworks = append(r.Frameworks, &agentpb.Response_GetFrameworks_Framework{FrameworkInfo: f.Info})
		}
	}
	for f := range a.Book().Completed() {
		if authorizer.SeesFramework(may, f.Info) {
			r.CompletedFrameworks = append(r.CompletedFrameworks, &agentpb.Response_GetFrameworks_Framework{FrameworkInfo: f.Info})
		}
	}
	return r
}

// apiContainers describes the containers of executors, and others if asked to.
//
// Mesos: Http::_getContainers.
func (a *API) apiContainers(c *apiCall) answer {
	x := c.GetGetContainers()
	return runtime.Then(a.inspectAll(selection{may: c.May}, x.GetShowNested(), x.GetShowStandalone()), func(all []containerReport) (*web.Response, error) {
		r := &agentpb.Response_GetContainers{}
		for _, l := range all {
			r.Containers = append(r.Containers, l.proto())
		}
		return c.answer(&agentpb.Response{GetContainers: r}), nil
	})
}

// ---- JSON ----

// apiJSON is a response as Mesos writes it: the lists that it is made of are there also when they are empty.
func apiJSON(r *agentpb.Response) []byte {
	b := append(mesosjson.AppendString([]byte(`{"type":`), r.GetType().String()), ',')
	switch {
	case r.GetState != nil:
		b = append(b, `"get_state":{`...)
		b = append(appendLists(b, "get_tasks", r.GetState.GetTasks), ',')
		b = append(appendLists(b, "get_executors", r.GetState.GetExecutors), ',')
		b = append(appendLists(b, "get_frameworks", r.GetState.GetFrameworks), '}')
	case r.GetTasks != nil:
		b = appendLists(b, "get_tasks", r.GetTasks)
	case r.GetExecutors != nil:
		b = appendLists(b, "get_executors", r.GetExecutors)
	case r.GetFrameworks != nil:
		b = appendLists(b, "get_frameworks", r.GetFrameworks)
	default:
		return mediatype.JSON.MarshalV1(r)
	}
	return append(b, '}')
}

// appendLists appends a field whose value is a message of nothing but lists of messages.
func appendLists(b []byte, name string, m proto.Message) []byte {
	b = append(mesosjson.AppendString(b, name), ':', '{')
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(mesosjson.AppendString(b, string(fields.Get(i).Name())), ':', '[')
		list := m.ProtoReflect().Get(fields.Get(i)).List()
		for k := range list.Len() {
			if k > 0 {
				b = append(b, ',')
			}
			b = mesosjson.AppendV1(b, list.Get(k).Message().Interface())
		}
		b = append(b, ']')
	}
	return append(b, '}')
}
