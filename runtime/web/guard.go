package web

import (
	"errors"
	"iter"
	"net/http"

	"github.com/rs/zerolog"

	"meseta/runtime"
)

// What actors give away is called on no turn of theirs: authorizers and the content of responses. A panic there ends the
// node, as one in a turn does, and the report says which request it was.

// place is where something went wrong, for the report of a panic.
type place struct {
	what string
	req  *Request
	self runtime.PID // zero: the authorizer was set for the node
}

// String implements [fmt.Stringer].
func (p place) String() string {
	text := p.what + " " + p.req.String()
	if !p.self.IsZero() {
		text += ", answered by actor " + p.self.String()
	}
	return text
}

// permits asks an authorizer about req.
func (s *server) permits(allow func(*Request) runtime.Future[bool], req *Request) runtime.Future[bool] {
	var verdict runtime.Future[bool]
	s.node.Guard(place{what: "the authorizer of", req: req}, func() { verdict = allow(req) })
	if verdict.IsZero() {
		return runtime.Failed[bool](errors.New("web: an authorizer must return a verdict"))
	}
	return verdict
}

// guarded is the answer of b to req, whose content is drawn on no turn.
func (s *server) guarded(b runtime.Behavior, req *Request, f runtime.Future[*Response]) runtime.Future[*Response] {
	if r, done, err := f.Peek(); done && (err != nil || r == nil || r.Content == nil) {
		return f
	}
	where := place{"the content of the response to", req, runtime.RefOf(b).PID()}
	return runtime.Then(f, func(r *Response) (*Response, error) {
		if r == nil || r.Content == nil {
			return r, nil
		}
		guarded := *r
		guarded.Content = s.draw(where, r.Content)
		return &guarded, nil
	})
}

// draw draws content. What the reader does with a piece is not content's fault, but the reader is a wire, whose panic is as
// fatal.
func (s *server) draw(where place, content iter.Seq[[]byte]) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		s.node.Guard(where, func() { content(yield) })
	}
}

// handled calls a handler of b. One that returns no future made a mistake that its client is told of, and the log.
func handled(b runtime.Behavior, h Handler, req *Request) runtime.Future[*Response] {
	f := h(req)
	if !f.IsZero() {
		return f
	}
	if l, ok := b.(interface{ Log() *zerolog.Logger }); ok {
		l.Log().Error().Str("request", req.String()).Msg("the handler returned a zero Future")
	}
	return runtime.Ready(Text(http.StatusInternalServerError, "The handler of "+req.Route+" returned no future.\n"))
}
