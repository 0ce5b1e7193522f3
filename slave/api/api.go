// Package api serves an agent's HTTP APIs: the calls of operators and executors, and the older endpoints. It reads and
// changes the agent only through [Agent].
//
// Handlers run on the agent's turns, except where they wait for containers, files or bodies of requests.
package api

import (
	"time"

	"github.com/rs/zerolog"

	"meseta/actors/authorizer"
	"meseta/actors/version"
	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/limiter"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/drain"
)

// Agent is the agent behind the APIs.
type Agent interface {
	runtime.Behavior
	Log() *zerolog.Logger
	Node() *runtime.Node
	Self() runtime.PID
	Now() time.Time
	Delay(d time.Duration, f func()) runtime.Timer

	// Book returns what the agent runs. The package only reads it.
	Book() *book.Book
	// Facts returns the agent's state apart from its book.
	Facts() Facts

	// Subscribe connects an executor of f, for the first time or again.
	Subscribe(f *book.Framework, e *book.Executor, x *executorpb.Call_Subscribe, l book.Line)
	// Update handles an executor's update of a task.
	Update(e *book.Executor, status *mesospb.TaskStatus)
	// Message passes data of an executor on to its scheduler.
	Message(e *book.Executor, data []byte)
}

// Facts is the state of an agent at one moment.
type Facts struct {
	Recovering   bool                 // it takes over what an earlier agent has left; all fields but Reconnecting are unset
	Reconnecting bool                 // although it recovers, executors may subscribe
	Info         *mesospb.SlaveInfo   // without an ID before it has registered
	Total        resources.Resources  // what Info has, as converted by operations
	Operations   []*mesospb.Operation // that are not over
	Drain        drain.Drain          // whether it is draining, and since when
	Leader       *mesospb.MasterInfo  // nil if nobody leads
	Started      time.Time
}

// Options is the part of an agent's configuration that the APIs need.
type Options struct {
	Version      string // the version of Mesos that the agent claims to be
	Build        version.Build
	Flags        map[string]string // nil means none
	Capabilities []*mesospb.SlaveInfo_Capability
	Containers   containerizer.Containerizer
	Authorizer   authorizer.Authorizer // nil allows everything
	WorkDir      string                // for sandboxes of standalone containers
	Disk         disk.Disk             // which has the work directory
	SwitchUser   bool                  // run containers as the user in their command
	Heartbeat    time.Duration         // time between heartbeats on the stream of a container's output
}

// API serves the HTTP APIs of an agent.
type API struct {
	Agent
	options    Options
	statistics *limiter.Limiter // of requests for statistics
}

// Install installs the routes. It must be called on a turn of the agent.
func Install(agent Agent, o Options) {
	a := &API{Agent: agent, options: o, statistics: limiter.New(agent, 2, time.Second)}
	a.routes()
}

func (a *API) id() ids.Agent { return ids.AgentOf(a.Facts().Info.GetId()) }
