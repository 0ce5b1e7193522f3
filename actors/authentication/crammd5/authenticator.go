package crammd5

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// Authenticator authenticates the peers of a node. It does not change and may be used on any goroutine.
//
// Mesos: CRAMMD5Authenticator.
type Authenticator struct {
	node    *runtime.Node
	secrets map[string]string
}

// New returns an authenticator for the peers of n that knows these secrets by principal. They must not change
// afterwards.
func New(n *runtime.Node, secrets map[string]string) *Authenticator {
	return &Authenticator{n, secrets}
}

// Authenticate resolves to the principal of peer, which has sent an AuthenticateMessage. It fails with [ErrRefused] if
// the peer cannot prove it, with [ErrDiscarded] if the future is discarded, and otherwise with what was wrong.
//
// Differs: a second conversation with the same peer does not wait for the end of the first.
func (a *Authenticator) Authenticate(peer runtime.PID) runtime.Future[string] {
	ref, err := runtime.Spawn(a.node, a.node.NewID("crammd5-authenticator-session"), &session{peer: peer, secrets: a.secrets})
	if err != nil {
		return runtime.Failed[string](err)
	}
	return runtime.Flatten(runtime.Dispatch(ref, (*session).begin))
}

// session is the master's side of one conversation.
//
// Mesos: CRAMMD5AuthenticatorSessionProcess.
type session struct {
	runtime.Actor
	peer      runtime.PID
	secrets   map[string]string
	stage     stage
	challenge string
	principal runtime.Promise[string]
}

// Initialize implements [runtime.Initializer].
func (s *session) Initialize() {
	runtime.Install(s, s.start) // AuthenticationStartMessage
	runtime.Install(s, s.step)  // AuthenticationStepMessage
	self := runtime.RefOf(s)
	s.principal = runtime.Owe[string](s)
	s.principal.OnDiscard(func() { runtime.Tell(self, func(s *session) { s.end("", ErrDiscarded) }) })
	s.Link(s.peer)
}

// begin offers the mechanism.
func (s *session) begin() runtime.Future[string] {
	s.Send(s.peer, &internalpb.AuthenticationMechanismsMessage{Mechanisms: []string{mechanism}})
	return s.principal.Future()
}

// start sends the challenge.
func (s *session) start(from runtime.PID, m *internalpb.AuthenticationStartMessage) {
	switch {
	case !s.isPeer(from):
	case s.stage != starting:
		s.fail("Unexpected authentication 'start' received")
	case m.GetMechanism() != mechanism:
		s.fail("SASL(-4): no mechanism available: Couldn't find mech " + m.GetMechanism())
	case len(m.GetData()) > 0:
		s.fail("SASL(-5): bad protocol / cancel: Remote sent first but mech does not allow it.")
	default:
		s.stage = stepping
		host, _, _ := net.SplitHostPort(s.Self().Addr)
		s.challenge = fmt.Sprintf("<%d.%d@%s>", s.Rand().Uint64(), s.Now().Unix(), cmp.Or(host, "localhost"))
		s.Send(s.peer, &internalpb.AuthenticationStepMessage{Data: []byte(s.challenge)})
	}
}

// step checks the response to the challenge: the principal, a space, and the digest. The principal may have spaces.
func (s *session) step(from runtime.PID, m *internalpb.AuthenticationStepMessage) {
	response := string(m.GetData())
	space := strings.LastIndexByte(response, ' ')
	switch {
	case !s.isPeer(from):
	case s.stage != stepping:
		s.fail("Unexpected authentication 'step' received")
	case space < 0:
		s.fail("SASL(-5): bad protocol / cancel: need authentication name")
	default:
		s.conclude(response[:space], response[space+1:])
	}
}

// conclude tells the peer whether it has proved to be the principal. An unknown principal takes as long as a wrong secret.
func (s *session) conclude(principal, proof string) {
	secret, known := s.secrets[principal]
	right := subtle.ConstantTimeCompare([]byte(digest(secret, s.challenge)), []byte(proof)) == 1
	if !known || !right {
		s.Send(s.peer, &internalpb.AuthenticationFailedMessage{})
		s.end("", ErrRefused)
		return
	}
	s.Send(s.peer, &internalpb.AuthenticationCompletedMessage{})
	s.end(principal, nil)
}

// isPeer reports whether a message is from the node that is authenticated. The peer may send from another actor than the
// one that is authenticated.
func (s *session) isPeer(from runtime.PID) bool { return from.Addr == s.peer.Addr }

// Exited implements [runtime.Exiter].
func (s *session) Exited(runtime.PID) {
	s.end("", errors.New("Failed to communicate with authenticatee"))
}

func (s *session) fail(why string) {
	s.Send(s.peer, &internalpb.AuthenticationErrorMessage{Error: proto.String(why)})
	s.end("", errors.New(why))
}

// end completes the conversation, once.
func (s *session) end(principal string, err error) {
	if s.stage == over {
		return
	}
	s.stage = over
	if err != nil {
		s.principal.Fail(err)
	} else {
		s.principal.Set(principal)
	}
	s.Node().Terminate(s.Self())
}
