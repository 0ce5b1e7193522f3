package api

import (
	"io"
	"net/http"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/executorpb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/book"
	"meseta/slave/validate"
)

// serveExecutor serves the executor API.
//
// Mesos: Http::executor.
//
// Differs: until recovery is over Mesos answers 503 also to updates of an executor that it has let subscribe meanwhile, and its
// executors do not repeat what is answered so. Here these updates are accepted.
func (a *API) serveExecutor(req *web.Request) runtime.Future[*web.Response] {
	if f := a.Facts(); f.Recovering && !f.Reconnecting {
		return runtime.Ready(unavailable())
	}
	call, refused := executorCall(req)
	if refused != nil {
		return runtime.Ready(refused)
	}
	runtime.Heard(a, call)
	media := mediatype.JSON
	switch call.GetType() {
	case executorpb.Call_HEARTBEAT:
		return runtime.Ready(web.Accepted())
	case executorpb.Call_SUBSCRIBE:
		var err error
		if media, err = mediatype.ForAnswer(req.Header); err != nil {
			return runtime.Ready(refusedBy(err))
		}
	}
	f := a.Book().Framework(ids.FrameworkOf(call.GetFrameworkId()))
	var e *book.Executor
	if f != nil {
		e = f.Executor(ids.ExecutorOf(call.GetExecutorId()))
	}
	switch {
	case a.Facts().Recovering && !early(call, e):
		return runtime.Ready(unavailable())
	case f == nil:
		return runtime.Ready(web.BadRequest("Framework cannot be found"))
	case e == nil:
		return runtime.Ready(web.BadRequest("Executor cannot be found"))
	}
	if err := claims(req.Principal, e); err != nil {
		return runtime.Ready(web.Forbidden(err.Error()))
	}
	if e.State == book.Registering && call.GetType() != executorpb.Call_SUBSCRIBE {
		return runtime.Ready(web.Text(http.StatusForbidden, "Executor is not subscribed"))
	}
	return runtime.Ready(a.executorCalls(f, e, call, media))
}

// early reports whether a call is carried out although the agent recovers: executors may come back, and those that have may tell
// what became of their tasks.
func early(call *executorpb.Call, e *book.Executor) bool {
	switch call.GetType() {
	case executorpb.Call_SUBSCRIBE:
		return true
	case executorpb.Call_UPDATE:
		return e != nil && e.State != book.Registering
	}
	return false
}

// executorCalls carries out a valid call of a known executor.
func (a *API) executorCalls(f *book.Framework, e *book.Executor, call *executorpb.Call, media mediatype.Type) *web.Response {
	switch call.GetType() {
	case executorpb.Call_SUBSCRIBE:
		stream := web.NewStream()
		a.Subscribe(f, e, call.GetSubscribe(), book.Line{Stream: stream, Media: media})
		return &web.Response{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {media.String()}}, Stream: stream,
		}
	case executorpb.Call_UPDATE:
		a.Update(e, call.GetUpdate().GetStatus())
	case executorpb.Call_MESSAGE:
		a.Message(e, call.GetMessage().GetData())
	default:
		return web.Text(http.StatusNotImplemented, "501 Not Implemented.")
	}
	return web.Accepted()
}

// executorCall reads a call. It returns an answer if the call is invalid.
func executorCall(req *web.Request) (*executorpb.Call, *web.Response) {
	call := &executorpb.Call{}
	if refused := readCall(req, call); refused != nil {
		return nil, refused
	}
	if err := validate.ExecutorCall(call); err != nil {
		return nil, web.BadRequest("Failed to validate Executor::Call: " + err.Error())
	}
	return call, nil
}

// readCall reads the body of a POST, a call of v1, into call, its namesake of v0. It returns an answer if that fails.
func readCall(req *web.Request, call proto.Message) *web.Response {
	if req.Method != http.MethodPost {
		return web.MethodNotAllowed(req, http.MethodPost)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return web.BadRequest("Failed to read the body: " + err.Error())
	}
	if err := mediatype.ReadV1(req.Header, body, call); err != nil {
		return refusedBy(err)
	}
	return nil
}

// refusedBy returns the answer for an error of package mediatype.
func refusedBy(err error) *web.Response {
	refusal := err.(*mediatype.Refusal)
	return web.Text(refusal.Status, refusal.Text)
}
