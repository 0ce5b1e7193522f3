package election_test

import (
	"fmt"
	"testing"
	"time"

	"meseta/actors/election"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// three are three masters, in a world with an agent that knows their addresses.
type three struct {
	testing.TB
	*sim.World
	masters []*mesospb.MasterInfo
	elected []*election.Standalone // what each of them detects
	agent   election.Watched
	last    *mesospb.MasterInfo
}

func newThree(t *testing.T, heralds bool) *three {
	w := &three{TB: t, World: runtimetest.World(t, 1)}
	for i := range 3 {
		w.masters = append(w.masters, election.MasterInfo(runtime.PID{ID: "master", Addr: fmt.Sprintf("10.0.0.%d:5050", i+1)}))
		w.elected = append(w.elected, election.NewStandalone(nil))
		w.start(i, heralds)
	}
	var err error
	if w.agent, err = election.NewWatched(w.Node("10.0.0.9:5051"), w.masters); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *three) start(i int, heralds bool) {
	w.Helper()
	n := w.Node(election.PID(w.masters[i]).Addr)
	if !heralds {
		return
	}
	if err := election.SpawnHerald(n, w.elected[i]); err != nil {
		w.Fatal(err)
	}
}

func (w *three) elect(leader *mesospb.MasterInfo) {
	for _, e := range w.elected {
		e.Appoint(leader)
	}
}

// detects demands that the agent detects another leader within d.
func (w *three) detects(want *mesospb.MasterInfo, d time.Duration) {
	w.Helper()
	got, err := sim.Await(w.World, w.agent.Detect(w.last), d)
	if err != nil || election.PID(got) != election.PID(want) {
		w.Fatalf("detected %s, %v, want %s", election.PID(got), err, election.PID(want))
	}
	w.last = got
}

// Any master tells who leads, as soon as that changes.
func TestMastersTellWhoLeads(t *testing.T) {
	t.Parallel()
	w := newThree(t, true)
	w.Advance(time.Second)
	w.elect(w.masters[2])
	w.detects(w.masters[2], 20*time.Millisecond)
	w.elect(nil)
	w.detects(nil, 20*time.Millisecond)
	w.elect(w.masters[1])
	w.detects(w.masters[1], 20*time.Millisecond)
	w.Crash("10.0.0.1:5050") // who told so far
	w.Advance(time.Second)
	w.elect(w.masters[2])
	w.detects(w.masters[2], 20*time.Millisecond)
	w.Crash("10.0.0.3:5050")
	w.elect(w.masters[1])
	w.detects(w.masters[1], 20*time.Millisecond)
}

// A master that is cut off from the others knows no leader. Another one is asked.
func TestAMasterThatKnowsNoLeaderIsNotAskedForLong(t *testing.T) {
	t.Parallel()
	w := newThree(t, true)
	w.elected[1].Appoint(w.masters[1])
	w.detects(w.masters[1], 4*time.Second)
}

// The master that told so far is silent, and its connections stand: it is stopped, or its machine is cut off or without power.
// Whether it led or not, another one is asked.
func TestAMasterThatIsSilentIsNotBelieved(t *testing.T) {
	t.Parallel()
	for led := range 2 {
		w := newThree(t, true)
		w.elect(w.masters[led])
		w.detects(w.masters[led], time.Second)
		w.Advance(time.Minute)
		w.Partition("10.0.0.1:5050", "10.0.0.9:5051")
		w.elect(w.masters[2])
		w.detects(w.masters[2], 15*time.Second)
		w.HealAll()
		w.Advance(time.Minute)
		w.elect(w.masters[1])
		w.detects(w.masters[1], 20*time.Millisecond)
	}
}

// Nothing is lost when all masters are gone for a while.
func TestMastersComeBack(t *testing.T) {
	t.Parallel()
	w := newThree(t, true)
	w.elect(w.masters[0])
	w.detects(w.masters[0], time.Second)
	for i := range 3 {
		w.Crash(election.PID(w.masters[i]).Addr)
	}
	w.detects(nil, time.Second)
	w.Advance(time.Minute)
	w.elect(w.masters[2])
	for i := range 3 {
		w.start(i, true)
	}
	w.detects(w.masters[2], 2*time.Second)
}

// Masters of Mesos tell nothing. One of them is named, and the next when that is suspected.
func TestMastersThatDoNotTell(t *testing.T) {
	t.Parallel()
	w := newThree(t, false)
	w.detects(w.masters[2], time.Minute)
	w.agent.Suspect(w.masters[1]) // who is not named
	w.Advance(time.Minute)
	w.agent.Suspect(w.masters[2])
	w.detects(w.masters[0], time.Second)
	w.agent.Suspect(w.masters[0])
	w.detects(w.masters[1], time.Second)
}
