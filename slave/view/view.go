// Package view shows an agent's book to people and their tools, as the JSON and the protobufs of Mesos's endpoints: the
// same fields, in the same order, of the same types.
//
// [Look], on the agent's turn, gathers the pictures that executors have of themselves, and costs little: only those are
// made anew whose tasks have changed. What it returns never changes, so that all else is done beside the agent: choosing
// what somebody may see, and writing it, piece by piece as clients take it. What a text says of a task is kept from the
// second time on, for as long as it stays true.
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

// Self is what an agent says of itself.
type Self struct {
	Info         *mesospb.SlaveInfo // without an id before it has registered
	PID          runtime.PID
	Capabilities []*mesospb.SlaveInfo_Capability
	Drain        drain.Drain
	Leader       *mesospb.MasterInfo // nil: nobody leads
	Started      time.Time
	Version      string // of Mesos that it stands in for
	Build        version.Build
	Flags        map[string]string
}

// Agent is what an agent knew at one moment, or what somebody may see of that. It can be read anywhere.
type Agent struct {
	Self
	Frameworks []*Framework // the active ones
	Completed  []*Framework // oldest first

	may  authorizer.Approver        // of the reader; nil: of one that may see everything
	used func() resources.Resources // by all executors, whoever looks
}

// Framework is a framework at the same moment.
type Framework struct {
	Info      *mesospb.FrameworkInfo
	Pending   []*mesospb.TaskInfo // the tasks that no executor has yet
	Executors []*book.Picture     // those that are not completed
	Completed []*book.Picture     // oldest first
}

// Look returns what the book b of an agent says now. It is called on a turn of the agent.
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
