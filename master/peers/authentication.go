package peers

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
	"meseta/runtime"
)

// Authenticator determines the principals of peers that speak libprocess.
//
// Mesos: Authenticator.
type Authenticator interface {
	// Authenticate resolves to the principal of a peer that has asked to be authenticated, and talks to it until then.
	// It fails if the peer cannot prove its principal, or if the future is discarded.
	Authenticate(peer runtime.PID) runtime.Future[string]
}

// Authentication configures which peers have to be authenticated.
type Authentication struct {
	Authenticator Authenticator // nil: none; peers that want to be authenticated are refused
	// Timeout is how long the authentication of a peer may take (--authentication_v0_timeout).
	Timeout time.Duration
	// Agents and Frameworks require authentication (--authenticate_agents, --authenticate_frameworks). Schedulers that use
	// HTTP are authenticated by their requests instead.
	Agents, Frameworks bool
}

// Authenticate authenticates the peer that the message names, which must have the sender's IP address. Its port may be another:
// mesos-go's driver listens at one of its own while it is authenticated. The peer's earlier authentication ends.
//
// Mesos: Master::authenticate.
//
// Differs: Mesos authenticates any address for any sender.
func (p *Peers) Authenticate(from runtime.PID, m *internalpb.AuthenticateMessage) {
	refuse := func(why string) {
		p.Log().Warn().Stringer("from", from).Str("pid", m.GetPid()).Msg("authentication refused: " + why)
		p.Send(from, &internalpb.AuthenticationErrorMessage{Error: proto.String(why)})
	}
	peer, err := runtime.ParsePID(m.GetPid())
	switch {
	case p.authentication.Authenticator == nil:
		refuse("No authenticator loaded")
	case err != nil:
		refuse("Invalid pid: " + err.Error())
	case book.HostOf(peer) != book.HostOf(from):
		refuse(fmt.Sprintf("%s cannot be authenticated from %s", peer, from.Addr))
	default:
		p.begin(from, peer)
	}
}

// begin begins to authenticate peer, for which from answers.
func (p *Peers) begin(from, peer runtime.PID) {
	delete(p.principals, peer)
	if earlier, ok := p.authenticating[peer]; ok {
		earlier.Discard()
	}
	p.Log().Info().Stringer("pid", peer).Msg("authenticating")
	f := p.authentication.Authenticator.Authenticate(from)
	p.authenticating[peer] = f
	deadline := p.Delay(p.authentication.Timeout, f.Discard)
	runtime.Await(p, f, func(principal string, err error) {
		deadline.Cancel()
		p.authenticated(peer, f, principal, err)
	})
}

// authenticated records the outcome of f, unless another authentication of peer has begun.
//
// Mesos: Master::_authenticate.
func (p *Peers) authenticated(peer runtime.PID, f runtime.Future[string], principal string, err error) {
	if p.authenticating[peer] != f {
		return
	}
	delete(p.authenticating, peer)
	if err != nil {
		p.Log().Warn().Err(err).Stringer("pid", peer).Msg("peer not authenticated")
		return
	}
	p.principals[peer] = principal
	p.Link(peer) // until it registers, its connection is what tells whether it is still there
	p.Log().Info().Stringer("pid", peer).Str("principal", principal).Msg("peer authenticated")
}

// Queue reports whether peer is being authenticated. If so, again is called when it has been. If it cannot be
// authenticated, again is not called: the peer knows, and retries.
func (p *Peers) Queue(peer runtime.PID, again func()) bool {
	f, ok := p.authenticating[peer]
	if !ok {
		return false
	}
	p.Log().Info().Stringer("pid", peer).Msg("registration queued, because authentication is in progress")
	runtime.Await(p, f, func(_ string, err error) {
		if err == nil {
			again()
		}
	})
	return true
}

// Left forgets the principal of a peer whose connection broke. It is authenticated anew before it registers again.
func (p *Peers) Left(peer runtime.PID) { delete(p.principals, peer) }

// CheckAgent returns an error if an agent must be authenticated, and is not.
func (p *Peers) CheckAgent(agent runtime.PID) error {
	if _, ok := p.principals[agent]; p.authentication.Agents && !ok {
		return fmt.Errorf("agent at %s is not authenticated", agent)
	}
	return nil
}

// CheckFramework returns an error if a scheduler must be authenticated, and is not, or if it has another principal than
// the framework names.
//
// Mesos: Master::validateFrameworkAuthentication.
func (p *Peers) CheckFramework(scheduler book.Connection, info *mesospb.FrameworkInfo) error {
	if scheduler.IsHTTP() {
		return nil
	}
	if _, ok := p.authenticating[scheduler.PID]; ok {
		return fmt.Errorf("Re-authentication in progress")
	}
	principal, ok := p.principals[scheduler.PID]
	switch {
	case p.authentication.Frameworks && !ok:
		return fmt.Errorf("Framework at %s is not authenticated", scheduler.PID)
	case ok && info.Principal != nil && info.GetPrincipal() != principal:
		return fmt.Errorf("Framework principal '%s' does not match authenticated principal '%s'", info.GetPrincipal(), principal)
	}
	return nil
}

// Named returns info with the principal of an authenticated scheduler, if it names none.
func (p *Peers) Named(scheduler book.Connection, info *mesospb.FrameworkInfo) *mesospb.FrameworkInfo {
	principal, ok := p.principals[scheduler.PID]
	if !ok || scheduler.IsHTTP() || info.Principal != nil {
		return info
	}
	p.Log().Warn().Stringer("pid", scheduler.PID).Str("principal", principal).
		Msg("framework does not name the principal with which it authenticated; it is set")
	info = shallow.Copy(info)
	info.Principal = &principal
	return info
}
