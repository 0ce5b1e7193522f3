package membership_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave/membership"
)

// agent is an actor with a membership and nothing else.
type agent struct {
	runtime.Actor
	*membership.Membership
}

func (a *agent) Initialize() { a.Membership = membership.New(&a.Actor) }

// listener hears what is sent to a master.
type listener struct {
	runtime.Actor
	heard int
}

func (l *listener) Initialize() {
	runtime.Install(l, func(runtime.PID, *internalpb.UnregisterSlaveMessage) { l.heard++ })
}

var (
	first  = runtime.PID{ID: "master", Addr: "10.0.0.1:5050"}
	second = runtime.PID{ID: "master", Addr: "10.0.0.2:5050"}
)

// on calls f on a turn of an agent, in a world that has the two masters.
func on(t *testing.T, f func(*membership.Membership)) (listeners [2]*listener) {
	t.Helper()
	w := runtimetest.World(t, 1)
	for i, pid := range []runtime.PID{first, second} {
		listeners[i] = &listener{}
		runtimetest.Spawn(t, w.Node(pid.Addr), pid.ID, listeners[i])
	}
	ref := runtimetest.Spawn(t, w.Node("10.0.0.3:5051"), "slave(1)", &agent{})
	done := runtime.Dispatch(ref, func(a *agent) struct{} { f(a.Membership); return struct{}{} })
	if _, err := sim.Await(w, done, 0); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Second)
	return listeners
}

// However masters come and go, an agent is registered only with the one that has said so last, and one that ends stays so.
func TestStates(t *testing.T) {
	t.Parallel()
	recovered := func(m *membership.Membership) {
		m.Identify(&mesospb.SlaveInfo{Hostname: proto.String("h")})
		m.Recovered()
	}
	follow := func(pid runtime.PID) func(*membership.Membership) {
		return func(m *membership.Membership) { m.Follow(election.MasterInfo(pid)) }
	}
	registered := func(m *membership.Membership) { m.Register("a1") }
	lost := func(m *membership.Membership) { m.Follow(nil) }
	ended := (*membership.Membership).End
	for name, c := range map[string]struct {
		steps []func(*membership.Membership)
		want  membership.State
	}{
		"new":                        {nil, membership.Recovering},
		"recovered":                  {[]func(*membership.Membership){recovered}, membership.Disconnected},
		"a master leads":             {[]func(*membership.Membership){recovered, follow(first)}, membership.Disconnected},
		"registered":                 {[]func(*membership.Membership){recovered, follow(first), registered}, membership.Running},
		"another master":             {[]func(*membership.Membership){recovered, follow(first), registered, follow(second)}, membership.Disconnected},
		"the same master again":      {[]func(*membership.Membership){recovered, follow(first), registered, follow(first)}, membership.Disconnected},
		"no master":                  {[]func(*membership.Membership){recovered, follow(first), registered, lost}, membership.Disconnected},
		"ended":                      {[]func(*membership.Membership){recovered, follow(first), registered, ended}, membership.Terminating},
		"ended, and another master":  {[]func(*membership.Membership){recovered, follow(first), registered, ended, follow(second)}, membership.Terminating},
		"ended while it was looking": {[]func(*membership.Membership){ended, lost}, membership.Terminating},
	} {
		on(t, func(m *membership.Membership) {
			for _, step := range c.steps {
				step(m)
			}
			if m.State() != c.want {
				t.Errorf("%s: %s, want %s", name, m.State(), c.want)
			}
		})
	}
}

// Only the leader's word counts, and it alone hears what is said to the master.
func TestOneMaster(t *testing.T) {
	t.Parallel()
	heard := on(t, func(m *membership.Membership) {
		m.Identify(&mesospb.SlaveInfo{Hostname: proto.String("h")})
		if m.FromMaster(runtime.PID{}, "test") || m.FromMaster(first, "test") {
			t.Error("a message is accepted while no master leads")
		}
		m.SendMaster(&internalpb.UnregisterSlaveMessage{SlaveId: ids.Agent("a1").Proto()})
		m.Follow(election.MasterInfo(second))
		if m.Master() != second || m.FromMaster(first, "test") || !m.FromMaster(second, "test") || m.FromMaster(runtime.PID{}, "test") {
			t.Errorf("the master is %s, and its word is not the only one that counts", m.Master())
		}
		m.SendMaster(&internalpb.UnregisterSlaveMessage{SlaveId: ids.Agent("a1").Proto()})
	})
	if heard[0].heard != 0 || heard[1].heard != 1 {
		t.Errorf("the first master heard %d messages and the second %d, want 0 and 1", heard[0].heard, heard[1].heard)
	}
}

// A description that was given out never changes, although the agent gets an id.
func TestInfoIsReplaced(t *testing.T) {
	t.Parallel()
	on(t, func(m *membership.Membership) {
		if m.ID() != "" || m.Info() != nil {
			t.Errorf("an agent that recovers is %s: %v", m.ID(), m.Info())
		}
		m.Identify(&mesospb.SlaveInfo{Hostname: proto.String("h")})
		before := m.Info()
		m.Register("a1")
		if before.Id != nil {
			t.Error("the description was changed")
		}
		if m.ID() != "a1" || m.Info().GetHostname() != "h" {
			t.Errorf("the agent is %s: %v", m.ID(), m.Info())
		}
		if len(m.ResourceVersion().GetValue()) != 16 {
			t.Errorf("the version of the resources is %v, want a UUID", m.ResourceVersion())
		}
	})
}
