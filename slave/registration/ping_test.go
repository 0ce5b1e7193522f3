package registration_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/membership"
	"meseta/slave/registration"
)

// recovering is an agent whose recovery never ends.
type recovering struct{ runtime.Actor }

func (r *recovering) Initialize() {
	s := registration.New(&r.Actor, registration.Options{Agent: membership.New(&r.Actor)})
	runtime.Install(r, s.Ping)
}

// observer pings, and hears whether anybody is there.
type observer struct {
	runtime.Actor
	agent runtime.PID
	pongs int
}

func (o *observer) Initialize() {
	runtime.Install(o, func(runtime.PID, *internalpb.PongSlaveMessage) { o.pongs++ })
	o.Send(o.agent, &internalpb.PingSlaveMessage{Connected: proto.Bool(false)})
}

// A master goes on pinging an agent that was restarted. The agent answers, and is not missing that master while it has not
// begun to look for one, however long that takes.
func TestPingedWhileRecovering(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	ref := runtimetest.Spawn(t, w.Node("10.0.0.3:5051"), "slave(1)", &recovering{})
	o := &observer{agent: ref.PID()}
	runtimetest.Spawn(t, w.Node("10.0.0.1:5050"), "slave-observer(1)", o)
	w.Advance(10 * time.Minute)
	if o.pongs != 1 {
		t.Errorf("the master heard %d answers, want 1", o.pongs)
	}
}
