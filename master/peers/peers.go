// Package peers decides who the peers of a master are and what they may do. All conversations ask here: whether a
// message is from the scheduler of the framework that it names, what an agent or framework that registers may do, and
// what a registered framework may do.
//
// The principal of an agent is the one that it was authenticated with, if any. The principal of a framework is the one
// that it names; an authenticated scheduler can name no other.
package peers

import (
	"meseta/actors/authorizer"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Peers holds the peers of one master. They belong to its actor and may be used only on its turns.
type Peers struct {
	*runtime.Actor // the master's
	book           *book.Book
	authentication Authentication
	principals     map[runtime.PID]string                 // of authenticated agents and schedulers
	authenticating map[runtime.PID]runtime.Future[string] // their principals
	authorizer     authorizer.Authorizer                  // nil allows everything
	frameworks     map[ids.Framework]authorizer.Approver  // of registered frameworks
}

// New returns the peers of a master with the book known. asked decides what they may do; nil allows everything.
func New(actor *runtime.Actor, known *book.Book, a Authentication, asked authorizer.Authorizer) *Peers {
	return &Peers{
		Actor: actor, book: known, authentication: a, authorizer: asked, principals: map[runtime.PID]string{},
		authenticating: map[runtime.PID]runtime.Future[string]{}, frameworks: map[ids.Framework]authorizer.Approver{},
	}
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
func (p *Peers) Agent(agent runtime.PID) runtime.Future[authorizer.Approver] {
	if principal, ok := p.principals[agent]; ok {
		return authorizer.OfName(p.authorizer, principal)
	}
	return authorizer.Of(p.authorizer, nil)
}

// WithAgent calls then with what the agent at from may do: at once if there is no authorizer, and otherwise on a later turn of actor.
//
// Differs: Mesos always takes another turn. When thousands of agents return, it comes after the first turns of all of them.
func (p *Peers) WithAgent(actor runtime.Behavior, from runtime.PID, then func(authorizer.Approver, error)) {
	if p.authorizer == nil {
		then(nil, nil)
		return
	}
	runtime.Await(actor, p.Agent(from), then)
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
