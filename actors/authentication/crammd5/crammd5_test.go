package crammd5

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

var secrets = map[string]string{"ag": "agsecret", "with space": "s"}

// master authenticates the peer that has asked for it last.
type master struct {
	runtime.Actor
	authenticator *Authenticator
	sessions      []runtime.Future[string]
}

func (m *master) Initialize() {
	runtime.Install(m, func(from runtime.PID, _ *internalpb.AuthenticateMessage) {
		for _, earlier := range m.sessions {
			earlier.Discard()
		}
		m.sessions = append(m.sessions, m.authenticator.Authenticate(from))
	})
}

// scene is a world with a master and the node of a peer.
type scene struct {
	*testing.T
	world  *sim.World
	peers  *runtime.Node
	node   *runtime.Node // the master's
	master *master
}

func start(t *testing.T) *scene {
	t.Helper()
	w := runtimetest.World(t, 1)
	s := &scene{T: t, world: w, node: w.Node("10.0.0.1:5050"), peers: w.Node("10.0.0.2:5051")}
	s.master = &master{authenticator: New(s.node, secrets)}
	if _, err := runtime.Spawn(s.node, "master", s.master); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) authenticate(c *mesospb.Credential) runtime.Future[struct{}] {
	f := Authenticate(s.peers, runtime.PID{ID: "master", Addr: s.node.Addr()}, runtime.PID{ID: "slave(1)", Addr: s.peers.Addr()}, c)
	s.world.Advance(time.Second)
	return f
}

// quiet checks that no actor of a conversation is left.
func (s *scene) quiet() {
	s.Helper()
	for _, n := range []*runtime.Node{s.node, s.peers} {
		for _, pid := range n.PIDs() {
			if strings.HasPrefix(pid.ID, "crammd5") {
				s.Errorf("%s is left", pid)
			}
		}
		if n.Owed() != 0 {
			s.Errorf("%d promises are left", n.Owed())
		}
	}
}

func credential(principal, secret string) *mesospb.Credential {
	return &mesospb.Credential{Principal: &principal, Secret: &secret}
}

// The proofs of a recorded agent and a recorded framework.
//
// Recorded in golden/auth/1-crammd5-good-wire-timeline.txt.
func TestDigestAsRecorded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ secret, challenge, want string }{
		{"agsecret", "<1796473953.574103@localhost>", "565c58146cf8b3831f64a37d1ad93c58"},
		{"fwsecret", "<481744742.574103@localhost>", "4ef383e736ecd163ddd9ce1c4a04e460"},
	} {
		if got := digest(c.secret, c.challenge); got != c.want {
			t.Errorf("%s is answered by %s, want %s", c.challenge, got, c.want)
		}
	}
}

// A peer with the secret is authenticated, and both sides learn it.
func TestConversation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		principal, secret string
		want              error
	}{
		{"ag", "agsecret", nil}, {"with space", "s", nil},
		{"ag", "wrong", ErrRefused}, {"ag", "", ErrRefused}, {"nobody", "agsecret", ErrRefused}, {"", "", ErrRefused},
	} {
		s := start(t)
		_, done, err := s.authenticate(credential(c.principal, c.secret)).Peek()
		if !done || !errors.Is(err, c.want) {
			t.Errorf("%q with %q: the peer has %v, %v", c.principal, c.secret, done, err)
		}
		principal, done, err := s.master.sessions[0].Peek()
		if !done || !errors.Is(err, c.want) || c.want == nil && principal != c.principal {
			t.Errorf("%q with %q: the master has %q, %v, %v", c.principal, c.secret, principal, done, err)
		}
		s.quiet()
	}
}

// A credential without a secret proves nothing, and the master is not asked.
func TestNoSecret(t *testing.T) {
	t.Parallel()
	s := start(t)
	if _, done, err := s.authenticate(&mesospb.Credential{Principal: proto.String("ag")}).Peek(); !done || err == nil || len(s.master.sessions) > 0 {
		t.Errorf("%v, %v after %d sessions", done, err, len(s.master.sessions))
	}
}

// A conversation without an answer lasts until it is discarded.
func TestDiscard(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.world.Partition(s.node.Addr(), s.peers.Addr())
	f := s.authenticate(credential("ag", "agsecret"))
	if _, done, _ := f.Peek(); done {
		t.Error("over without an answer")
	}
	f.Discard()
	s.world.Advance(time.Second)
	if _, done, err := f.Peek(); !done || err == nil {
		t.Errorf("after it was discarded: %v, %v", done, err)
	}
	s.quiet()
}

// odd is a peer that says what it likes.
type odd struct {
	runtime.Actor
	session runtime.PID
	heard   []string
}

func (o *odd) Initialize() {
	runtime.Install(o, func(from runtime.PID, m *internalpb.AuthenticationMechanismsMessage) {
		o.session = from
		o.heard = append(o.heard, strings.Join(m.GetMechanisms(), ","))
	})
	runtime.Install(o, func(_ runtime.PID, m *internalpb.AuthenticationStepMessage) { o.heard = append(o.heard, "challenge") })
	runtime.Install(o, func(_ runtime.PID, m *internalpb.AuthenticationFailedMessage) { o.heard = append(o.heard, "failed") })
	runtime.Install(o, func(_ runtime.PID, m *internalpb.AuthenticationCompletedMessage) {
		o.heard = append(o.heard, "completed")
	})
	runtime.Install(o, func(_ runtime.PID, m *internalpb.AuthenticationErrorMessage) { o.heard = append(o.heard, m.GetError()) })
}

