package accept

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
)

// runTask returns the message that makes an agent run a task. It tells the agent which versions of its resources the master
// knows; the agent refuses tasks that were launched on older ones.
func runTask(l validate.Launch, f *book.Framework, a *book.Agent, onNewExecutor bool) *internalpb.RunTaskMessage {
	l = forAgent(l, a)
	return &internalpb.RunTaskMessage{
		Framework: f.Info, Task: l.Task, Pid: proto.String(cluster.SchedulerPID(f)),
		ResourceVersionUuids: a.Versions(), LaunchExecutor: proto.Bool(onNewExecutor),
	}
}

func runTaskGroup(g validate.Group, f *book.Framework, a *book.Agent, onNewExecutor bool) *internalpb.RunTaskGroupMessage {
	group := &mesospb.TaskGroupInfo{}
	executor := g.Executor
	for _, l := range g.Tasks {
		l = forAgent(l, a)
		group.Tasks = append(group.Tasks, l.Task)
		executor = l.Task.Executor
	}
	return &internalpb.RunTaskGroupMessage{
		Framework: f.Info, Executor: executor, TaskGroup: group,
		ResourceVersionUuids: a.Versions(), LaunchExecutor: proto.Bool(onNewExecutor),
	}
}

// forAgent returns l with resources in the format that the agent understands. The task in the book does not change.
func forAgent(l validate.Launch, a *book.Agent) validate.Launch {
	if a.Capabilities.ReservationRefinement {
		return l
	}
	task := proto.CloneOf(l.Task)
	task.Resources = cluster.PreRefinement(l.Resources)
	if task.Executor != nil {
		task.Executor.Resources = cluster.PreRefinement(l.ExecutorResources)
	}
	l.Task = task
	return l
}

// labelled returns l with the labels that hooks gave it. The task in the book does not change.
func (x *acceptance) labelled(l validate.Launch) validate.Launch {
	if labels, ok := x.labels[ids.TaskOf(l.Task.TaskId)]; ok {
		l.Task = shallow.Copy(l.Task)
		l.Task.Labels = labels
	}
	return l
}
