package book

import (
	"slices"
	"sync"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Picture is what was known of an executor at one moment. It never changes, and can be read anywhere.
type Picture struct {
	ID         ids.Executor
	Framework  ids.Framework
	Container  ids.Container
	Info       *mesospb.ExecutorInfo
	Directory  string              // its sandbox
	Queued     []*mesospb.TaskInfo // the tasks to be sent
	Launched   []*Task             // those that ran, or would soon
	Terminated []*Task             // those that were over while their last update was unacknowledged
	Completed  []*Task             // the last of those that were over in every respect, oldest first

	held func() resources.Resources
}

// Resources is what the executor held for itself and for the tasks that were not over.
func (p *Picture) Resources() resources.Resources { return p.held() }

// Picture returns what is known of the executor now: the same as the last time if nothing has changed since.
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
