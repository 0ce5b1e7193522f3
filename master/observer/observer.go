// Package observer pings the agents of a master.
package observer

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// Options configures an [Observer]. All fields but Heard are required.
type Options struct {
	Agent    runtime.PID
	Interval time.Duration // time between pings
	Patience int           // how many pings in a row the agent may miss
	Silent   func()        // called on the observer's turn when the agent exceeds Patience, and again for every further missed ping
	Heard    func()        // called on the observer's turn when a silent agent answers again
}

// Observer pings one agent and reports when it does not answer. It is an actor of its own, "slave-observer(N)", so that
// the pings of a large cluster never wait in the master's mailbox.
//
// Mesos: SlaveObserver.
type Observer struct {
	runtime.Actor
	Options
	connected bool // whether the master considers the agent connected; pings tell the agent
	missed    int
	waiting   bool // for a pong
}

// New returns an observer, which the caller spawns.
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

// Disconnected makes further pings tell the agent that it is disconnected.
func (o *Observer) Disconnected() { o.connected = false }

// Reregistered makes further pings tell the agent that it is connected, and resets the count of missed pings.
//
// Differs: Mesos does not reset the count, and marks an agent unreachable that missed all pings but one while it was
// away.
func (o *Observer) Reregistered() {
	o.connected = true
	o.answered()
}
