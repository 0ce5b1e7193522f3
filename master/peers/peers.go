// Package peers decides who the peers of a master are and what they may do. All conversations ask here: whether a
// message is from the scheduler of the framework that it names, what an agent or framework that registers may do, and
// what a registered framework may do.
//
// There is no authentication yet: agents have no principal, and frameworks have the one that they name.
package peers

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Peers holds the peers of one master. They belong to its actor and may be used only on its turns.
type Peers struct {
	*runtime.Actor // the master's
	book           *book.Book
	authorizer     authorizer.Authorizer                 // nil allows everything
	frameworks     map[ids.Framework]authorizer.Approver // of registered frameworks
}

// New returns the peers of a master with the book known. asked decides what they may do; nil allows everything.
func New(actor *runtime.Actor, known *book.Book, asked authorizer.Authorizer) *Peers {
	return &Peers{actor, known, asked, map[ids.Framework]authorizer.Approver{}}
}

// ---- who it is ----

// Authenticate answers peers that want to authenticate: it is not required.
//
// Mesos: Master::authenticate, without an authenticator.
func (p *Peers) Authenticate(from runtime.PID, _ *internalpb.AuthenticateMessage) {
	p.Send(from, &internalpb.AuthenticationErrorMessage{Error: proto.String("No authenticator loaded")})
}

// Sender returns the framework that a message is from. If the framework is unknown or has its scheduler elsewhere, it
// logs that and returns nil. A message without a sender is from nobody, in particular not from a scheduler that uses
// HTTP and has no PID.
func (p *Peers) Sender(from runtime.PID, id *mesospb.FrameworkID, what string) *book.Framework {
	f := p.book.Framework(ids.FrameworkOf(id))
	if f != nil && !from.IsZero() && f.PID == from {
		return f
	}
	p.Log().Warn().Str("framework_id", id.GetValue()).Stringer("from", from).Str("what", what).
		Msg("message that is not from a registered framework ignored")
	return nil
}

// ---- what it may do ----

// Agent resolves to what the agent at from may do. A nil approver allows everything.
func (p *Peers) Agent(runtime.PID) runtime.Future[authorizer.Approver] {
	return authorizer.Of(p.authorizer, nil)
}

// Scheduler resolves to what a scheduler that subscribes as info may do. A nil approver allows everything.
func (p *Peers) Scheduler(_ book.Connection, info *mesospb.FrameworkInfo) runtime.Future[authorizer.Approver] {
	return authorizer.OfFramework(p.authorizer, info)
}

// Admit records what the registered framework f may do from now on.
func (p *Peers) Admit(f *book.Framework, may authorizer.Approver) { p.frameworks[f.ID] = may }

// Of returns what the registered framework f may do. nil allows everything.
func (p *Peers) Of(f *book.Framework) authorizer.Approver { return p.frameworks[f.ID] }

// Forget removes f, which ended.
func (p *Peers) Forget(f *book.Framework) { delete(p.frameworks, f.ID) }
