package view

import (
	"slices"

	"meseta/messages/endpoint"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/book"
)

func writeExecutors(list array, all []*book.Picture) {
	for _, e := range all {
		list.Obj(func(o object) { writeExecutor(o, e) })
	}
}

// writeExecutor writes an executor with its tasks. Terminal tasks are listed as completed even if their terminal update
// is not acknowledged.
//
// Mesos: ExecutorWriter.
func writeExecutor(o object, e *book.Picture) {
	o.Str("id", string(e.ID))
	o.Str("name", e.Info.GetName())
	o.Str("source", e.Info.GetSource())
	o.Str("container", string(e.Container))
	o.Str("directory", e.Directory)
	endpoint.Resources(o, "resources", e.Resources())
	if own := e.Info.GetResources(); len(own) > 0 {
		o.Str("role", own[0].GetAllocationInfo().GetRole())
	}
	if e.Info.Labels != nil {
		endpoint.Labels(o, e.Info.Labels)
	}
	if e.Info.Type != nil {
		o.Str("type", e.Info.GetType().String())
	}
	o.List("tasks", func(list array) { writeTasks(list, e.Launched) })
	o.List("queued_tasks", func(list array) {
		for _, t := range e.Queued {
			list.Obj(func(o object) { writeTaskInfo(o, t) })
		}
	})
	o.List("completed_tasks", func(list array) { writeTasks(list, slices.Concat(e.Completed, e.Terminated)) })
}

func writeTasks(list array, tasks []*book.Task) {
	for _, t := range tasks {
		list.Obj(func(o object) { o.Remembered(&t.Memo, func(o object) { writeTask(o, t.Message) }) })
		if list.Stopped() {
			return
		}
	}
}

func writeTask(o object, t *mesospb.Task) {
	endpoint.Task{
		Described: t, State: t.GetState(), Statuses: t.GetStatuses(), Resources: resources.FromValid(t.GetResources()),
	}.Write(o)
}

// writeTaskInfo writes a task that waits for its executor.
//
// Mesos: json(JSON::ObjectWriter*, const TaskInfo&) of the agent.
func writeTaskInfo(o object, t *mesospb.TaskInfo) {
	held := resources.FromValid(t.GetResources())
	o.Str("id", t.GetTaskId().GetValue())
	o.Str("name", t.GetName())
	o.Str("slave_id", t.GetSlaveId().GetValue())
	endpoint.Resources(o, "resources", held)
	o.Str("role", endpoint.RoleOf(held))
	if t.Command != nil {
		o.Obj("command", func(o object) { endpoint.Command(o, t.Command) })
	}
	if t.Executor != nil {
		o.Str("executor_id", t.GetExecutor().GetExecutorId().GetValue())
	}
	if t.Discovery != nil {
		o.Message("discovery", t.Discovery)
	}
}
