package api

import (
	"context"
	"errors"
	"io"
	"net/http"

	"meseta/actors/operator"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/agentpb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/validate"
)

const (
	mediaRecordIO = "application/recordio"
	// maxRecord bounds a record of a streaming request, in bytes.
	maxRecord = 4 << 20
)

// apiCall is a call of the agent API with the formats of call and answer.
type apiCall struct {
	*agentpb.Call
	operator.Caller
	media   mediatype.Type   // of the answer, or of its records
	records bool             // the answer is a stream of records
	content mediatype.Type   // of the call, or of its records
	input   *recordio.Reader // the records after the first; nil if the call does not stream
}

// serveAPI serves the agent API, to operators and to executors that use nested containers.
//
// Mesos: Http::api.
func (a *API) serveAPI(req *web.Request) runtime.Future[*web.Response] {
	if a.Facts().Recovering {
		return runtime.Ready(unavailable())
	}
	c, refused := negotiate(req)
	if refused != nil {
		return runtime.Ready(refused)
	}
	read := runtime.Go(a, func(context.Context) (*web.Response, error) { return c.read(req), nil })
	return runtime.Chain(a, read, func(refused *web.Response, err error) answer {
		switch {
		case err != nil:
			return runtime.Failed[*web.Response](err)
		case refused != nil:
			return runtime.Ready(refused)
		}
		runtime.Heard(a, c.Call)
		return operator.Ask(a, a.options.Authorizer, req, func(by operator.Caller) answer {
			c.Caller = by
			return a.operate(c)
		})
	})
}

// negotiate reads the headers. It returns an answer if they request something that does not exist.
func negotiate(req *web.Request) (*apiCall, *web.Response) {
	if req.Method != http.MethodPost {
		return nil, web.MethodNotAllowed(req, http.MethodPost)
	}
	c := &apiCall{}
	if refused := c.negotiateContent(req); refused != nil {
		return nil, refused
	}
	if refused := c.negotiateAnswer(req.Header); refused != nil {
		return nil, refused
	}
	return c, nil
}

func (c *apiCall) negotiateContent(req *web.Request) *web.Response {
	unsupported := func(text string) *web.Response { return web.Text(http.StatusUnsupportedMediaType, text) }
	_, hasMessage := req.Header["Message-Content-Type"]
	switch content, present := req.Header["Content-Type"]; {
	case !present:
		return web.BadRequest("Expecting 'Content-Type' to be present")
	case content[0] == mediaRecordIO:
		if !hasMessage {
			return web.BadRequest("Expecting 'Message-Content-Type' to be set for streaming requests")
		}
		var err error
		if c.content, err = mediatype.Of(http.Header{"Content-Type": req.Header["Message-Content-Type"]}); err != nil {
			return unsupported("Expecting 'Message-Content-Type' of application/json or application/x-protobuf")
		}
		c.input = recordio.NewReader(req.Body, maxRecord)
	default:
		var err error
		if c.content, err = mediatype.Of(req.Header); err != nil {
			return unsupported("Expecting 'Content-Type' of application/json or application/x-protobuf or application/recordio")
		}
		if hasMessage {
			return unsupported("Expecting 'Message-Content-Type' to be not set for non-streaming requests")
		}
	}
	return nil
}

func (c *apiCall) negotiateAnswer(h http.Header) *web.Response {
	refuse := func(text string) *web.Response { return web.Text(http.StatusNotAcceptable, text) }
	message, hasMessage := h["Message-Accept"]
	if all := h["Accept"]; len(all) > 1 { // mesos-go sends two of them, and libprocess uses the last
		h = http.Header{"Accept": all[len(all)-1:]}
	}
	var err error
	if c.media, err = mediatype.ForAnswer(h); err == nil {
		if hasMessage {
			return refuse("Expecting 'Message-Accept' to be not set for non-streaming responses")
		}
		return nil
	}
	if !mediatype.Accepts(h, mediaRecordIO) {
		return refuse("Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio")
	}
	c.records = true
	accept := http.Header{}
	if hasMessage {
		accept["Accept"] = message
	}
	if c.media, err = mediatype.ForAnswer(accept); err != nil {
		return refuse("Expecting 'Message-Accept' to allow application/json or application/x-protobuf")
	}
	return nil
}

// read reads the call, or the first record of a stream. It blocks.
func (c *apiCall) read(req *web.Request) *web.Response {
	var body []byte
	var err error
	if c.input != nil {
		body, err = c.input.Next()
	} else {
		body, err = io.ReadAll(req.Body)
	}
	switch {
	case errors.Is(err, io.EOF):
		return web.BadRequest("Received EOF while reading request body")
	case err != nil:
		return web.BadRequest(err.Error())
	}
	if c.Call, err = decodeCall(c.content, body); err != nil {
		if no := (*mediatype.Refusal)(nil); errors.As(err, &no) {
			return web.Text(no.Status, no.Text)
		}
		return web.BadRequest(err.Error())
	}
	return c.mismatch()
}

