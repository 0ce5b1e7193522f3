// Package api is what an agent answers over HTTP: the calls of operators and of executors, and the endpoints that people
// look at. It knows of the agent what [Agent] says, and changes nothing but through it.
//
// Everything here runs on the agent's turns, except what waits for containers, files or bodies of requests.
package api

import (
	"time"

	"github.com/rs/zerolog"

	"meseta/actors/authorizer"
	"meseta/actors/version"
	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/drain"
)

// Agent is the agent whose API it is.
type Agent interface {
	runtime.Behavior
	Log() *zerolog.Logger
	Node() *runtime.Node
	Self() runtime.PID
	Delay(d time.Duration, f func()) runtime.Timer

	// Book is what the agent knows of frameworks, executors and tasks. It is not changed here.
	Book() *book.Book
	// Facts are what it is, and how it stands with its master.
	Facts() Facts

	// Subscribe lets an executor of f in, or back, on a line.
	Subscribe(f *book.Framework, e *book.Executor, x *executorpb.Call_Subscribe, l book.Line)
	// Update takes the word of an executor about a task.
	Update(e *book.Executor, status *mesospb.TaskStatus)
	// Message brings the data of an executor to its scheduler.
	Message(e *book.Executor, data []byte)
}

// Facts are true of an agent at a moment.
type Facts struct {
	Recovering bool                // it does not know yet what it is; nothing else here is set
	Info       *mesospb.SlaveInfo  // without an id before it has registered
	Drain      drain.Drain         // whether it is being emptied, and since when
	Leader     *mesospb.MasterInfo // nil: nobody leads
	Started    time.Time
}

// Options are what the API has from the agent's configuration.
type Options struct {
	Version      string // of Mesos that the agent stands in for
	Build        version.Build
	Flags        map[string]string // nil: none
	Capabilities []*mesospb.SlaveInfo_Capability
	Containers   containerizer.Containerizer
	Authorizer   authorizer.Authorizer // nil: everybody may do and see everything
	WorkDir      string                // where containers that stand alone have their sandboxes
	SwitchUser   bool                  // run containers as the user their command names
	Heartbeat    time.Duration         // between signs of life on the stream of a container's output
}

// API answers.
type API struct {
	Agent
	options    Options
	statistics *runtime.Limiter // of looks at what containers use
}

// Install makes an agent answer. It is called on a turn of the agent.
func Install(agent Agent, o Options) {
	a := &API{Agent: agent, options: o, statistics: runtime.NewLimiter(agent, 2, time.Second)}
	a.routes()
}

func (a *API) id() ids.Agent { return ids.AgentOf(a.Facts().Info.GetId()) }
