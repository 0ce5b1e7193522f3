package simcluster_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"meseta/cmd/internal/suites/simcluster"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/runtime/sim"
)

// This file walks through the lives of tasks: the agent ends at every write to its disk and at every message to and from it,
// and is started again.

// life is what happens to some tasks.
type life struct {
	jobs    []simcluster.Job
	kill    bool // the framework has them killed; otherwise they end
	forgets bool // the framework wants no checkpoints, so that its tasks end with the agent
}

var lives = map[string]life{
	"a command":                                       {jobs: []simcluster.Job{{ID: "t1", Program: "sleep 2"}}},
	"a command that is killed":                        {jobs: []simcluster.Job{{ID: "t1"}}, kill: true},
	"an executor's tasks":                             {jobs: []simcluster.Job{{ID: "t1", Executor: "x1", Program: "sleep 2"}, {ID: "t2", Executor: "x1", Program: "sleep 3"}}},
	"an executor's task, killed":                      {jobs: []simcluster.Job{{ID: "t1", Executor: "x1"}}, kill: true},
	"an executor over HTTP":                           {jobs: []simcluster.Job{{ID: "t1", Executor: "http-x1", Program: "sleep 2"}}},
	"an executor over HTTP, killed":                   {jobs: []simcluster.Job{{ID: "t1", Executor: "http-x1"}}, kill: true},
	"a group":                                         {jobs: []simcluster.Job{{ID: "t1", Pod: "p1", Program: "sleep 2", Beside: []simcluster.Job{{ID: "t2", Program: "sleep 2"}}}}},
	"a group that is killed":                          {jobs: []simcluster.Job{{ID: "t1", Pod: "p1", Beside: []simcluster.Job{{ID: "t2"}}}}, kill: true},
	"a command without checkpoints":                   {jobs: []simcluster.Job{{ID: "t1", Program: "sleep 2"}}, forgets: true},
	"an executor that is not checkpointed, over HTTP": {jobs: []simcluster.Job{{ID: "t1", Executor: "http-x1", Program: "sleep 2"}}, forgets: true},
}

// walk is one life, in which the agent ends at one point.
type walk struct {
	*simcluster.Cluster
	life
	framework *simcluster.Framework
	power     bool                 // the agent ends with its machine
	at        func(point int) bool // whether the agent ends at a point
	points    int                  // so far
	deaths    int                  // so far
	ran       map[ids.Task]bool    // tasks that were known to run when the agent ended
	updates   simcluster.Updates   // of all tasks
}

func newWalk(t *testing.T, l life, power bool, at func(point int) bool, seed uint64) *walk {
	w := &walk{Cluster: simcluster.New(t, simcluster.Config{Agents: 1, Seed: seed}), life: l, power: power, at: at, ran: map[ids.Task]bool{}}
	w.framework = w.Cluster.Framework("f1", func(f *mesospb.FrameworkInfo) {
		if l.forgets {
			f.Checkpoint = nil
		}
	})
	w.Advance(time.Second)
	a := w.Agents[0]
	a.OnHTTP, w.OnAcknowledged = w.point, w.updates.Safe
	w.World.Disk(a.Addr()).Intercept(func(op sim.Op) error {
		if op.Kind.Changes() {
			w.point()
		}
		return nil
	})
	w.World.Intercept(func(e runtime.Envelope) sim.Verdict {
		w.updates.Observe(e)
		if e.To.Addr == a.Addr() || e.From.Addr == a.Addr() {
			w.point()
		}
		return sim.Pass
	})
	return w
}

// point counts a point, at which the agent may end.
func (w *walk) point() {
	if w.points++; !w.at(w.points) {
		return
	}
	w.deaths++
	for id, t := range w.framework.Tasks {
		w.ran[id] = slices.Contains(t.States(), mesospb.TaskState_TASK_RUNNING)
	}
	if w.power {
		w.updates.Ended(w.Agents[0].Addr())
		w.Agents[0].PowerOff()
	} else {
		w.Agents[0].Kill()
	}
}

// over reports whether all tasks have ended.
func (w *walk) over() bool {
	for _, t := range w.framework.Tasks {
		if !tasks.IsTerminal(t.State()) {
			return false
		}
	}
	return len(w.framework.Tasks) > 0
}

// run lets everything happen. An agent that has ended is started again before executors give up waiting for it.
func (w *walk) run() {
	w.Helper()
	w.framework.Launch(w.jobs...)
	for i := range 300 {
		w.Advance(200 * time.Millisecond)
		if !w.Agents[0].Living() {
			w.Agents[0].Start()
		}
		if w.kill && i >= 10 && i%10 == 0 {
			for id, t := range w.framework.Tasks {
				if !tasks.IsTerminal(t.State()) {
					w.framework.Kill(id)
				}
			}
		}
		if i > 100 && w.over() {
			break
		}
	}
	w.Quiet()
}

