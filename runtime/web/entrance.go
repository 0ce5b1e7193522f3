package web

import (
	"errors"

	"meseta/runtime"
)

// entrance keeps the requests to an actor in order while some of them are examined.
type entrance struct {
	queue   *runtime.Sequence
	waiting int
}

// admit brings req past the gates of its route, and then to its handler, not before the requests that came earlier. It
// is called on a turn of b.
func (s *server) admit(b runtime.Behavior, r *route, req *Request) runtime.Future[*Response] {
	d := deskOf(b)
	authenticator, authorizer := s.gates.at(r.realm, "/"+runtime.RefOf(b).PID().ID+r.path)
	if authenticator == nil && authorizer == nil && (d.entrance == nil || d.entrance.waiting == 0) {
		return handled(b, r.h, req)
	}
	if d.entrance == nil {
		d.entrance = &entrance{queue: runtime.NewSequence(b)}
	}
	verdict := s.examine(authenticator, authorizer, req)
	handle, entrance := r.h, d.entrance
	entrance.waiting++
	turn := runtime.Enqueue(entrance.queue, func() runtime.Future[*Response] { return verdict })
	turn.OnAny(func(*Response, error) { verdict.Discard() }) // it is not wanted any more, if it is not there
	return runtime.Chain(b, turn, func(refusal *Response, err error) runtime.Future[*Response] {
		entrance.waiting--
		switch {
		case err != nil:
			return runtime.Failed[*Response](err)
		case refusal != nil:
			return runtime.Ready(refusal)
		}
		return handled(b, handle, req)
	})
}

var errNoVerdict = errors.New("web: an authenticator must return a principal or a refusal")

// examine returns the refusal of req, nil if there is none, and sets its principal.
func (s *server) examine(authenticator Authenticator, authorizer func(*Request) runtime.Future[bool], req *Request) runtime.Future[*Response] {
	who := runtime.Ready(Authentication{Principal: &Principal{}})
	if authenticator != nil {
		who = authenticator.Authenticate(req)
	}
	return runtime.Flatten(runtime.Then(who, func(who Authentication) (runtime.Future[*Response], error) {
		switch {
		case (who.Principal == nil) == (who.Refusal == nil):
			return runtime.Future[*Response]{}, errNoVerdict
		case who.Refusal != nil:
			return runtime.Ready(who.Refusal), nil
		}
		if authenticator != nil {
			req.Principal = who.Principal
		}
		if authorizer == nil {
			return runtime.Ready[*Response](nil), nil
		}
		return runtime.Then(s.permits(authorizer, req), func(allowed bool) (*Response, error) {
			if allowed {
				return nil, nil
			}
			return Forbidden("403 Forbidden."), nil
		}), nil
	}))
}
