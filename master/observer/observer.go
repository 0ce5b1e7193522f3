// Package observer pings the agents of a master.
package observer

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// Options say whom an observer pings. All but Heard are required.
type Options struct {
	Agent    runtime.PID
	Interval time.Duration // between pings
	Patience int           // pings that may be missed in a row
	Silent   func()        // called on the observer's turn, again after every further ping that is missed
	Heard    func()        // called on the observer's turn when the agent answers after it was silent
}

// Observer pings one agent and tells when it does not answer any more. It is an actor of its own, "slave-observer(N)",
// so that the pings of a large cluster never wait in the master's mailbox.
//
// Mesos: SlaveObserver.
type Observer struct {
	runtime.Actor
	Options
	connected bool // what the agent is told: whether the master holds its registration for good
	missed    int
	waiting   bool // for a pong
}

// New returns an observer, to be spawned.
func New(options Options) *Observer { return &Observer{Options: options, connected: true} }

// Initialize implements [runtime.Initializer].
func (o *Observer) Initialize() {
	runtime.Install(o, o.pong)
	o.ping()
}

func (o *Observer) ping() {
	o.Send(o.Agent, &internalpb.PingSlaveMessage{Connected: proto.Bool(o.connected)})
	o.waiting = true
	o.Delay(o.Interval, o.timeout)
}

func (o *Observer) pong(runtime.PID, *internalpb.PongSlaveMessage) { o.answered() }

func (o *Observer) answered() {
	if o.missed >= o.Patience {
		o.Heard()
	}
	o.missed, o.waiting = 0, false
}

func (o *Observer) timeout() {
	if o.waiting {
		o.missed++
		if o.missed >= o.Patience {
			o.Silent()
		}
	}
	o.ping()
}

// Disconnected tells the agent with the next ping that its connection broke.
func (o *Observer) Disconnected() { o.connected = false }

// Reregistered tells the agent again that it is connected. What it missed before is forgotten.
//
// Differs: the reference goes on counting, and gives an agent up that missed all pings but one while it was away.
func (o *Observer) Reregistered() {
	o.connected = true
	o.answered()
}
