package sched_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authentication/crammd5"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/sched"
	"meseta/sched/schedtest"
)

// authenticates has a master authenticate drivers.
func authenticates(m *schedtest.Master) {
	runtime.Install(m, func(from runtime.PID, _ *internalpb.AuthenticateMessage) {
		crammd5.New(m.Node(), map[string]string{"fw": "fwsecret"}).Authenticate(from)
	})
}

func withSecret(secret string) sched.Options {
	return sched.Options{Credential: &mesospb.Credential{Principal: proto.String("fw"), Secret: &secret}}
}

// A driver with a credential subscribes once it is authenticated, and anew when the master comes back.
func TestDriverAuthenticates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, withSecret("fwsecret"))
	w.tell(authenticates)
	w.driver.Start()
	w.Advance(time.Second)
	w.heard("registered f1 by master@" + masterAddr)
	w.Crash(masterAddr)
	w.Advance(10 * time.Second)
	w.master = w.startMaster(masterAddr)
	w.tell(authenticates)
	w.Advance(2 * time.Minute)
	w.heard("registered f1 by master@"+masterAddr, "disconnected", "reregistered by master@"+masterAddr)
	if n := strings.Count(w.Log(), "AuthenticationCompletedMessage"); n != 2 {
		t.Errorf("the driver was authenticated %d times, want 2", n)
	}
}

// A driver that is refused aborts and never subscribes.
func TestDriverIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, withSecret("wrong"))
	w.tell(authenticates)
	w.driver.Start()
	w.Advance(time.Minute)
	w.heard(`error "Master refused authentication"`)
	if s := w.driver.Status(); s != sched.Aborted || len(w.calls()) != 0 {
		t.Errorf("the driver is %v after %v", s, w.calls())
	}
}

// A master that does not answer is asked again and again, and never subscribed with.
func TestDriverWaitsForAuthentication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, withSecret("fwsecret"))
	w.driver.Start()
	w.Advance(5 * time.Minute)
	w.heard()
	if calls := w.calls(); len(calls) != 0 {
		t.Errorf("calls without authentication: %v", calls)
	}
	if n := strings.Count(w.Log(), "AuthenticateMessage"); n < 5 || n > 60 {
		t.Errorf("the driver asked %d times in five minutes", n)
	}
	w.tell(authenticates)
	w.Advance(2 * time.Minute)
	w.heard("registered f1 by master@" + masterAddr)
}
