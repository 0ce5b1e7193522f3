package updatestream_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"meseta/actors/updatestream"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// This file walks through the life of an operation: a source tells an agent of four updates, in order, until the agent
// confirms them; the agent delivers them to a sink, which acknowledges what it gets. The agent ends at every point of it.

const (
	sourceAddr, sinkAddr = "10.0.0.2:1", "10.0.0.3:1"
	updates              = 4
)

var (
	agentPID = runtime.PID{ID: "agent", Addr: addr}
	sinkPID  = runtime.PID{ID: "sink", Addr: sinkAddr}
)

type ack = internalpb.AcknowledgeOperationStatusMessage

func newAck(n byte) *ack {
	id := ids.UUID{n}
	return &ack{StatusUuid: &mesospb.UUID{Value: id[:]}, OperationUuid: &mesospb.UUID{Value: []byte("a")}}
}

// source says every second what was not confirmed.
type source struct {
	runtime.Actor
	confirmed [updates + 1]bool
}

func (s *source) Initialize() {
	runtime.Install(s, func(_ runtime.PID, m *ack) { s.confirmed[m.GetStatusUuid().GetValue()[0]] = true })
	s.tell()
}

func (s *source) tell() {
	for n := byte(1); n <= updates; n++ {
		if !s.confirmed[n] {
			state := pending
			if n == updates {
				state = finished
			}
			s.Send(agentPID, newUpdate("a", n, state))
		}
	}
	s.Delay(time.Second, s.tell)
}

// sink acknowledges everything.
type sink struct {
	runtime.Actor
	got []byte
}

func (s *sink) Initialize() {
	runtime.Install(s, func(from runtime.PID, m *update) {
		n := m.GetStatus().GetUuid().GetValue()[0]
		s.got = append(s.got, n)
		s.Send(from, newAck(n))
	})
}

// agent is an incarnation of the agent.
type agent struct {
	updatestream.Streams[operation, *update]
	walk     *walk
	recorded updatestream.Recorded[*update]
}

func (a *agent) Initialize() {
	a.Open(a.forward)
	runtime.Install(a, a.update)
	runtime.Install(a, a.acknowledge)
	a.Recover(path, a.recorded)
	a.Resume()
}

func (a *agent) forward(u *update) {
	n := u.GetStatus().GetUuid().GetValue()[0]
	if a.walk.acknowledged[n] {
		a.walk.t.Errorf("update %d is sent after its acknowledgement was taken", n)
	}
	if !a.walk.ends() {
		a.Send(sinkPID, u)
	}
}

func (a *agent) update(from runtime.PID, u *update) {
	if a.walk.ends() {
		return
	}
	n := u.GetStatus().GetUuid().GetValue()[0]
	if a.walk.acknowledged[updates] || a.recorded.Acknowledged[ids.UUID{updates}] {
		a.Send(from, newAck(n)) // an agent knows the tasks that have ended
		return
	}
	runtime.Await(a, a.Add(u, path), func(_ updatestream.Outcome, err error) {
		if err == nil && !a.walk.ends() {
			a.Send(from, newAck(n))
		}
	})
}

func (a *agent) acknowledge(_ runtime.PID, m *ack) {
	if a.walk.ends() {
		return
	}
	n := m.GetStatusUuid().GetValue()[0]
	runtime.Await(a, a.Confirm("a", ids.UUID{n}), func(_ updatestream.Outcome, err error) {
		switch {
		case err == nil && a.walk.acknowledged[n]:
			a.walk.t.Errorf("the acknowledgement of update %d is taken twice", n)
		case err == nil:
			a.walk.acknowledged[n] = true
		}
	})
}

// walk is one life, in which the agent ends at some points.
type walk struct {
	*sim.World
	t            *testing.T
	kind         updatestream.Kind[operation, *update]
	disk         *sim.Disk
	end          func(string)         // of the agent: Kill or Crash
	at           func(point int) bool // whether it ends at a point
	points       int                  // so far
	deaths       int                  // so far
	acknowledged [updates + 1]bool    // what agents have taken the acknowledgements of
	source       *source
	sink         *sink
}

