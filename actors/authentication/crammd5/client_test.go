package crammd5

import (
	"errors"
	"testing"
	"time"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// agent authenticates with the masters that the test names.
type agent struct {
	runtime.Actor
	credential *mesospb.Credential
	client     *Client
	outcomes   []error
}

func (a *agent) Initialize() { a.client = NewClient(&a.Actor, a.credential, DefaultBackoff) }

func (a *agent) begin(master runtime.PID) {
	a.client.Begin(master, func(err error) { a.outcomes = append(a.outcomes, err) })
}

func (s *scene) agent(c *mesospb.Credential) (*agent, runtime.Ref[*agent]) {
	s.Helper()
	a := &agent{credential: c}
	ref, err := runtime.Spawn(s.peers, "slave(1)", a)
	if err != nil {
		s.Fatal(err)
	}
	s.world.Settle()
	return a, ref
}

func (s *scene) begin(ref runtime.Ref[*agent]) {
	to := runtime.PID{ID: "master", Addr: s.node.Addr()}
	runtime.Tell(ref, func(a *agent) { a.begin(to) })
}

// An outcome is reported once.
func TestClient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		credential *mesospb.Credential
		want       error
		sessions   int
	}{
		{credential("ag", "agsecret"), nil, 1},
		{credential("ag", "wrong"), ErrRefused, 1},
		{nil, nil, 0},
	} {
		s := start(t)
		a, ref := s.agent(c.credential)
		s.begin(ref)
		s.world.Advance(time.Hour)
		if len(a.outcomes) != 1 || !errors.Is(a.outcomes[0], c.want) || len(s.master.sessions) != c.sessions {
			t.Errorf("%v: %v after %d sessions, want %v", c.credential, a.outcomes, len(s.master.sessions), c.want)
		}
		s.quiet()
	}
}

// While no master answers, attempts are made in ever longer intervals. When one does, it is told.
func TestClientTriesAgain(t *testing.T) {
	t.Parallel()
	s := start(t)
	a, ref := s.agent(credential("ag", "agsecret"))
	s.world.Partition(s.node.Addr(), s.peers.Addr())
	s.begin(ref)
	s.world.Advance(10 * time.Minute)
	if len(a.outcomes) != 0 {
		t.Fatalf("without an answer: %v", a.outcomes)
	}
	s.world.Heal(s.node.Addr(), s.peers.Addr())
	s.world.Advance(2 * time.Minute)
	if len(a.outcomes) != 1 || a.outcomes[0] != nil {
		t.Errorf("with an answer: %v", a.outcomes)
	}
	s.quiet()
}

// A client that was ended reports nothing any more; it may begin again.
func TestClientEnds(t *testing.T) {
	t.Parallel()
	s := start(t)
	a, ref := s.agent(credential("ag", "agsecret"))
	s.begin(ref)
	runtime.Tell(ref, func(a *agent) { a.client.End() })
	s.world.Advance(time.Hour)
	if len(a.outcomes) != 0 {
		t.Errorf("after its end: %v", a.outcomes)
	}
	s.begin(ref)
	s.begin(ref) // which ends the first
	s.world.Advance(time.Hour)
	if len(a.outcomes) != 1 || a.outcomes[0] != nil {
		t.Errorf("when it began again: %v", a.outcomes)
	}
	s.quiet()
}
