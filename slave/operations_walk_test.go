package slave_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave"
	"meseta/slave/checkpoint"
	"meseta/slave/slavetest"
)

// This file walks through the life of resources: a master has an agent carry out the six operations, one after the
// other. The agent ends at every change of its disk, and starts again.

// lifeMaster sends the operations in order, each again until the agent has it, and acknowledges their statuses.
type lifeMaster struct {
	runtime.Actor
	t        *testing.T
	disk     *sim.Disk // of the agent
	life     []*mesospb.Offer_Operation
	agent    runtime.PID
	version  *mesospb.UUID
	fresh    bool                                  // the agent has started, and has not said which operations it has
	next     int                                   // the operation that is to be finished
	statuses map[ids.UUID]*mesospb.OperationStatus // of operations, by their UUIDs
	tries    byte
	current  ids.UUID
}

func (m *lifeMaster) Initialize() {
	m.statuses = map[ids.UUID]*mesospb.OperationStatus{}
	runtime.Install(m, func(from runtime.PID, x *internalpb.RegisterSlaveMessage) {
		m.follow(from, x.GetResourceVersionUuid())
		m.Send(from, &internalpb.SlaveRegisteredMessage{SlaveId: ids.Agent("a1").Proto()})
	})
	runtime.Install(m, m.reregistered)
	runtime.Install(m, m.reported)
	runtime.Install(m, m.status)
}

// follow notes that the agent has started, unless it has only repeated its registration.
func (m *lifeMaster) follow(agent runtime.PID, version *mesospb.UUID) {
	m.fresh = m.fresh || string(m.version.GetValue()) != string(version.GetValue())
	m.agent, m.version = agent, version
}

// was is what is checkpointed before an operation of life.
func was(operation int) string {
	if operation == 0 {
		return ""
	}
	return reserved[operation-1]
}

// reregistered demands that the resources are those before or after the operation that is under way.
func (m *lifeMaster) reregistered(from runtime.PID, x *internalpb.ReregisterSlaveMessage) {
	m.follow(from, x.GetResourceVersionUuid())
	got := brief(resources.FromValid(x.GetCheckpointedResources()))
	if got != was(m.next) && (m.next == len(m.life) || got != reserved[m.next]) {
		m.t.Errorf("during operation %d the agent has %q", m.next, got)
	}
	m.volume(got)
	m.Send(from, &internalpb.SlaveReregisteredMessage{SlaveId: x.GetSlave().GetId()})
}

// volume demands that the directory of the volume exists if it is among the resources that the agent says it has.
func (m *lifeMaster) volume(has string) {
	_, err := m.disk.Lstat("/w/volumes/roles/red child/vol")
	if want := strings.Contains(has, "vol"); (err == nil) != want {
		m.t.Errorf("operation %d: the agent has %q, and the directory of the volume exists: %t", m.next, has, !want)
	}
}

// reported sends the operation that is under way if the agent does not have it.
func (m *lifeMaster) reported(_ runtime.PID, x *internalpb.UpdateSlaveMessage) {
	known := slices.ContainsFunc(x.GetOperations().GetOperations(), func(op *mesospb.Operation) bool {
		return ids.UUID(op.GetUuid().GetValue()) == m.current
	})
	if m.fresh && !known {
		m.send()
	}
	m.fresh = false
}

func (m *lifeMaster) send() {
	if m.next == len(m.life) {
		return
	}
	m.tries++
	m.current = ids.UUID{m.tries}
	m.Send(m.agent, &internalpb.ApplyOperationMessage{
		OperationInfo: m.life[m.next], OperationUuid: &mesospb.UUID{Value: m.current.Bytes()},
		ResourceVersionUuid: &internalpb.ResourceVersionUUID{Uuid: m.version},
	})
}

// status demands that every operation finishes, once.
func (m *lifeMaster) status(_ runtime.PID, x *internalpb.UpdateOperationStatusMessage) {
	id := ids.UUID(x.GetOperationUuid().GetValue())
	first, again := m.statuses[id]
	if x.GetStatus().GetState() != carriedOut || again && string(first.GetUuid().GetValue()) != string(x.GetStatus().GetUuid().GetValue()) {
		m.t.Errorf("operation %d: %v, after %v", m.next, x.GetStatus(), first)
	}
	m.statuses[id] = x.GetStatus()
	m.Send(m.agent, &internalpb.AcknowledgeOperationStatusMessage{StatusUuid: x.GetStatus().GetUuid(), OperationUuid: x.GetOperationUuid()})
	if id == m.current && !again {
		m.volume(reserved[m.next])
		m.next++
		m.send()
	}
}

