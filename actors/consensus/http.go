package consensus

import (
	"errors"
	"net/http"

	"meseta/runtime"
	"meseta/runtime/web"
)

// Doors says who may use the endpoints of a [Member].
type Doors struct {
	Looking, Changing string // the realms of those that read and of those that change something; empty: no authentication
	// Allowed reports whether somebody may change who leads and who the members are; nil: all may.
	Allowed func(*web.Principal) runtime.Future[bool]
}

// overview is what /masters answers.
type overview struct {
	Masters []Master `json:"masters"`
	Problem string   `json:"problem,omitempty"` // what is wrong, and what to do, as the log has it
}

// route installs the endpoints.
func (m *Member) route() {
	d := m.options.Doors
	web.RouteIn(m, d.Looking, "/masters", web.Help{TLDR: "The masters of the group, and which of them leads."},
		func(req *web.Request) runtime.Future[*web.Response] {
			return runtime.Ready(web.JSON(req, overview{m.Masters(), m.Problem()}))
		})
	web.RouteIn(m, d.Changing, "/transfer", web.Help{
		TLDR: "Has another master lead: ?master=ip:port, or the one that knows most. Only the leader does it, soon after its answer.",
	}, func(req *web.Request) runtime.Future[*web.Response] { return m.change(req, m.handOver) })
	web.RouteIn(m, d.Changing, "/remove", web.Help{
		TLDR: "Removes a master from the group: ?master=ip:port. Only the leader does it.",
	}, func(req *web.Request) runtime.Future[*web.Response] { return m.change(req, m.Remove) })
}

// change answers a request that changes something about the master that its query names.
func (m *Member) change(req *web.Request, change func(string) runtime.Future[struct{}]) runtime.Future[*web.Response] {
	if req.Method != http.MethodPost {
		return runtime.Ready(web.MethodNotAllowed(req, http.MethodPost))
	}
	allowed := runtime.Ready(true)
	if m.options.Doors.Allowed != nil {
		allowed = m.options.Doors.Allowed(req.Principal)
	}
	return runtime.Chain(m, allowed, func(ok bool, err error) runtime.Future[*web.Response] {
		switch {
		case err != nil:
			return runtime.Failed[*web.Response](err)
		case !ok:
			return runtime.Ready(web.Forbidden(""))
		}
		return runtime.Continue(m, change(req.URL.Query().Get("master")), func(_ struct{}, err error) (*web.Response, error) {
			return answerTo(err), nil
		})
	})
}

// handOver begins to transfer the leadership in a moment: what is asked of a leader that ends may stay without an answer.
func (m *Member) handOver(address string) runtime.Future[struct{}] {
	if !m.Leads() {
		return runtime.Failed[struct{}](ErrLost)
	}
	if _, err := m.successor(address); err != nil {
		return runtime.Failed[struct{}](err)
	}
	m.Delay(m.clock.tick, func() { m.Transfer(address) })
	return runtime.Ready(struct{}{})
}

func answerTo(err error) *web.Response {
	switch {
	case err == nil:
		return web.Accepted()
	case errors.Is(err, ErrLost):
		return web.Unavailable("This master does not lead, or no longer.")
	}
	return web.Text(http.StatusConflict, err.Error())
}
