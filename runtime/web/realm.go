package web

import (
	"maps"
	"sync/atomic"

	"meseta/runtime"
)

// Principal is the authenticated sender of an HTTP request. Name may be empty if there are claims.
type Principal struct {
	Name   string
	Claims map[string]string
}

// Authentication is what became of a request's credentials: exactly one of the two is set.
type Authentication struct {
	Principal *Principal
	Refusal   *Response // Unauthorized with a challenge, or Forbidden
}

// Authenticator determines the senders of requests to the routes of a realm (libprocess: http::authentication::Authenticator).
type Authenticator interface {
	// Scheme names the way: "Basic".
	Scheme() string
	// Authenticate must complete in finite time. It is called on turns of the actor that routes the request, and so
	// does not block.
	Authenticate(req *Request) runtime.Future[Authentication]
}

// SetAuthenticator puts a before the routes of a realm on n; nil lets everybody in, as without it.
func SetAuthenticator(n *runtime.Node, realm string, a Authenticator) {
	serverOf(n).gates.change(func(g *gates) { g.authenticators[realm] = a })
}

// SetAuthorizer puts allow before the route of n at path, "/<id><route>", whose requests are answered 403 when it says no;
// nil lets everybody in. Request.Principal is known when it is called, on any goroutine (libprocess:
// http::authorization::setCallbacks).
func SetAuthorizer(n *runtime.Node, path string, allow func(*Request) runtime.Future[bool]) {
	serverOf(n).gates.change(func(g *gates) { g.authorizers[path] = allow })
}

// gates are what stands before routes. They are replaced, never changed.
type gates struct {
	authenticators map[string]Authenticator // by realm
	authorizers    map[string]func(*Request) runtime.Future[bool]
}

type currentGates struct{ atomic.Pointer[gates] }

func (c *currentGates) change(edit func(*gates)) {
	for {
		old := c.Load()
		next := &gates{map[string]Authenticator{}, map[string]func(*Request) runtime.Future[bool]{}}
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
func (c *currentGates) at(realm, path string) (Authenticator, func(*Request) runtime.Future[bool]) {
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