// Peers that do not keep to the protocol are told so in the reference's words, and never authenticated.
//
// Recorded in golden/auth/1-crammd5-odd-wire-timeline.txt.
func TestOddPeers(t *testing.T) {
	t.Parallel()
	begin := &internalpb.AuthenticationStartMessage{Mechanism: proto.String(mechanism)}
	stepOf := func(data string) proto.Message { return &internalpb.AuthenticationStepMessage{Data: []byte(data)} }
	for _, c := range []struct {
		say  []proto.Message
		want string
	}{
		{[]proto.Message{&internalpb.AuthenticationStartMessage{Mechanism: proto.String("PLAIN"), Data: []byte("\x00fw\x00fwsecret")}}, "SASL(-4): no mechanism available: Couldn't find mech PLAIN"},
		{[]proto.Message{stepOf("x")}, "Unexpected authentication 'step' received"},
		{[]proto.Message{begin, stepOf("junk")}, "SASL(-5): bad protocol / cancel: need authentication name"},
		{[]proto.Message{&internalpb.AuthenticationStartMessage{Mechanism: proto.String(mechanism), Data: []byte("x")}}, "SASL(-5): bad protocol / cancel: Remote sent first but mech does not allow it."},
		{[]proto.Message{begin, begin}, "Unexpected authentication 'start' received"},
		{[]proto.Message{begin, stepOf(" ")}, "failed"},
		{[]proto.Message{begin, stepOf("ag " + strings.Repeat("0", 32))}, "failed"},
		{[]proto.Message{begin, stepOf("ag ")}, "failed"},
		{[]proto.Message{begin, stepOf("")}, "SASL(-5): bad protocol / cancel: need authentication name"},
	} {
		s := start(t)
		o := &odd{}
		peer, err := runtime.Spawn(s.peers, "scheduler-x", o)
		if err != nil {
			t.Fatal(err)
		}
		send := func(to runtime.PID, m proto.Message) {
			runtime.Tell(peer, func(o *odd) { o.Send(to, m) })
			s.world.Advance(time.Second)
		}
		send(runtime.PID{ID: "master", Addr: s.node.Addr()}, &internalpb.AuthenticateMessage{Pid: proto.String(peer.PID().String())})
		for _, m := range c.say {
			send(o.session, m)
		}
		if got := o.heard[len(o.heard)-1]; got != c.want {
			t.Errorf("%v: heard %q, want %q", c.say, got, c.want)
		}
		if _, done, err := s.master.sessions[0].Peek(); !done || err == nil {
			t.Errorf("%v: authenticated: %v, %v", c.say, done, err)
		}
		s.quiet()
	}
}

// Others can neither answer for a peer nor end its conversation.
func TestMessagesFromElsewhere(t *testing.T) {
	t.Parallel()
	s := start(t)
	o := &odd{}
	peer, err := runtime.Spawn(s.peers, "scheduler-x", o)
	if err != nil {
		t.Fatal(err)
	}
	runtime.Tell(peer, func(o *odd) {
		o.Send(runtime.PID{ID: "master", Addr: s.node.Addr()}, &internalpb.AuthenticateMessage{Pid: proto.String("x")})
	})
	s.world.Advance(time.Second)
	stranger, err := runtime.Spawn(s.world.Node("10.0.0.3:1"), "stranger", &odd{})
	if err != nil {
		t.Fatal(err)
	}
	runtime.Tell(stranger, func(x *odd) {
		x.Send(o.session, &internalpb.AuthenticationStartMessage{Mechanism: proto.String("PLAIN")})
	})
	s.world.Advance(time.Second)
	if _, done, _ := s.master.sessions[0].Peek(); done || len(o.heard) != 1 {
		t.Errorf("a stranger ended the conversation; the peer heard %q", o.heard)
	}
}

// A master that goes on before its turn, or offers something else, is not trusted.
func TestOddMasters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		say  proto.Message
		want string
	}{
		{&internalpb.AuthenticationMechanismsMessage{Mechanisms: []string{"PLAIN"}}, "does not offer CRAM-MD5"},
		{&internalpb.AuthenticationStepMessage{Data: []byte("x")}, "Unexpected authentication 'step' received"},
		{&internalpb.AuthenticationCompletedMessage{}, "Unexpected authentication 'completed' received"},
		{&internalpb.AuthenticationErrorMessage{Error: proto.String("No authenticator loaded")}, "Authentication error: No authenticator loaded"},
		{&internalpb.AuthenticationFailedMessage{}, ErrRefused.Error()},
	} {
		w := runtimetest.World(t, 1)
		far, near := w.Node("10.0.0.1:5050"), w.Node("10.0.0.2:5051")
		o := &odd{}
		ref, err := runtime.Spawn(far, "master", o)
		if err != nil {
			t.Fatal(err)
		}
		f := Authenticate(near, ref.PID(), runtime.PID{ID: "slave(1)", Addr: near.Addr()}, credential("ag", "agsecret"))
		runtime.Tell(ref, func(o *odd) { o.Send(runtime.PID{ID: "crammd5-authenticatee(1)", Addr: near.Addr()}, c.say) })
		w.Advance(time.Second)
		if _, done, err := f.Peek(); !done || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, %v, want %s", c.say, done, err, c.want)
		}
	}
}
