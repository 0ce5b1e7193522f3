package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"meseta/master/book"
	"meseta/master/validate"
	"meseta/messages/evolve"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// streamID is the header that ties a scheduler's calls to its stream of events.
const streamID = "Mesos-Stream-Id"

// serveScheduler serves the scheduler API. SUBSCRIBE is answered with a stream of events, other calls with 202.
//
// Mesos: Master::Http::scheduler.
func (a *api) serveScheduler(req *web.Request) runtime.Future[*web.Response] {
	switch {
	case nameless(req.Principal):
		return runtime.Ready(refusedNameless())
	case !a.core.Leadership().Leads:
		return a.redirect(req.URL.RequestURI())
	case !a.core.Leadership().Recovered:
		return runtime.Ready(web.Unavailable("Master has not finished recovery"))
	case req.Method != http.MethodPost:
		return runtime.Ready(web.MethodNotAllowed(req, http.MethodPost))
	}
	call, media, err := a.readCall(req)
	if err != nil {
		return runtime.Ready(refusalOf(err))
	}
	if call.GetType() == schedulerpb.Call_SUBSCRIBE {
		return runtime.Ready(a.openStream(req, media, call.GetSubscribe()))
	}
	f, no := a.caller(req, call)
	if no != nil {
		return runtime.Ready(no)
	}
	if a.core.Waits(f.ID) {
		return a.carryOutLater(req, f.ID, call)
	}
	return runtime.Ready(a.carryOut(f, call))
}

// readCall returns the call in a request, and the format for the answer if the answer has content.
func (a *api) readCall(req *web.Request) (*schedulerpb.Call, mediatype.Type, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, 0, fmt.Errorf("read the request: %w", err)
	}
	call, err := parseCall(req.Header, body)
	if err != nil {
		return nil, 0, err
	}
	runtime.Heard(a, call)
	err = validate.Call(call)
	if err == nil && call.GetType() == schedulerpb.Call_SUBSCRIBE {
		err = identify(req.Principal, call.Subscribe)
	}
	if err != nil {
		a.core.Counts().InvalidCall(call.GetType())
		return nil, 0, fmt.Errorf("Failed to validate scheduler::Call: %w", err)
	}
	switch call.GetType() {
	case schedulerpb.Call_SUBSCRIBE, schedulerpb.Call_RECONCILE_OPERATIONS:
		media, err := mediatype.ForAnswer(req.Header)
		return call, media, err
	}
	return call, 0, nil
}

// parseCall parses a call of v1. All calls but SUBSCRIBE are the same in v0.
func parseCall(header http.Header, body []byte) (*schedulerpb.Call, error) {
	call := &schedulerpb.Call{}
	if err := mediatype.ReadV1(header, body, call); err == nil && call.Subscribe == nil {
		return call, nil
	}
	v1 := &schedulerv1pb.Call{}
	if err := mediatype.Read(header, body, v1); err != nil {
		return nil, err
	}
	return evolve.Devolve[schedulerpb.Call](v1), nil
}

// refusalOf returns the answer for an error in a request.
func refusalOf(err error) *web.Response {
	if no := (*mediatype.Refusal)(nil); errors.As(err, &no) {
		return web.Text(no.Status, no.Text)
	}
	return web.BadRequest(err.Error())
}

// openStream answers a SUBSCRIBE. The outcome is the first event of the stream.
func (a *api) openStream(req *web.Request, media mediatype.Type, call *schedulerpb.Call_Subscribe) *web.Response {
	if req.Header[streamID] != nil {
		return web.BadRequest("Subscribe calls should not include the '" + streamID + "' header")
	}
	s := &eventStream{actor: a.Actor, to: req.Client, id: ids.NewUUID(a.Rand()).String(), media: media, pipe: web.NewStream()}
	a.core.Subscribe(book.Connection{Stream: s}, call)
	return &web.Response{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {media.String()}, streamID: {s.id}}, Stream: s.pipe,
	}
}

// caller returns the framework that a call is for, or an answer if the call does not come from its scheduler.
func (a *api) caller(req *web.Request, call *schedulerpb.Call) (*book.Framework, *web.Response) {
	f := a.core.Book().Framework(ids.FrameworkOf(call.GetFrameworkId()))
	if f == nil {
		return nil, web.BadRequest("Framework cannot be found")
	}
	f.Called(call.GetType())
	return f, notFrom(f, req)
}

// notFrom returns an answer if a request does not come from the scheduler of f, and nil if it does.
func notFrom(f *book.Framework, req *web.Request) *web.Response {
	id := req.Header.Get(streamID)
	switch {
	case impersonates(req.Principal, f.Info) != nil:
		return web.BadRequest(impersonates(req.Principal, f.Info).Error())
	case !f.Connected():
		return web.Forbidden("Framework is not subscribed")
	case !f.IsHTTP():
		return web.Forbidden("Framework is not connected via HTTP")
	case req.Header[streamID] == nil:
		return web.BadRequest("All non-subscribe calls should include the '" + streamID + "' header")
	case id != f.Stream.ID():
		return web.BadRequest(fmt.Sprintf(
			"The stream ID '%s' included in this request didn't match the stream ID currently associated with framework ID %s", id, f.ID))
	}
	return nil
}

// carryOutLater carries out a call after the earlier ones of its framework, if it still comes from the scheduler then.
func (a *api) carryOutLater(req *web.Request, id ids.Framework, call *schedulerpb.Call) runtime.Future[*web.Response] {
	answer := runtime.Owe[*web.Response](a)
	err := a.core.Handle(id, call, func() {
		f := a.core.Book().Framework(id)
		if f == nil {
			answer.Set(web.BadRequest("Framework cannot be found"))
			return
		}
		no := notFrom(f, req)
		if no == nil {
			no = a.carryOut(f, call)
		}
		answer.Set(no)
	})
	if err != nil {
		answer.Set(web.Unavailable(fmt.Sprintf("Call %s dropped: %v", call.GetType(), err)))
	}
	return answer.Future()
}

// carryOut carries out a call other than SUBSCRIBE.
func (a *api) carryOut(f *book.Framework, call *schedulerpb.Call) *web.Response {
	if call.GetType() == schedulerpb.Call_UNKNOWN {
		return web.Text(http.StatusNotImplemented, "501 Not Implemented.")
	}
	err := a.core.Dispatch(f, call)
	switch {
	case err != nil:
		return errorAnswer(err)
	case call.GetType() == schedulerpb.Call_UPDATE_FRAMEWORK: // the only call whose outcome is known by now
		return web.OK()
	}
	return web.Accepted()
}
