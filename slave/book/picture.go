package book

import (
	"slices"
	"sync"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Picture is a snapshot of an executor. It never changes, and any goroutine may read it.
type Picture struct {
	ID         ids.Executor
	Framework  ids.Framework
	Container  ids.Container
	Info       *mesospb.ExecutorInfo
	Directory  string              // its sandbox
	Queued     []*mesospb.TaskInfo // tasks to be sent
	Launched   []*Task             // tasks that ran or would soon
	Terminated []*Task             // terminal tasks whose terminal update was not acknowledged
	Completed  []*Task             // the latest completed tasks, oldest first

	held func() resources.Resources
}

// Resources returns the resources of the executor and of its tasks that were not terminal.
func (p *Picture) Resources() resources.Resources { return p.held() }

// Picture returns a snapshot of the executor. It is the same one as before if nothing has changed.
func (e *Executor) Picture() *Picture {
	if p := e.picture; p != nil && p.Info == e.Info && p.Directory == e.Directory {
		return p
	}
	p := &Picture{
		ID: e.ID, Framework: e.Framework, Container: e.Container, Info: e.Info, Directory: e.Directory,
		Queued: e.Queued(), Launched: share(e.launched), Terminated: share(e.terminated), Completed: slices.Clip(e.completed.items),
	}
	p.held = sync.OnceValue(p.sum)
	e.picture = p
	return p
}

func (p *Picture) sum() resources.Resources {
	all := slices.Clone(p.Info.GetResources())
	for _, t := range p.Queued {
		all = append(all, t.GetResources()...)
	}
	for _, t := range p.Launched {
		all = append(all, t.Message.GetResources()...)
	}
	return resources.FromValid(all)
}
