package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/sim"
)

// A framework fails over while an offer is on its way to the old scheduler. The offer does not arrive, and its
// resources are offered to the new scheduler.
func TestFailoverWhileAnOfferIsOnItsWay(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	known := mastertest.Framework()
	known.Id = mastertest.FrameworkID(f)
	lost := 0
	c.World.Intercept(func(e runtime.Envelope) sim.Verdict {
		if _, offers := e.Message.(*internalpb.ResourceOffersMessage); offers && e.To == f.PID() {
			lost++
			return sim.Drop
		}
		return sim.Pass
	})
	c.Agent("agent", "10.0.0.2:5051")
	g := c.Peer("g", "scheduler-g", "10.0.0.4:6000")
	g.Subscribe(known, true)
	c.Advance(2 * time.Second)
	if lost != 1 {
		t.Errorf("%d offers were on their way to the old scheduler", lost)
	}
	g.Launch(g.Offer(), mastertest.Task("t", g.Offer()))
	onlyTask(t, c)
}

// The same with a framework that uses HTTP: the offer is in the stream of the old scheduler, which does not read any
// more.
func TestHTTPFailoverWhileAnOfferIsOnItsWay(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework())
	f.Deaf = true
	c.Agent("agent", "10.0.0.2:5051")
	known := mastertest.Framework()
	known.Id = f.FrameworkID()
	g := c.Client("g", mediatype.Protobuf)
	g.Subscribe(known)
	c.Advance(2 * time.Second)
	f.HangUp()
	g.Accept(g.Offer(), mastertest.LaunchOperation(mastertest.Task("t", g.Offer())))
	onlyTask(t, c)
}

// onlyTask fails the test unless the only framework is active and runs one task on the only agent.
func onlyTask(t *testing.T, c *mastertest.Cluster) {
	t.Helper()
	c.Do(func(m *master.Master) {
		agents, frameworks := m.Book().Agents(), m.Book().Frameworks()
		if len(agents) != 1 || len(frameworks) != 1 || !frameworks[0].IsActive() || len(agents[0].Tasks()) != 1 {
			t.Errorf("%d agents, %d frameworks", len(agents), len(frameworks))
		}
	})
}

// A master that loses its leadership while it reads the registry gives up, and serves nobody when the registry has been
// read.
func TestGivesUpWhileItReadsTheRegistry(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	c.Fail()
	c.World.SlowWork = time.Second
	c.Elect("another")
	c.Leader.Appoint(nil)
	c.World.Settle()
	if c.GaveUp == nil {
		t.Fatal("it goes on without the leadership")
	}
	c.GaveUp = nil
	c.Advance(3 * time.Second)
	p := c.Peer("f", "scheduler-f", "10.0.0.3:6000")
	p.Say(&schedulerpb.Call{Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{
		FrameworkInfo: mastertest.Framework(), Force: proto.Bool(false),
	}})
	c.Advance(3 * time.Second)
	if len(p.Heard) > 0 {
		t.Errorf("it serves: %v", p.Heard)
	}
	c.Do(func(m *master.Master) {
		if m.Book().Recovered(agent0) != nil || len(m.Book().Frameworks()) > 0 {
			t.Error("it took over what it read")
		}
	})
}
