package crammd5

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Authenticate proves to the master that client, an actor of n, has the principal of the credential. The future fails with
// [ErrRefused] if the master does not accept the credential, with [ErrDiscarded] if it is discarded, and otherwise with
// what was wrong. A master that needs no authentication answers with an error.
//
// Mesos: CRAMMD5Authenticatee.
func Authenticate(n *runtime.Node, master, client runtime.PID, c *mesospb.Credential) runtime.Future[struct{}] {
	if c.Secret == nil {
		return runtime.Failed[struct{}](errors.New("secret needed by CRAM-MD5 authenticatee"))
	}
	ref, err := runtime.Spawn(n, n.NewID("crammd5-authenticatee"), &authenticatee{master: master, client: client, credential: c})
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	return runtime.Flatten(runtime.Dispatch(ref, (*authenticatee).begin))
}

// authenticatee is the peer's side of one conversation.
//
// Mesos: CRAMMD5AuthenticateeProcess.
type authenticatee struct {
	runtime.Actor
	master, client runtime.PID
	credential     *mesospb.Credential
	stage          stage
	accepted       runtime.Promise[struct{}]
}

// Initialize implements [runtime.Initializer].
func (a *authenticatee) Initialize() {
	runtime.Install(a, a.mechanisms) // AuthenticationMechanismsMessage
	runtime.Install(a, a.step)       // AuthenticationStepMessage
	runtime.Install(a, a.completed)  // AuthenticationCompletedMessage
	runtime.Install(a, a.failed)     // AuthenticationFailedMessage
	runtime.Install(a, a.error)      // AuthenticationErrorMessage
	self := runtime.RefOf(a)
	a.accepted = runtime.Owe[struct{}](a)
	a.accepted.OnDiscard(func() { runtime.Tell(self, func(a *authenticatee) { a.end(ErrDiscarded) }) })
}

func (a *authenticatee) begin() runtime.Future[struct{}] {
	a.Send(a.master, &internalpb.AuthenticateMessage{Pid: proto.String(a.client.String())})
	return a.accepted.Future()
}

func (a *authenticatee) mechanisms(from runtime.PID, m *internalpb.AuthenticationMechanismsMessage) {
	switch {
	case !a.isMaster(from):
	case a.stage != starting:
		a.end(errors.New("Unexpected authentication 'mechanisms' received"))
	case !slices.Contains(m.GetMechanisms(), mechanism):
		a.end(errors.New("Failed to start the SASL client: the master does not offer " + mechanism))
	default:
		a.stage = stepping
		a.Send(from, &internalpb.AuthenticationStartMessage{Mechanism: proto.String(mechanism), Data: []byte{}})
	}
}

// step answers the challenge.
func (a *authenticatee) step(from runtime.PID, m *internalpb.AuthenticationStepMessage) {
	switch {
	case !a.isMaster(from):
	case a.stage != stepping:
		a.end(errors.New("Unexpected authentication 'step' received"))
	default:
		proof := a.credential.GetPrincipal() + " " + digest(a.credential.GetSecret(), string(m.GetData()))
		a.Send(from, &internalpb.AuthenticationStepMessage{Data: []byte(proof)})
	}
}

func (a *authenticatee) completed(from runtime.PID, _ *internalpb.AuthenticationCompletedMessage) {
	switch {
	case !a.isMaster(from):
	case a.stage != stepping:
		a.end(errors.New("Unexpected authentication 'completed' received"))
	default:
		a.end(nil)
	}
}

func (a *authenticatee) failed(from runtime.PID, _ *internalpb.AuthenticationFailedMessage) {
	if a.isMaster(from) {
		a.end(ErrRefused)
	}
}

func (a *authenticatee) error(from runtime.PID, m *internalpb.AuthenticationErrorMessage) {
	if a.isMaster(from) {
		a.end(errors.New("Authentication error: " + m.GetError()))
	}
}

// isMaster reports whether a message is from the master's node, where a session of its own answers.
func (a *authenticatee) isMaster(from runtime.PID) bool { return from.Addr == a.master.Addr }

// end completes the conversation, once.
func (a *authenticatee) end(err error) {
	if a.stage == over {
		return
	}
	a.stage = over
	if err != nil {
		a.accepted.Fail(err)
	} else {
		a.accepted.Set(struct{}{})
	}
	a.Node().Terminate(a.Self())
}