// ends counts a point, and reports whether the agent has ended there.
func (w *walk) ends() bool {
	w.points++
	if !w.at(w.points) {
		return false
	}
	w.deaths++
	w.end(addr)
	return true
}

func newWalk(t *testing.T, seed uint64) *walk {
	w := &walk{World: sim.New(seed), t: t, kind: operations, source: &source{}, sink: &sink{}}
	if seed%2 == 1 {
		w.kind.Early = func(u *update) bool { return !w.kind.Terminal(u) }
	}
	w.disk = w.Disk(addr)
	w.end, w.at = w.Kill, func(int) bool { return false }
	if err := errors.Join(w.disk.MkdirAll("/w", 0o755), w.disk.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	w.disk.Intercept(func(op sim.Op) error {
		if op.Kind.Changes() {
			w.ends()
		}
		return nil
	})
	return w
}

// run lets everything happen, and starts the agent anew whenever it has ended.
func (w *walk) run() {
	w.t.Helper()
	w.start(addr)
	_, serr := runtime.Spawn(w.Node(sinkAddr), "sink", w.sink)
	_, err := runtime.Spawn(w.Node(sourceAddr), "source", w.source)
	if err := errors.Join(serr, err); err != nil {
		w.t.Fatal(err)
	}
	defer runtimetest.End(w.t, w.World)
	for range 60 {
		w.Advance(time.Second)
		if len(w.Living()) < 3 {
			w.start(addr)
		}
	}
	w.check()
}

func (w *walk) start(addr string) {
	w.t.Helper()
	n := w.Node(addr)
	writer, err := runtime.Spawn(n, "writer", disk.NewWriter(disk.Of(n), "/w"))
	if err != nil {
		w.t.Fatal(err)
	}
	a := &agent{updatestream.New(w.kind, updatestream.Options{Writer: writer}), w, w.read()}
	if _, err := runtime.Spawn(n, "agent", a); err != nil {
		w.t.Fatal(err)
	}
}

// read returns what is in the file.
func (w *walk) read() updatestream.Recorded[*update] {
	w.t.Helper()
	content, _ := disk.ReadFile(w.disk, path) // it may not exist yet
	recorded, err := operations.Decode(content)
	if err != nil {
		w.t.Fatal(err)
	}
	return recorded
}

// check says what is wrong in the end.
func (w *walk) check() {
	w.t.Helper()
	var first []byte
	for _, n := range w.sink.got {
		if !slices.Contains(first, n) {
			first = append(first, n)
		}
	}
	if want := []byte{1, 2, 3, 4}; !slices.Equal(first, want) {
		w.t.Errorf("the sink got %v", w.sink.got)
	}
	recorded := w.read()
	for n := byte(1); n <= updates; n++ {
		if !w.source.confirmed[n] || !recorded.Acknowledged[ids.UUID{n}] {
			w.t.Errorf("update %d is confirmed: %t, acknowledged: %t", n, w.source.confirmed[n], recorded.Acknowledged[ids.UUID{n}])
		}
	}
	if got := len(recorded.Updates); got != updates {
		w.t.Errorf("%d updates were written", got)
	}
}

// The agent ends at each of its writes and messages, by itself or with its machine: no update is lost, none arrives out of
// order, and none is sent again after its acknowledgement was taken. With every other seed, updates are forwarded early.
func TestWalk(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		for _, power := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed %d, power lost %t", seed, power), func(t *testing.T) {
				t.Parallel()
				for at := 1; ; at++ {
					w := newWalk(t, seed)
					w.at = func(point int) bool { return point == at }
					if power {
						w.end = w.Crash
					}
					w.run()
					if t.Failed() {
						t.Fatalf("the agent ended at point %d of %d", at, w.points)
					}
					if w.deaths == 0 {
						if at < 30 {
							t.Errorf("a life has only %d points", at)
						}
						return
					}
				}
			})
		}
	}
}

// The agent ends again and again, at random.
func TestRandomWalks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		w := newWalk(t, seed)
		chance := w.Node("10.0.0.9:1").Rand()
		w.Kill("10.0.0.9:1")
		w.at = func(int) bool { return w.deaths < 20 && chance.IntN(8) == 0 }
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
