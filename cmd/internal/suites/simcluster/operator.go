package simcluster

import (
	"bytes"
	"net/http"
	"net/url"

	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Asked is a call of an operator.
type Asked struct {
	Call *masterpb.Call

	answer runtime.Future[*web.Response]
	master *Master // that was asked
	run    int     // of it
}

// Operate makes a call of the operator API, which arrives when the world goes on. It returns nil if there is no master.
func (c *Cluster) Operate(call *masterpb.Call) *Asked {
	if !c.Master.Living() {
		return nil
	}
	media := mediatype.Protobuf
	answer := web.Serve(c.Master.node, &web.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/master/api/v1"}, Client: "10.0.3.1:1",
		Header: http.Header{"Content-Type": {media.String()}, "Accept": {media.String()}},
		Body:   bytes.NewReader(media.Marshal(evolve.Evolve[masterv1pb.Call](call))),
	})
	asked := &Asked{Call: call, answer: answer, master: c.Master, run: c.Master.starts}
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

// Done reports whether the call succeeded.
func (a *Asked) Done() bool {
	status, _ := a.Status()
	return status == http.StatusOK || status == http.StatusAccepted
}

// checkAsked demands that the master that lives has answered every operator.
func (c *Cluster) checkAsked() (problems []string) {
	for _, a := range c.asked {
		if status, _ := a.Status(); status == 0 && a.master == c.Master && a.run == c.Master.starts && c.Master.Living() {
			problems = append(problems, a.Call.GetType().String()+" of an operator is not answered")
		}
	}
	return problems
}
