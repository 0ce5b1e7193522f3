package executor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"google.golang.org/protobuf/proto"

	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/secure"
	"meseta/runtime/web"
)

// HTTP is an executor's connection to its agent in v1. [NewHTTP] makes a real one. An answer with an unexpected status
// is a [*StatusError]; other errors mean that the agent was not reached.
type HTTP interface {
	// Subscribe opens the stream of events.
	Subscribe(b runtime.Behavior, call *executorpb.Call) runtime.Future[Events]
	// Call makes a call other than SUBSCRIBE.
	Call(b runtime.Behavior, call *executorpb.Call) runtime.Future[struct{}]
	// Operate makes a call of the agent API, for instance to launch a nested container.
	Operate(b runtime.Behavior, call *agentpb.Call) runtime.Future[*agentpb.Response]
	// Session makes a call that is answered with the output of a container, and waits for its end.
	Session(b runtime.Behavior, call *agentpb.Call) runtime.Future[struct{}]
}

// Events is a stream of events from an agent.
type Events interface {
	// Next completes with the next event. It fails if the stream is broken. Only one call may be pending.
	Next(b runtime.Behavior) runtime.Future[*executorpb.Event]
	// Close ends the stream.
	Close()
}

// StatusError is an answer with which an agent refuses a call.
type StatusError struct {
	Status int
	Text   string
}

// Error returns the status and the text.
func (e *StatusError) Error() string { return fmt.Sprintf("%d %s", e.Status, e.Text) }

// Temporary reports whether the same call may succeed later.
func (e *StatusError) Temporary() bool {
	return e.Status == http.StatusServiceUnavailable || e.Status == http.StatusNotFound
}

type httpAgent struct {
	base   string
	token  string
	client *http.Client
}

// NewHTTP returns a connection to the agent in env, which encryption encrypts unless it is nil, or the agent has a socket on
// this machine.
func NewHTTP(env Environment, encryption *secure.Transport) HTTP {
	base := &url.URL{Scheme: "http", Host: env.Agent.Addr, Path: "/" + env.Agent.ID}
	if env.Socket != "" {
		return &httpAgent{base.String(), env.Token, web.NewClient(throughSocket(env.Socket))}
	}
	if encryption != nil {
		base.Scheme = "https"
		return &httpAgent{base.String(), env.Token, web.NewClient(encryption.HTTP())}
	}
	return &httpAgent{base.String(), env.Token, web.NewClient(&http.Transport{DisableCompression: true})}
}

// throughSocket returns a transport to whoever listens at a Unix domain socket.
func throughSocket(path string) *http.Transport {
	return &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}
}

// post sends a call and returns the answer, whose body the caller closes. It fails unless the answer has the given
// status.
func (a *httpAgent) post(ctx context.Context, path string, call proto.Message, status int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+path, bytes.NewReader(mediatype.Protobuf.Marshal(call)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", mediatype.Protobuf.String())
	req.Header.Set("Accept", mediatype.Protobuf.String())
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	r, err := a.client.Do(req)
	if err != nil {
		return nil, err
	}
	if r.StatusCode == status {
		return r, nil
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(r.Body, 4<<10)) // a part of the text is enough
	return nil, &StatusError{r.StatusCode, string(text)}
}

// Subscribe implements [HTTP].
func (a *httpAgent) Subscribe(b runtime.Behavior, call *executorpb.Call) runtime.Future[Events] {
	return runtime.Go(b, func(asked context.Context) (Events, error) {
		ctx, cancel := context.WithCancel(context.Background()) // the stream outlives the call
		forget := context.AfterFunc(asked, cancel)
		r, err := a.post(ctx, "/api/v1/executor", evolve.Evolve[executorv1pb.Call](call), http.StatusOK)
		if !forget() || err != nil {
			cancel()
		}
		if err != nil {
			return nil, err
		}
		return &httpEvents{r.Body, recordio.NewReader(r.Body, 0), cancel}, nil
	})
}

// Call implements [HTTP].
func (a *httpAgent) Call(b runtime.Behavior, call *executorpb.Call) runtime.Future[struct{}] {
	return runtime.Go(b, func(ctx context.Context) (struct{}, error) {
		r, err := a.post(ctx, "/api/v1/executor", evolve.Evolve[executorv1pb.Call](call), http.StatusAccepted)
		if err == nil {
			err = r.Body.Close()
		}
		return struct{}{}, err
	})
}

// Operate implements [HTTP].
func (a *httpAgent) Operate(b runtime.Behavior, call *agentpb.Call) runtime.Future[*agentpb.Response] {
	return runtime.Go(b, func(ctx context.Context) (*agentpb.Response, error) {
		r, err := a.post(ctx, "/api/v1", evolve.Evolve[agentv1pb.Call](call), http.StatusOK)
		if err != nil {
			return nil, err
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return ReadResponse(body)
	})
}

// Session implements [HTTP].
func (a *httpAgent) Session(b runtime.Behavior, call *agentpb.Call) runtime.Future[struct{}] {
	return runtime.Go(b, func(ctx context.Context) (struct{}, error) {
		r, err := a.post(ctx, "/api/v1", evolve.Evolve[agentv1pb.Call](call), http.StatusOK)
		if err != nil {
			return struct{}{}, err
		}
		defer r.Body.Close()
		_, err = io.Copy(io.Discard, r.Body)
		return struct{}{}, err
	})
}

// ReadResponse parses an answer of the agent API.
func ReadResponse(body []byte) (*agentpb.Response, error) {
	v1 := &agentv1pb.Response{}
	if err := proto.Unmarshal(body, v1); err != nil {
		return nil, fmt.Errorf("read the agent's answer: %w", err)
	}
	return evolve.Devolve[agentpb.Response](v1), nil
}

// ReadEvent parses a record of the stream.
func ReadEvent(record []byte) (*executorpb.Event, error) {
	v1 := &executorv1pb.Event{}
	if err := proto.Unmarshal(record, v1); err != nil {
		return nil, fmt.Errorf("read the agent's event: %w", err)
	}
	return evolve.Devolve[executorpb.Event](v1), nil
}

type httpEvents struct {
	body   io.Closer
	reader *recordio.Reader
	cancel context.CancelFunc
}

// Next implements [Events].
func (e *httpEvents) Next(b runtime.Behavior) runtime.Future[*executorpb.Event] {
	return runtime.Go(b, func(context.Context) (*executorpb.Event, error) {
		record, err := e.reader.Next()
		if err != nil {
			return nil, err
		}
		return ReadEvent(record)
	})
}

// Close implements [Events].
func (e *httpEvents) Close() {
	e.cancel()
	e.body.Close() //nolint:errcheck // nobody reads any more
}
