package sim_test

import (
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// A cluster in small: a hub that agents register with and that gives work to their workers, and whose decisions take a
// call to another actor. An agent that hears nothing of the hub registers again.

type hub struct {
	runtime.Actor
	judge  runtime.Ref[*judge]
	agents map[runtime.PID]int // work done
	lost   int
}

func (h *hub) Initialize() {
	h.agents = map[runtime.PID]int{}
	runtime.Install(h, h.register)
	runtime.Install(h, h.done)
}

func (h *hub) register(from runtime.PID, m *wrapperspb.StringValue) {
	runtime.Await(h, runtime.Call(h.judge, (*judge).admits, from), func(ok bool, _ error) {
		if !ok {
			return
		}
		if _, known := h.agents[from]; !known {
			h.agents[from] = 0
		}
		h.Relink(from)
		h.Reply(wrapperspb.Bool(true))
		h.work(from)
	})
}

func (h *hub) work(agent runtime.PID) { h.Send(agent, wrapperspb.Int64(h.Rand().Int64N(10))) }

func (h *hub) done(from runtime.PID, _ *emptypb.Empty) {
	if _, known := h.agents[from]; known {
		h.agents[from]++
		h.Delay(time.Duration(1+h.Rand().IntN(500))*time.Millisecond, func() { h.work(from) })
	}
}

func (h *hub) Exited(pid runtime.PID) {
	delete(h.agents, pid)
	h.lost++
}

type judge struct{ runtime.Actor }

func (j *judge) admits(pid runtime.PID) bool { return pid.ID == "agent" }

type agentActor struct {
	runtime.Actor
	hub      runtime.PID
	workers  []runtime.Ref[*workerActor]
	patience runtime.Timer
}

func (a *agentActor) Initialize() {
	runtime.Install(a, func(runtime.PID, *wrapperspb.BoolValue) { a.Link(a.hub) })
	runtime.Install(a, a.work)
	for range 10 {
		w, err := runtime.Spawn(a.Node(), a.Node().NewID("worker"), &workerActor{})
		if err != nil {
			panic(err)
		}
		a.workers = append(a.workers, w)
		a.Link(w.PID())
	}
	a.register()
}

func (a *agentActor) register() {
	a.Send(a.hub, wrapperspb.String("here I am"))
	a.patience.Cancel()
	a.patience = a.Delay(2*time.Second+time.Duration(a.Rand().Int64N(int64(time.Second))), a.register)
}

func (a *agentActor) work(_ runtime.PID, m *wrapperspb.Int64Value) {
	a.patience.Cancel()
	a.patience = a.Delay(3*time.Second, a.register)
	runtime.Await(a, runtime.Call(a.workers[m.GetValue()], (*workerActor).toil, 3), func(int, error) {
		a.Send(a.hub, &emptypb.Empty{})
	})
}

func (a *agentActor) Exited(pid runtime.PID) {
	if pid == a.hub {
		a.register()
	}
}

type workerActor struct {
	runtime.Actor
	total int
}

func (w *workerActor) toil(x int) int {
	w.total += x
	return w.total
}

const (
	hubAddr    = "10.0.0.1:5050"
	agentCount = 90
)

func agentAddr(i int) string { return fmt.Sprintf("10.0.1.%d:5051", i) }

func startAgent(t *testing.T, w *sim.World, i int) {
	t.Helper()
	a := &agentActor{hub: runtime.PID{ID: "hub", Addr: hubAddr}}
	if _, err := runtime.Spawn(w.Node(agentAddr(i)), "agent", a); err != nil {
		t.Fatal(err)
	}
}

// cluster lives through partitions, crashes and restarts, and returns the hub at the end of it.
func cluster(t *testing.T, seed uint64) (*sim.World, *hub) {
	t.Helper()
	w := sim.New(seed)
	n := w.Node(hubAddr)
	j, err := runtime.Spawn(n, "judge", &judge{})
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{judge: j}
	if _, err := runtime.Spawn(n, "hub", h); err != nil {
		t.Fatal(err)
	}
	for i := range agentCount {
		startAgent(t, w, i)
	}
	w.Advance(5 * time.Second)
	w.Partition(hubAddr, agentAddr(1)) // short
	w.Partition(hubAddr, agentAddr(2)) // long
	w.Crash(agentAddr(3))
	w.Crash(agentAddr(4))
	w.Advance(5 * time.Second)
	w.Heal(hubAddr, agentAddr(1))
	startAgent(t, w, 3)
	w.Advance(15 * time.Second)
	w.Heal(hubAddr, agentAddr(2))
	w.Advance(10 * time.Second)
	return w, h
}

func TestAThousandActors(t *testing.T) {
	t.Parallel()
	w, h := cluster(t, 42)
	actors := 0
	for _, n := range w.Living() {
		actors += len(n.PIDs())
	}
	if actors != 2+(agentCount-1)*11 {
		t.Errorf("%d actors live", actors)
	}
	if len(h.agents) != agentCount-1 {
		t.Errorf("the hub knows %d agents; want all but the one that stayed dead", len(h.agents))
	}
	if _, known := h.agents[runtime.PID{ID: "agent", Addr: agentAddr(4)}]; known {
		t.Error("the hub knows the dead one")
	}
	if h.lost != 3 {
		t.Errorf("the hub lost %d agents; want the two that crashed and the one behind the long partition", h.lost)
	}
	for pid, done := range h.agents {
		if done == 0 {
			t.Errorf("%s did nothing", pid)
		}
	}
}

func TestSeedsDecideTheScenario(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (uint64, int) {
		w, _ := cluster(t, seed)
		sum := fnv.New64a()
		fmt.Fprint(sum, w.Log())
		return sum.Sum64(), w.Steps()
	}
	seen := map[uint64]uint64{}
	for seed := range uint64(4) {
		sum, steps := run(seed)
		if again, stepsAgain := run(seed); again != sum || stepsAgain != steps {
			t.Errorf("seed %d differs from itself: %d steps, then %d", seed, steps, stepsAgain)
		}
		if other, dup := seen[sum]; dup {
			t.Errorf("seeds %d and %d agree", seed, other)
		}
		seen[sum] = seed
	}
}

func BenchmarkCluster(b *testing.B) {
	for b.Loop() {
		w := sim.New(1)
		n := w.Node(hubAddr)
		j, err := runtime.Spawn(n, "judge", &judge{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := runtime.Spawn(n, "hub", &hub{judge: j}); err != nil {
			b.Fatal(err)
		}
		for i := range agentCount {
			a := &agentActor{hub: runtime.PID{ID: "hub", Addr: hubAddr}}
			if _, err := runtime.Spawn(w.Node(agentAddr(i)), "agent", a); err != nil {
				b.Fatal(err)
			}
		}
		w.Advance(30 * time.Second)
		b.ReportMetric(float64(w.Steps()), "steps")
	}
}
