package simcluster

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Asked is a call, or another request, of an operator.
type Asked struct {
	What string // the type of the call, or method and path

	answer runtime.Future[*web.Response]
	master *Master // that was asked
	run    int     // of it
}

// Operate makes a call of the operator API, which arrives when the world goes on. It returns nil if there is no master.
func (c *Cluster) Operate(call *masterpb.Call) *Asked {
	media := mediatype.Protobuf
	return c.ask(call.GetType().String(), &web.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/master/api/v1"},
		Header: http.Header{"Content-Type": {media.String()}, "Accept": {media.String()}},
		Body:   bytes.NewReader(media.Marshal(evolve.Evolve[masterv1pb.Call](call))),
	})
}

// Request makes a request of one of the master's endpoints, which arrives when the world goes on. It returns nil if there is no master.
func (c *Cluster) Request(method, path, body string) *Asked {
	return c.ask(method+" "+path, &web.Request{
		Method: method, URL: &url.URL{Path: path}, Header: http.Header{}, Body: strings.NewReader(body),
	})
}

func (c *Cluster) ask(what string, request *web.Request) *Asked {
	if !c.Master.Living() {
		return nil
	}
	request.Client = "10.0.3.1:1"
	asked := &Asked{What: what, answer: web.Serve(c.Master.node, request), master: c.Master, run: c.Master.starts}
	c.asked = append(c.asked, asked)
	return asked
}

// Asked are the calls of operators so far.
func (c *Cluster) Asked() []*Asked { return c.asked }

// Status is that of the answer, with its text unless it succeeded; 0: there is none yet.
func (a *Asked) Status() (status int, text string) {
	r, done, err := a.answer.Peek()
	switch {
	case !done:
		return 0, ""
	case err != nil:
		return http.StatusServiceUnavailable, err.Error()
	case r.Status >= http.StatusBadRequest:
		return r.Status, string(r.Bytes())
	}
	return r.Status, ""
}

// Text is what the answer says; empty: there is none yet.
func (a *Asked) Text() string {
	r, done, err := a.answer.Peek()
	if !done || err != nil {
		return ""
	}
	return string(r.Bytes())
}

// Done reports whether the call succeeded.
func (a *Asked) Done() bool {
	status, _ := a.Status()
	return status == http.StatusOK || status == http.StatusAccepted
}

// checkAsked demands that the master that lives has answered every operator.
func (c *Cluster) checkAsked() (problems []string) {
	for _, a := range c.asked {
		if status, _ := a.Status(); status == 0 && a.master == c.Master && a.run == c.Master.starts && c.Master.Living() {
			problems = append(problems, a.What+" of an operator is not answered")
		}
	}
	return problems
}
