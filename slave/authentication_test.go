package slave_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authentication/crammd5"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

// newGuarded returns a world whose agent has this secret.
func newGuarded(t *testing.T, secret string) *world {
	return newWorld(t, func(w *world) {
		w.m.PingTimeout = 3600
		w.config.Credential = &mesospb.Credential{Principal: proto.String("ag"), Secret: &secret}
	})
}

// authenticates has a master authenticate agents.
func authenticates(m *slavetest.Master) {
	runtime.Install(m, func(from runtime.PID, _ *internalpb.AuthenticateMessage) {
		crammd5.New(m.Node(), map[string]string{"ag": "agsecret"}).Authenticate(from)
	})
}

// An agent with a credential registers once it is authenticated, and is authenticated anew before it registers again.
func TestAgentAuthenticates(t *testing.T) {
	t.Parallel()
	w := newGuarded(t, "agsecret")
	w.Advance(2 * time.Minute)
	if w.m.Registrations != 0 || w.fatal != nil {
		t.Fatalf("%d registrations without authentication, %v", w.m.Registrations, w.fatal)
	}
	runtime.Tell(w.master, authenticates)
	w.Advance(2 * time.Minute)
	if w.m.Registrations != 1 || w.fatal != nil {
		t.Fatalf("%d registrations, %v, want one", w.m.Registrations, w.fatal)
	}
	w.say(&internalpb.PingSlaveMessage{Connected: proto.Bool(false)}) // so that it registers again
	w.Advance(10 * time.Second)
	if len(w.m.Reregistered) != 1 || w.fatal != nil {
		t.Errorf("%d re-registrations, %v, want one", len(w.m.Reregistered), w.fatal)
	}
}

// An agent that is refused ends in Mesos's words.
//
// Recorded in golden/auth/1-crammd5-agent-bad-secret-result.txt.
func TestAgentIsRefused(t *testing.T) {
	t.Parallel()
	w := newGuarded(t, "wrong")
	runtime.Tell(w.master, authenticates)
	w.Advance(2 * time.Minute)
	if want := "Master master@" + masterAddr + " refused authentication"; w.fatal == nil || w.fatal.Error() != want {
		t.Errorf("it ended with %v, want %s", w.fatal, want)
	}
	if w.m.Registrations != 0 {
		t.Errorf("it registered %d times", w.m.Registrations)
	}
}
