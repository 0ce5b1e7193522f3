package api

import (
	"context"
	"errors"
	"io"
	"net/http"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/validate"
)

// launchSession starts a debug container inside another container, and answers with its output. The container ends when
// the client disconnects.
//
// Mesos: Http::launchNestedContainerSession.
func (a *API) launchSession(c *apiCall) answer {
	x := c.GetLaunchNestedContainerSession()
	id := ids.ContainerOf(x.GetContainerId())
	config := a.nested(x.GetCommand(), x.GetContainer())
	config.ContainerClass = slavepb.ContainerClass_DEBUG.Enum()
	return runtime.Chain(a, a.launchContainer(x.GetContainerId(), config), func(r *web.Response, err error) answer {
		if err != nil {
			return runtime.Failed[*web.Response](err)
		}
		if r.Status != http.StatusOK {
			return runtime.Ready(r)
		}
		return runtime.Continue(a, a.attachOutput(c, id), func(r *web.Response, err error) (*web.Response, error) {
			if err != nil || r.Stream == nil {
				a.options.Containers.Destroy(id)
			} else {
				runtime.Await(a, r.Stream.Gone(), func(struct{}, error) { a.options.Containers.Destroy(id) })
			}
			return r, err
		})
	})
}

// board calls then with the board of an executor's container. If there is none, it answers why.
func (a *API) board(id ids.Container, then func(containerizer.Board) answer) answer {
	unknown := web.Text(http.StatusNotFound, "Container "+string(id)+" cannot be found")
	if a.executorIn(id.Root()) == nil {
		return runtime.Ready(unknown)
	}
	attached := runtime.Flatten(runtime.Then(a.options.Containers.Attach(id), func(b containerizer.Board) (answer, error) { return then(b), nil }))
	return runtime.Recover(attached, func(err error) (*web.Response, error) {
		if errors.Is(err, containerizer.ErrUnknown) {
			return unknown, nil
		}
		return web.Text(http.StatusInternalServerError, err.Error()), nil
	})
}

// executorIn returns the executor whose container is id.
func (a *API) executorIn(id ids.Container) *book.Executor {
	for f := range a.Book().Frameworks() {
		for e := range f.Executors() {
			if e.Container == id {
				return e
			}
		}
	}
	return nil
}

// attachOutput answers with the output of a container from now on.
//
// Mesos: Http::attachContainerOutput.
func (a *API) attachOutput(c *apiCall, id ids.Container) answer {
	attached := a.board(id, func(b containerizer.Board) answer {
		stream := web.NewStream()
		b.Listen(stream, func(said *agentpb.ProcessIO) []byte { return c.media.Record(said) })
		header := http.Header{"Content-Type": {c.media.String()}}
		if c.records {
			header = http.Header{"Content-Type": {mediaRecordIO}, "Message-Content-Type": {c.media.String()}}
		}
		return runtime.Ready(&web.Response{Status: http.StatusOK, Header: header, Stream: stream})
	})
	return runtime.Continue(a, attached, func(r *web.Response, err error) (*web.Response, error) {
		if err == nil && r.Stream != nil {
			a.keepListening(r.Stream, c.media.Record(&agentpb.ProcessIO{
				Type: agentpb.ProcessIO_CONTROL.Enum(), Control: &agentpb.ProcessIO_Control{
					Type: agentpb.ProcessIO_Control_HEARTBEAT.Enum(),
					Heartbeat: &agentpb.ProcessIO_Control_Heartbeat{
						Interval: &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(a.options.Heartbeat))},
					},
				},
			}))
		}
		return r, err
	})
}

// keepListening sends heartbeats until the client disconnects.
func (a *API) keepListening(stream *web.Stream, beat []byte) {
	a.Delay(a.options.Heartbeat, func() {
		if stream.Write(beat) == nil {
			a.keepListening(stream, beat)
		}
	})
}

// attachInput passes the records of a request to a container. It answers when there are no more, or when nobody reads
// them.
//
// Mesos: Http::attachContainerInput.
func (a *API) attachInput(c *apiCall) answer {
	x := c.GetAttachContainerInput()
	if x.GetType() != agentpb.Call_AttachContainerInput_CONTAINER_ID {
		return runtime.Ready(web.BadRequest("Expecting 'attach_container_input.type' to be CONTAINER_ID"))
	}
	return a.board(ids.ContainerOf(x.GetContainerId()), func(b containerizer.Board) answer {
		if !b.TakeInput() {
			return runtime.Ready(web.Text(http.StatusConflict, "Multiple input connections are not allowed"))
		}
		answered := runtime.Owe[*web.Response](a)
		given := runtime.Go(a, func(context.Context) (*web.Response, error) {
			defer b.ReleaseInput()
			return c.giveInput(b), nil
		})
		given.OnAny(func(r *web.Response, err error) {
			if err != nil {
				answered.Fail(err)
				return
			}
			answered.Set(r)
		})
		b.Over().OnAny(func(struct{}, error) { answered.Set(web.OK()) })
		return answered.Future()
	})
}

// giveInput passes on one record after the other. It blocks.
func (c *apiCall) giveInput(b containerizer.Board) *web.Response {
	for {
		record, err := c.input.Next()
		if errors.Is(err, io.EOF) {
			return web.OK()
		}
		if err != nil {
			return web.BadRequest(err.Error())
		}
		call, err := decodeCall(c.content, record)
		if err == nil {
			err = validate.ProcessInput(call)
		}
		if err != nil {
			return web.BadRequest(err.Error())
		}
		given := call.GetAttachContainerInput().GetProcessIo()
		err = b.Type(given)
		switch {
		case err != nil && given.GetType() == agentpb.ProcessIO_CONTROL:
			return web.BadRequest("Unable to set the window size: " + err.Error())
		case err != nil:
			return web.Text(http.StatusInternalServerError, "Failed writing to stdin: "+err.Error())
		}
	}
}
