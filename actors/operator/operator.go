// Package operator has what masters and agents do alike for operators: it asks what the sender of a request may do, answers
// the calls of the operator API that both have ([Daemon.Serve]), and writes answers in either format.
package operator

import (
	"net/http"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/messages/mediatype"
	"meseta/messages/pb/authorizationpb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Answer is what an HTTP client will get.
type Answer = runtime.Future[*web.Response]

// Caller is the sender of a request.
type Caller struct {
	Who *web.Principal      // nil: nobody in particular
	May authorizer.Approver // what they may do; nil: everything
}

// Ask continues, on a turn of b, with what the sender of req may do according to a. Without an authorizer it continues at
// once.
func Ask(b runtime.Behavior, a authorizer.Authorizer, req *web.Request, then func(Caller) Answer) Answer {
	if a == nil {
		return then(Caller{Who: req.Principal})
	}
	return runtime.Chain(b, a.Approver(req.Principal), func(may authorizer.Approver, err error) Answer {
		if err != nil {
			return runtime.Failed[*web.Response](err)
		}
		return then(Caller{req.Principal, may})
	})
}

// Allowed says why an action on one of objects, or the action at all if there are none, is not allowed; nil if it is.
func (c Caller) Allowed(action authorizationpb.Action, objects ...*authorizationpb.Object) error {
	if c.May == nil {
		return nil
	}
	if len(objects) == 0 {
		return authorizer.Check(c.May, action, nil)
	}
	for _, object := range objects {
		if err := authorizer.Check(c.May, action, object); err != nil {
			return err
		}
	}
	return nil
}

// Forbidden is the answer to what the caller may not do. It gives no reason.
func Forbidden() *web.Response { return web.Forbidden("403 Forbidden.") }

// Respond writes m, a response of v0, as its namesake of v1 in the format media.
func Respond(media mediatype.Type, m proto.Message) *web.Response {
	return &web.Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {media.String()}}, Body: media.MarshalV1(m)}
}
