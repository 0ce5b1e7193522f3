package master_test

import (
	"net/http"
	"testing"
	"time"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Things that change while an authorizer is asked. None of them waits for it.
var meanwhile = map[string]func(*asking){
	"the agent leaves": func(x *asking) {
		x.agent.Say(&internalpb.UnregisterSlaveMessage{SlaveId: agent0.Proto()})
	},
	"the agent is gone": func(x *asking) {
		x.Do(func(m *master.Master) { m.MarkAgentGone(agent0) })
	},
	"the framework ends": func(x *asking) {
		x.scheduler.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum(), FrameworkId: x.framework})
	},
	"the machine goes down": func(x *asking) {
		x.Do(func(m *master.Master) { m.StartMaintenance([]*mesospb.MachineID{judgedMachine}) })
	},
	"the machine is not to go down": func(x *asking) {
		x.Do(func(m *master.Master) { m.UpdateSchedule(window()) })
	},
	"all of it": func(x *asking) {
		x.scheduler.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum(), FrameworkId: x.framework})
		x.Do(func(m *master.Master) { m.StartMaintenance([]*mesospb.MachineID{judgedMachine}) })
		x.agent.Say(&internalpb.UnregisterSlaveMessage{SlaveId: agent0.Proto()})
	},
}

// asking is a cluster whose authorizer takes its time. An agent runs a task of a framework that has an offer of the rest;
// the agent's machine is in the plan of maintenance.
type asking struct {
	*mastertest.Cluster
	slow             *slowApprover
	agent, scheduler *mastertest.Peer
	framework        *mesospb.FrameworkID
}

func newAsking(t *testing.T) *asking {
	x := &asking{slow: &slowApprover{}}
	x.Cluster = mastertest.New(t, mastertest.Config{Authorizer: x.slow})
	x.Do(func(m *master.Master) { m.UpdateSchedule(window(judgedMachine)) })
	x.Advance(50 * time.Millisecond)
	x.agent = x.Peer("agent", "slave(1)", "10.0.0.2:5051")
	x.agent.Say(mastertest.Registration("10.0.0.2:5051"))
	x.slow.answer(x.Cluster)
	x.scheduler = x.Peer("f", "scheduler-f", "10.0.0.3:6000")
	x.scheduler.Subscribe(mastertest.Framework(), false)
	x.slow.answer(x.Cluster)
	x.framework = mastertest.FrameworkID(x.scheduler)
	x.Advance(2 * time.Second)
	x.scheduler.Launch(x.scheduler.Offer(), mastertest.Task("t", x.scheduler.Offer()))
	x.Advance(10 * time.Second)
	return x
}

// settled checks what holds whatever the order was: what is gone stays gone, and nothing is in progress.
func (x *asking) settled(t *testing.T, change string) {
	t.Helper()
	x.slow.answer(x.Cluster) // of what the change led to
	x.Advance(time.Second)
	if x.GaveUp != nil {
		t.Fatalf("the master gave up: %v", x.GaveUp)
	}
	x.Do(func(m *master.Master) {
		b := m.Book()
		if n := b.NumTransitions(); n > 0 {
			t.Errorf("%d agents are in the middle of something", n)
		}
		agentGone := change == "the agent leaves" || change == "the agent is gone" || change == "the machine goes down" || change == "all of it"
		if agentGone && b.Agent(agent0) != nil {
			t.Error("the agent is still there, or again")
		}
		frameworkGone := change == "the framework ends" || change == "all of it"
		if f := b.Framework(ids.FrameworkOf(x.framework)); frameworkGone && f != nil {
			t.Error("the framework is still there, or again")
		}
		for _, f := range b.Frameworks() {
			for _, o := range f.Offers() {
				if b.Agent(o.Agent) == nil {
					t.Errorf("an agent that is gone is offered: %v", o)
				}
			}
		}
	})
}

// Whatever changes between the question to the authorizer and its answer, a call of an operator is answered, as what it
// is about is then, and brings nothing back.
func TestWhatChangesWhileAnOperatorsCallIsAuthorized(t *testing.T) {
	t.Parallel()
	for _, d := range decisions() {
		if d.call.GetType() == masterpb.Call_GET_FLAGS {
			continue // it is about the master
		}
		for change, happen := range meanwhile {
			t.Run(typeOf(d.call)+" "+d.action.String()+"/"+change, func(t *testing.T) {
				t.Parallel()
				x := newAsking(t)
				answer := begin(x.Cluster, d.call)
				x.World.Settle()
				if _, done, _ := answer.Peek(); done || len(x.slow.waiting) != 1 {
					t.Fatalf("answered: %t; the authorizer was asked %d times", done, len(x.slow.waiting))
				}
				happen(x)
				x.slow.answer(x.Cluster)
				x.settled(t, change)
				answered(t, answer)
			})
		}
	}
}

// answered demands an answer to a call that may have come too late, and is understood in any case.
func answered(t *testing.T, answer runtime.Future[*web.Response]) {
	t.Helper()
	r, done, err := answer.Peek()
	if !done || err != nil {
		t.Fatalf("answered: %t, %v", done, err)
	}
	switch r.Status {
	case http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable, http.StatusNotImplemented:
	default:
		t.Errorf("%d %s", r.Status, r.Bytes())
	}
}

// The same for requests of agents and schedulers: what is gone stays gone, and a peer that is admitted too late is told so.
func TestWhatChangesWhileAPeerIsAuthorized(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*asking){
		"registration of a known agent":  func(x *asking) { x.agent.Say(mastertest.Registration("10.0.0.2:5051")) },
		"registration of another agent":  func(x *asking) { x.other().Say(mastertest.Registration("10.0.0.2:5052")) },
		"re-registration":                func(x *asking) { x.agent.Say(returning(x.agent, agent0, 1)) },
		"subscription of a known one":    func(x *asking) { x.subscribe(x.scheduler) },
		"subscription in place of it":    func(x *asking) { x.subscribe(x.Peer("g", "scheduler-g", "10.0.0.4:6000")) },
		"subscription of a new one":      func(x *asking) { x.Peer("g", "scheduler-g", "10.0.0.4:6000").Subscribe(mastertest.Framework(), false) },
		"acceptance of what was offered": func(x *asking) { x.launch() },
	} {
		for change, happen := range meanwhile {
			t.Run(name+"/"+change, func(t *testing.T) {
				t.Parallel()
				x := newAsking(t)
				ask(x)
				happen(x)
				x.slow.answer(x.Cluster)
				x.settled(t, change)
			})
		}
	}
}

// other is an agent on the same machine.
func (x *asking) other() *mastertest.Peer { return x.Peer("other", "slave(1)", "10.0.0.2:5052") }

func (x *asking) subscribe(as *mastertest.Peer) {
	info := mastertest.Framework()
	info.Id = x.framework
	as.Subscribe(info, true)
}

// launch uses an offer for another task. What a framework may do was asked when it subscribed: nobody is asked, and what
// happens next finds the task.
func (x *asking) launch() {
	offer := x.scheduler.Offer()
	task := mastertest.Task("late", offer)
	task.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 0.1), mastertest.Resource("mem", 1)}
	x.scheduler.Launch(offer, task)
	if len(x.slow.waiting) > 0 {
		x.Error("a launch waits for the authorizer: what may change meanwhile has to be looked up again")
	}
}
