package runtime

import (
	"errors"
	"maps"
	"sync/atomic"
)

// Principal is who an HTTP request is from. Name may be empty if there are claims.
type Principal struct {
	Name   string
	Claims map[string]string
}

// Authentication is what became of a request's credentials: exactly one of the two is set.
type Authentication struct {
	Principal *Principal
	Refusal   *Response // Unauthorized with a challenge, or Forbidden
}

// Authenticator tells who sends the requests to the routes of a realm (libprocess: http::authentication::Authenticator).
type Authenticator interface {
	// Scheme names the way: "Basic".
	Scheme() string
	// Authenticate must complete in finite time. It is called on turns of the actor that routes the request, and so
	// does not block.
	Authenticate(req *Request) Future[Authentication]
}

// SetAuthenticator puts a before the routes of a realm; nil lets everybody in, as without it.
func (n *Node) SetAuthenticator(realm string, a Authenticator) {
	n.gates.change(func(g *gates) { g.authenticators[realm] = a })
}

// SetAuthorizer puts allow before the route at path, "/<id><route>", whose requests are answered 403 when it says no;
// nil lets everybody in. Request.Principal is known when it is called, on any goroutine (libprocess:
// http::authorization::setCallbacks).
func (n *Node) SetAuthorizer(path string, allow func(*Request) Future[bool]) {
	n.gates.change(func(g *gates) { g.authorizers[path] = allow })
}

// gates are what stands before routes. They are replaced, never changed.
type gates struct {
	authenticators map[string]Authenticator // by realm
	authorizers    map[string]func(*Request) Future[bool]
}

type currentGates struct{ atomic.Pointer[gates] }

func (c *currentGates) change(edit func(*gates)) {
	for {
		old := c.Load()
		next := &gates{map[string]Authenticator{}, map[string]func(*Request) Future[bool]{}}
		if old != nil {
			maps.Copy(next.authenticators, old.authenticators)
			maps.Copy(next.authorizers, old.authorizers)
		}
		if edit(next); c.CompareAndSwap(old, next) {
			return
		}
	}
}

// at returns what stands before a route; nil, nil when everybody may pass.
func (c *currentGates) at(realm, path string) (Authenticator, func(*Request) Future[bool]) {
	g := c.Load()
	if g == nil {
		return nil, nil
	}
	authorizer := g.authorizers[path]
	if realm == "" {
		return nil, authorizer
	}
	return g.authenticators[realm], authorizer
}

// entrance keeps the requests to an actor in order while some of them are examined.
type entrance struct {
	queue   *Sequence
	waiting int
}

// admit brings req past the gates of its route, and then to its handler, not before the requests that came earlier. It
// is called on a turn of a.
func (a *Actor) admit(r *route, req *Request) Future[*Response] {
	authenticator, authorizer := a.node.gates.at(r.realm, "/"+a.self.ID+r.path)
	if authenticator == nil && authorizer == nil && (a.entrance == nil || a.entrance.waiting == 0) {
		return r.h(req)
	}
	if a.entrance == nil {
		a.entrance = &entrance{queue: NewSequence(a.impl)}
	}
	verdict := examine(authenticator, authorizer, req)
	handle := r.h
	a.entrance.waiting++
	turn := Enqueue(a.entrance.queue, func() Future[*Response] { return verdict })
	turn.OnAny(func(*Response, error) { verdict.Discard() }) // it is not wanted any more, if it is not there
	return Chain(a.impl, turn, func(refusal *Response, err error) Future[*Response] {
		a.entrance.waiting--
		switch {
		case err != nil:
			return Failed[*Response](err)
		case refusal != nil:
			return Ready(refusal)
		}
		return handle(req)
	})
}

var errNoVerdict = errors.New("runtime: an authenticator must return a principal or a refusal")

// examine returns the refusal of req, nil if there is none, and sets its principal.
func examine(authenticator Authenticator, authorizer func(*Request) Future[bool], req *Request) Future[*Response] {
	who := Ready(Authentication{Principal: &Principal{}})
	if authenticator != nil {
		who = authenticator.Authenticate(req)
	}
	return Flatten(Then(who, func(who Authentication) (Future[*Response], error) {
		switch {
		case (who.Principal == nil) == (who.Refusal == nil):
			return Future[*Response]{}, errNoVerdict
		case who.Refusal != nil:
			return Ready(who.Refusal), nil
		}
		if authenticator != nil {
			req.Principal = who.Principal
		}
		if authorizer == nil {
			return Ready[*Response](nil), nil
		}
		return Then(authorizer(req), func(allowed bool) (*Response, error) {
			if allowed {
				return nil, nil
			}
			return Forbidden("403 Forbidden."), nil
		}), nil
	}))
}