// check demands that every task that ran has come to its own end, and others to one.
func (w *walk) check() {
	w.Helper()
	want := finished
	if w.kill {
		want = killed
	}
	for id, t := range w.framework.Tasks {
		if !w.over() {
			w.Errorf("task %s has not ended: %v", id, t.States())
		}
		if end := t.State(); w.ran[id] && !w.forgets && !w.power && w.deaths == 1 && end != want {
			w.Errorf("task %s ran when the agent ended, and then ended as %s, not %s: %v", id, end, want, t.States())
		}
		if !w.forgets { // otherwise the master ends it at once, whatever its executor has still to say
			w.ordered(id, t.States())
		}
	}
	if !w.forgets { // otherwise the next agent knows nothing of the updates that the last one has sent
		for _, problem := range w.updates.Problems(true) {
			w.Error(problem)
		}
	}
}

// ordered demands that states come in the order of a task's life.
func (w *walk) ordered(id ids.Task, states []mesospb.TaskState) {
	w.Helper()
	order := []mesospb.TaskState{starting, running, killing}
	last := -1
	for _, s := range states {
		at := slices.Index(order, s)
		if at < 0 {
			at = len(order)
		}
		if at < last {
			w.Errorf("the states of task %s are out of order: %v", id, states)
		}
		last = at
	}
}

// Wherever the agent ends in the life of a task, by itself or with its machine, no task is lost that can go on, none runs
// twice, no update is lost or comes out of order, and no executor is left over.
func TestWalk(t *testing.T) {
	t.Parallel()
	for name, l := range lives {
		for _, power := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, power lost %t", name, power), func(t *testing.T) {
				t.Parallel()
				stride := 1
				if testing.Short() {
					stride = 7
				}
				alive := false
				for at := 1; !alive && !t.Failed(); at += stride {
					t.Run(fmt.Sprint("point ", at), func(t *testing.T) {
						w := newWalk(t, l, power, func(point int) bool { return point == at }, 1)
						w.run()
						w.check()
						alive = w.deaths == 0
						if alive && at < 12 {
							t.Errorf("a life has only %d points", at)
						}
					})
				}
			})
		}
	}
}

// An agent that ends while it writes an update has forwarded it already. The executor sends it to the next agent, which forwards
// it again, and takes the second acknowledgement, because there was no agent for the first one.
func TestAnAgentEndsBetweenForwardingAndWriting(t *testing.T) {
	t.Parallel()
	for _, executor := range []string{"x1", "http-x1"} {
		t.Run(executor, func(t *testing.T) {
			t.Parallel()
			w := newWalk(t, life{jobs: []simcluster.Job{{ID: "t1", Executor: executor, Program: "sleep 30"}}}, false, func(int) bool { return false }, 1)
			var forwarded, again, ended bool
			w.World.Intercept(func(e runtime.Envelope) sim.Verdict {
				m, ok := e.Message.(*internalpb.StatusUpdateMessage)
				if ok && e.From.Addr == w.Agents[0].Addr() && m.GetUpdate().GetStatus().GetState() == running {
					forwarded, again = true, ended
				}
				return sim.Pass
			})
			w.World.Disk(w.Agents[0].Addr()).Intercept(func(op sim.Op) error {
				if op.Kind == sim.OpSync && forwarded && !ended {
					ended = true
					w.Agents[0].Kill()
				}
				return nil
			})
			w.run()
			w.check()
			task := w.framework.Tasks["t1"]
			if want := []mesospb.TaskState{running, finished}; !ended || !slices.Equal(task.States(), want) {
				t.Errorf("the agent ended: %t; the states were %v, want %v", ended, task.States(), want)
			}
			if !again {
				t.Error("the next agent has not forwarded what the first one did not write")
			}
		})
	}
}

// The same holds if the agent ends again and again, at random.
func TestRandomWalks(t *testing.T) {
	t.Parallel()
	seeds := uint64(40)
	if testing.Short() {
		seeds = 4
	}
	for name, l := range lives {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, repeated := 0, 0
			for seed := uint64(1); seed <= seeds && !t.Failed(); seed++ {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
					chance, deaths := rand.New(rand.NewPCG(seed, 1)), 0
					w := newWalk(t, l, seed%4 == 0, func(int) bool {
						dies := deaths < 8 && chance.IntN(12) == 0
						if dies {
							deaths++
						}
						return dies
					}, seed)
					w.run()
					w.check()
					all, repeated = all+deaths, repeated+w.updates.Repeated()
				})
			}
			if all == 0 || repeated == 0 && !l.forgets {
				t.Errorf("agents have ended %d times and repeated %d updates", all, repeated)
			}
		})
	}
}