// mismatch refuses a call that streams and must not, or that does not and must.
func (c *apiCall) mismatch() *web.Response {
	t := c.GetType()
	switch {
	case c.input != nil && t != agentpb.Call_ATTACH_CONTAINER_INPUT:
		return web.Text(http.StatusUnsupportedMediaType,
			"Streaming 'Content-Type' "+mediaRecordIO+" is not supported for "+t.String()+" call")
	case c.input == nil && t == agentpb.Call_ATTACH_CONTAINER_INPUT:
		return web.Text(http.StatusUnsupportedMediaType,
			"Expecting 'Content-Type' to be "+mediaRecordIO+" for "+t.String()+" call")
	case c.records && t != agentpb.Call_ATTACH_CONTAINER_OUTPUT && t != agentpb.Call_LAUNCH_NESTED_CONTAINER_SESSION:
		return web.Text(http.StatusNotAcceptable, "Streaming response is not supported for "+t.String()+" call")
	}
	return nil
}

func decodeCall(media mediatype.Type, body []byte) (*agentpb.Call, error) {
	call := &agentpb.Call{} // which has the same encoding in v1
	if media == mediatype.Protobuf {
		err := mediatype.Unmarshal(body, call)
		if no := (*mediatype.Refusal)(nil); errors.As(err, &no) {
			return nil, err
		}
		if err != nil {
			return nil, errors.New("Failed to parse body into a protobuf object")
		}
	} else if err := mesosjson.UnmarshalV1(body, call); err != nil {
		var syntax *mesosjson.SyntaxError
		if errors.As(err, &syntax) {
			return nil, errors.New("Failed to parse body into JSON: " + err.Error())
		}
		return nil, err
	}
	if err := validate.AgentCall(call); err != nil {
		return nil, errors.New("Failed to validate agent::Call: " + err.Error())
	}
	return call, nil
}

// answer returns a response, with the type of the call, in the requested format.
func (c *apiCall) answer(r *agentpb.Response) *web.Response {
	r.Type = agentpb.Response_Type(agentpb.Response_Type_value[c.GetType().String()]).Enum()
	return operator.Respond(c.media, r)
}

// operate carries out a valid call.
func (a *API) operate(c *apiCall) runtime.Future[*web.Response] {
	if a.forbids(c) {
		return runtime.Ready(operator.Forbidden())
	}
	switch c.GetType() {
	case agentpb.Call_LAUNCH_NESTED_CONTAINER:
		x := c.GetLaunchNestedContainer()
		return a.launchContainer(x.GetContainerId(), a.nested(x.GetCommand(), x.GetContainer()))
	case agentpb.Call_LAUNCH_CONTAINER:
		x := c.GetLaunchContainer()
		config := a.nested(x.GetCommand(), x.GetContainer())
		config.Resources, config.Limits = x.GetResources(), x.GetLimits()
		return a.launchContainer(x.GetContainerId(), config)
	case agentpb.Call_WAIT_NESTED_CONTAINER:
		return a.waitContainer(c, c.GetWaitNestedContainer().GetContainerId())
	case agentpb.Call_WAIT_CONTAINER:
		return a.waitContainer(c, c.GetWaitContainer().GetContainerId())
	case agentpb.Call_KILL_NESTED_CONTAINER:
		x := c.GetKillNestedContainer()
		return a.killContainer(x.GetContainerId(), x.Signal)
	case agentpb.Call_KILL_CONTAINER:
		x := c.GetKillContainer()
		return a.killContainer(x.GetContainerId(), x.Signal)
	case agentpb.Call_LAUNCH_NESTED_CONTAINER_SESSION:
		return a.launchSession(c)
	case agentpb.Call_ATTACH_CONTAINER_OUTPUT:
		return a.attachOutput(c, ids.ContainerOf(c.GetAttachContainerOutput().GetContainerId()))
	case agentpb.Call_ATTACH_CONTAINER_INPUT:
		return a.attachInput(c)
	case agentpb.Call_REMOVE_NESTED_CONTAINER:
		return a.removeContainer(c.GetRemoveNestedContainer().GetContainerId())
	case agentpb.Call_REMOVE_CONTAINER:
		return a.removeContainer(c.GetRemoveContainer().GetContainerId())
	}
	if serve := operatorCalls[c.GetType()]; serve != nil {
		return serve(a, c)
	}
	if answer, ok := (operator.Daemon{Build: a.options.Build, Flags: a.options.Flags}).Serve(a.Node(), c.Caller, c.Call, c.media); ok {
		return answer
	}
	return runtime.Ready(web.Text(http.StatusNotImplemented, "501 Not Implemented."))
}