// walk is one life, in which the agent ends at some changes of its disk.
type walk struct {
	*sim.World
	t      *testing.T
	disk   *sim.Disk
	config slave.Config
	master *lifeMaster
	end    func(string) // of the agent: Kill or Crash
	at     func(point int) bool
	points int
	deaths int
}

func newWalk(t *testing.T, seed uint64) *walk {
	t.Helper()
	w := &walk{World: sim.New(seed), t: t, master: &lifeMaster{t: t, life: life(t)}}
	w.disk = w.Disk(agentAddr)
	w.master.disk = w.disk
	w.end, w.at = w.Kill, func(int) bool { return false }
	for _, err := range []error{w.disk.MkdirAll("/w", 0o755), w.disk.SyncDir("/")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.config = slave.Defaults()
	w.config.Detector = election.NewStandalone(election.MasterInfo(runtime.PID{ID: "master", Addr: masterAddr}))
	w.config.WorkDir, w.config.Hostname, w.config.LauncherDir = "/w", "host", "/launcher"
	w.config.Containerizer, w.config.System = &slavetest.Containers{}, &slavetest.System{}
	w.config.Fatal = func(err error) { t.Errorf("the agent ended: %v", err) }
	w.disk.Intercept(func(op sim.Op) error {
		if op.Kind.Changes() {
			if w.points++; w.at(w.points) {
				w.deaths++
				w.end(agentAddr)
			}
		}
		return nil
	})
	return w
}

// run lets everything happen, and starts the agent anew whenever it has ended.
func (w *walk) run() {
	w.t.Helper()
	defer runtimetest.End(w.t, w.World)
	if _, err := runtime.Spawn(w.Node(masterAddr), "master", w.master); err != nil {
		w.t.Fatal(err)
	}
	for range 60 {
		if len(w.Living()) < 2 {
			if _, err := slave.Spawn(w.Node(agentAddr), w.config); err != nil {
				w.t.Fatal(err)
			}
		}
		w.Advance(3 * time.Second)
	}
	w.check()
}

// check demands that everything was done, and that nothing is left of it.
func (w *walk) check() {
	w.t.Helper()
	if w.master.next != len(w.master.life) {
		w.t.Errorf("%d operations were finished", w.master.next)
	}
	s, err := checkpoint.Read(w.disk, "/w", true)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(s.Resources.Resources)+len(s.Resources.Operations)+len(s.Operations) > 0 || s.Resources.Pending {
		w.t.Errorf("left are %v and %v", s.Resources, s.Operations)
	}
	left, err := w.disk.ReadDir("/w/volumes/roles/red child")
	if err != nil || len(left) > 0 {
		w.t.Errorf("the volumes %v are left (%v)", left, err)
	}
}

// The agent ends at each change of its disk, by itself or with its machine: its resources are always those before or
// after an operation, every operation is finished once, and in the end nothing is left of them.
func TestOperationsWalk(t *testing.T) {
	t.Parallel()
	for _, power := range []bool{false, true} {
		t.Run(fmt.Sprintf("power lost %t", power), func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				w := newWalk(t, 1)
				w.at = func(point int) bool { return point == at }
				if power {
					w.end = w.Crash
				}
				w.run()
				if t.Failed() {
					t.Fatalf("the agent ended at change %d of %d", at, w.points)
				}
				if w.deaths == 0 {
					if at < 100 {
						t.Errorf("a life has only %d changes", at)
					}
					return
				}
			}
		})
	}
}

// The agent ends again and again, at random.
func TestOperationsRandomWalks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		w := newWalk(t, seed)
		chance := w.Node("10.0.0.9:1").Rand()
		w.Kill("10.0.0.9:1")
		w.at = func(int) bool { return w.deaths < 15 && chance.IntN(20) == 0 }
		w.end = func(addr string) {
			if chance.IntN(2) == 0 {
				w.Kill(addr)
			} else {
				w.Crash(addr)
			}
		}
		w.run()
		if t.Failed() {
			t.Fatalf("seed %d: the agent ended %d times", seed, w.deaths)
		}
	}
}
