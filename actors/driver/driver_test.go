package driver_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"meseta/actors/driver"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

const (
	notStarted = mesospb.Status_DRIVER_NOT_STARTED
	running    = mesospb.Status_DRIVER_RUNNING
	aborted    = mesospb.Status_DRIVER_ABORTED
	stopped    = mesospb.Status_DRIVER_STOPPED
)

// speaker is the actor behind a driver. It notes what it is told, and whether the driver ran when it was.
type speaker struct {
	runtime.Actor
	life  *driver.Life[*speaker]
	heard []string
}

func (s *speaker) hear(word string) {
	if s.life.Running() {
		word += " while running"
	}
	s.heard = append(s.heard, word)
}

func (s *speaker) farewell(word string) {
	s.hear(word)
	s.life.End()
}

// program is a driver with its speaker, on virtual time.
type program struct {
	*driver.Life[*speaker]
	t       *testing.T
	world   *sim.World
	node    *runtime.Node
	speaker *speaker
}

func newProgram(t *testing.T) *program {
	t.Helper()
	w := runtimetest.World(t, 1)
	p := &program{t: t, world: w, node: w.Node("10.0.0.1:1")}
	p.Life = driver.New[*speaker](p.node)
	p.speaker = &speaker{life: p.Life}
	return p
}

func (p *program) start() mesospb.Status {
	p.t.Helper()
	status, err := p.Start(func() (runtime.Ref[*speaker], error) { return runtime.Spawn(p.node, "speaker", p.speaker) })
	if err != nil {
		p.t.Error(err)
	}
	return status
}

func (p *program) say(word string) mesospb.Status {
	return p.Do(func(s *speaker) { s.hear(word) })
}

func (p *program) stop() mesospb.Status { return p.Stop(func(s *speaker) { s.farewell("stop") }) }

func (p *program) abort() mesospb.Status { return p.Abort(func(s *speaker) { s.farewell("abort") }) }

func (p *program) is(over bool, heard ...string) {
	p.t.Helper()
	p.world.Settle()
	select {
	case <-p.Done():
		if !over {
			p.t.Error("it is over")
		}
	default:
		if over {
			p.t.Error("it is not over")
		}
	}
	if !slices.Equal(p.speaker.heard, heard) {
		p.t.Errorf("the actor heard %q, want %q", p.speaker.heard, heard)
	}
}

func equal(t *testing.T, what string, got, want mesospb.Status) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestWhatIsSaidWhileRunningIsHeard(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	equal(t, "said too early", p.say("too early"), notStarted)
	equal(t, "started", p.start(), running)
	equal(t, "said", p.say("hello"), running)
	p.is(false, "hello while running")
	equal(t, "stopped", p.stop(), stopped)
	equal(t, "said too late", p.say("too late"), stopped)
	p.is(true, "hello while running", "stop")
}

func TestWhatWasSaidBeforeTheEndIsHeardButNoLongerCounts(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.start()
	p.say("hello")
	p.abort()
	p.is(true, "hello", "abort")
}

func TestADriverStartsOnce(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.start()
	equal(t, "started again", p.start(), running)
	p.stop()
	equal(t, "started after the end", p.start(), stopped)
}

func TestADriverThatWasNotStartedDoesNotEnd(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	equal(t, "stopped", p.stop(), notStarted)
	equal(t, "aborted", p.abort(), notStarted)
	equal(t, "joined", p.Join(), notStarted)
	if err := p.Wait(context.Background()); err != nil {
		t.Error(err)
	}
	p.is(false)
}

func TestTheFirstEndCounts(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.start()
	equal(t, "aborted", p.abort(), aborted)
	equal(t, "aborted again", p.abort(), aborted)
	equal(t, "stopped after that", p.stop(), aborted)
	equal(t, "stopped again", p.stop(), stopped)
	p.is(true, "abort", "stop")
}

func TestADriverWithoutAnActorIsAborted(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	want := errors.New("no master of that name")
	status, err := p.Start(func() (runtime.Ref[*speaker], error) { return runtime.Ref[*speaker]{}, want })
	equal(t, "started", status, aborted)
	if !errors.Is(err, want) {
		t.Errorf("started: %v", err)
	}
	p.is(true)
	equal(t, "stopped", p.stop(), aborted)
	equal(t, "joined", p.Join(), stopped)
	p.is(true)
}

func TestRunReturnsAfterTheLastWord(t *testing.T) {
	t.Parallel()
	n := runtimetest.Node(t)
	l := driver.New[*speaker](n)
	s := &speaker{life: l}
	got := l.Run(func() mesospb.Status {
		status, err := l.Start(func() (runtime.Ref[*speaker], error) { return runtime.Spawn(n, "speaker", s) })
		if err != nil {
			t.Error(err)
		}
		l.Do(func(s *speaker) {
			l.Stop(func(s *speaker) {
				s.farewell("stop")
				s.Terminate()
			})
		})
		return status
	})
	equal(t, "ran", got, stopped)
	if !slices.Equal(s.heard, []string{"stop"}) {
		t.Errorf("the actor heard %q", s.heard)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := l.Wait(ctx); err != nil {
		t.Error(err)
	}
}
