package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"meseta/runtime"
	"meseta/runtime/internal/labels"
)

// server is what a node knows of its requests.
type server struct {
	node     *runtime.Node
	delegate atomic.Pointer[string]
	firewall atomic.Pointer[firewall]
	gates    currentGates
}

func serverOf(n *runtime.Node) *server {
	return runtime.Extension(n, func(n *runtime.Node) *server { return &server{node: n} })
}

// SetDelegate names the actor whose routes are reached without its id: /state for /master/state. It need not exist yet;
// "" is none.
func SetDelegate(n *runtime.Node, id string) { serverOf(n).delegate.Store(&id) }

func (s *server) delegated() string {
	if id := s.delegate.Load(); id != nil {
		return *id
	}
	return ""
}

// Serve answers a request to n: it finds the actor and, on that actor's turn, the route. The node itself answers /help
// and /__processes__; what is not an actor's goes to the delegate. Discarding the future tells the handler's future that
// nobody waits any more. Serve may be called from any goroutine.
//
// If the request has a traceparent, what it names is its cause; see package runtime/trace.
func Serve(n *runtime.Node, req *Request) runtime.Future[*Response] {
	if cause, ok := causeOf(req); ok {
		defer labels.Attribute(cause)()
	}
	if strings.Contains(req.URL.Path, "/..") {
		return runtime.Ready(NotFound())
	}
	s := serverOf(n)
	path := strings.TrimRight(req.URL.Path, "/")
	id, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if actor, ok := runtime.Find[runtime.Behavior](n, id); ok {
		return s.ask(actor, "/"+rest, req)
	}
	if own := s.ownRoute(id); own != nil {
		if no := s.disabled(id, rest); no != nil {
			return runtime.Ready(no)
		}
		return own("/"+rest, req)
	}
	if actor, ok := runtime.Find[runtime.Behavior](n, s.delegated()); ok {
		return s.ask(actor, "/"+strings.TrimPrefix(path, "/"), req)
	}
	return runtime.Ready(Absent(n))
}

// Absent answers a request to an actor of n that is not there, or that terminated before it answered: 404, or 503 if n is
// ending, because the client can ask the node that comes after it.
func Absent(n *runtime.Node) *Response {
	if n.Ending() {
		return Unavailable("503 Service Unavailable.")
	}
	return NotFound()
}

// ask has a request for path answered on a turn of actor.
func (s *server) ask(actor runtime.Ref[runtime.Behavior], path string, req *Request) runtime.Future[*Response] {
	if no := s.disabled(actor.PID().ID, path); no != nil {
		return runtime.Ready(no)
	}
	return runtime.Flatten(runtime.DispatchRequest(actor, req, func(b runtime.Behavior) runtime.Future[*Response] {
		r := deskOf(b).match(path)
		if r == nil {
			return runtime.Ready(NotFound())
		}
		if no := s.disabled(actor.PID().ID, r.path); no != nil { // path may be below the route's
			return runtime.Ready(no)
		}
		req.Route = r.path
		if body, ok := req.Body.(Arriving); ok && !r.eager {
			return s.complete(b, *r, body, req)
		}
		return s.guarded(b, req, s.admit(b, r, req))
	}))
}

// incomplete answers a request whose body could not be had.
func incomplete(err error) *Response {
	status := http.StatusBadRequest
	var known StatusError
	if errors.As(err, &known) {
		status = known.Status()
	}
	return Text(status, err.Error())
}

// complete lets a request wait for its body before it is served.
func (s *server) complete(b runtime.Behavior, r route, body Arriving, req *Request) runtime.Future[*Response] {
	arrived := runtime.Go(b, func(context.Context) ([]byte, error) { return body.Whole() })
	return runtime.Chain(b, arrived, func(whole []byte, err error) runtime.Future[*Response] {
		if err != nil {
			return runtime.Ready(incomplete(err))
		}
		req.Body = bytes.NewReader(whole)
		return s.guarded(b, req, s.admit(b, &r, req))
	})
}
