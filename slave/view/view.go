// Package view writes the contents of an agent's book as the JSON and protobuf of Mesos's endpoints: the same fields,
// in the same order, of the same types.
//
// [Look], which is called on the agent's turn, collects the pictures of executors and costs little, because only
// executors with changed tasks have to make new ones. Its result never changes, so that everything else happens outside
// the agent's turns: selecting what the reader may see, and writing it, piece by piece as the client reads. The text of
// an unchanged task is kept from the second time on.
package view

import (
	"sync"
	"time"

	"meseta/actors/authorizer"
	"meseta/actors/version"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/drain"
)

type (
	object = jsonwriter.Object
	array  = jsonwriter.Array
)

// Self is the part of the state about the agent itself.
type Self struct {
	Info         *mesospb.SlaveInfo  // without an ID before it has registered
	Total        resources.Resources // what Info has, as converted by operations
	PID          runtime.PID
	Capabilities []*mesospb.SlaveInfo_Capability
	Drain        drain.Drain
	Leader       *mesospb.MasterInfo // nil if nobody leads
	Started      time.Time
	Version      string // the version of Mesos that the agent claims to be
	Build        version.Build
	Flags        map[string]string
}

// Agent is the state of an agent at one moment, or the part of it that a reader may see. It may be read by any
// goroutine.
type Agent struct {
	Self
	Frameworks []*Framework // active frameworks
	Completed  []*Framework // oldest first

	may  authorizer.Approver        // of the reader; nil sees everything
	used func() resources.Resources // by all executors, whoever reads
}

// Framework is the state of a framework at that moment.
type Framework struct {
	Info      *mesospb.FrameworkInfo
	Pending   []*mesospb.TaskInfo // tasks that no executor has yet
	Executors []*book.Picture     // executors that are not completed
	Completed []*book.Picture     // oldest first
}

// Look returns the current contents of the book b. It must be called on the agent's turn.
func Look(self Self, b *book.Book) *Agent {
	a := &Agent{Self: self}
	for f := range b.Frameworks() {
		a.Frameworks = append(a.Frameworks, newFramework(f))
	}
	for f := range b.Completed() {
		a.Completed = append(a.Completed, newFramework(f))
	}
	a.used = sync.OnceValue(a.sum)
	return a
}

func newFramework(f *book.Framework) *Framework {
	shown := &Framework{Info: f.Info, Pending: f.PendingTasks()}
	for e := range f.Executors() {
		shown.Executors = append(shown.Executors, e.Picture())
	}
	for _, e := range f.CompletedExecutors() {
		shown.Completed = append(shown.Completed, e.Picture())
	}
	return shown
}

func (a *Agent) sum() resources.Resources {
	var held []resources.Resources
	for _, f := range a.Frameworks {
		for _, e := range f.Executors {
			held = append(held, e.Resources())
		}
	}
	return resources.Sum(held...).Unallocate()
}
