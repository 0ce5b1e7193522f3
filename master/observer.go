package master

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// observer pings one agent and tells when it does not answer any more. It is an actor of its own, "slave-observer(N)",
// so that the pings of a large cluster never wait in the master's mailbox.
//
// Mesos: SlaveObserver.
type observer struct {
	runtime.Actor
	agent     runtime.PID
	interval  time.Duration
	patience  int    // pings that may be missed in a row
	silent    func() // called on the observer's turn, again after every further ping that is missed
	heard     func() // called on the observer's turn when the agent answers after it was silent
	connected bool   // what the agent is told: whether the master holds its registration for good
	missed    int
	waiting   bool // for a pong
}

// Initialize implements [runtime.Initializer].
func (o *observer) Initialize() {
	o.connected = true
	runtime.Install(o, o.pong)
	o.ping()
}

func (o *observer) ping() {
	o.Send(o.agent, &internalpb.PingSlaveMessage{Connected: proto.Bool(o.connected)})
	o.waiting = true
	o.Delay(o.interval, o.timeout)
}

func (o *observer) pong(runtime.PID, *internalpb.PongSlaveMessage) {
	if o.missed >= o.patience {
		o.heard()
	}
	o.missed, o.waiting = 0, false
}

func (o *observer) timeout() {
	if o.waiting {
		o.missed++
		if o.missed >= o.patience {
			o.silent()
		}
	}
	o.ping()
}

func (o *observer) setConnected(connected bool) { o.connected = connected }
