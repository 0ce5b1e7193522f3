// Package api is what a master answers over HTTP: the scheduler API, the operator API, and the endpoints from before it.
// It turns requests into calls of a [Core], which knows nothing of HTTP, and says what came of them; it asks the authorizer
// what operators may do and see. What grows with the cluster is filtered and drawn beside the master's turns.
package api

import (
	"errors"
	"fmt"
	"net/http"

	"meseta/actors/authorizer"
	"meseta/actors/operator"
	"meseta/master"
	"meseta/master/book"
	"meseta/master/counts"
	"meseta/master/leadership"
	"meseta/master/maintenance"
	"meseta/master/refusal"
	"meseta/master/subscribers"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Core is a master as its APIs need it. All is called on the master's turns. What it refuses fails with a
// [refusal.Refusal].
type Core interface {
	Leadership() leadership.State
	Config() master.Config

	// What is known; it is only read.
	Look() *view.Cluster
	Book() *book.Book
	Roles() *book.Roles
	Counts() *counts.Counts
	Follow(add func(*subscribers.Subscribers))

	// What schedulers say.
	Subscribe(scheduler book.Connection, call *schedulerpb.Call_Subscribe)
	Dispatch(f *book.Framework, call *schedulerpb.Call) error

	// What operators decide.
	Teardown(f *book.Framework)
	CanDrain(id ids.Agent) error
	DrainAgent(id ids.Agent, config *mesospb.DrainConfig) runtime.Future[struct{}]
	DeactivateAgent(id ids.Agent) runtime.Future[struct{}]
	ReactivateAgent(id ids.Agent) runtime.Future[struct{}]
	MarkAgentGone(id ids.Agent) runtime.Future[struct{}]
	UpdateWeights(infos []*mesospb.WeightInfo) runtime.Future[struct{}]

	// Maintenance of machines.
	Maintenance() maintenance.Plan
	MaintenanceStatus(seen func(*mesospb.MachineID) bool) *maintenancepb.ClusterStatus
	UpdateSchedule(s *maintenancepb.Schedule) runtime.Future[struct{}]
	StartMaintenance(machines []*mesospb.MachineID) runtime.Future[struct{}]
	StopMaintenance(machines []*mesospb.MachineID) runtime.Future[struct{}]
}

// api serves a core on its actor.
type api struct {
	*runtime.Actor // the master's
	core           Core
	authorizer     authorizer.Authorizer // nil: everybody may do everything
}

// Serve installs the APIs of m; it is for [master.Partners].
func Serve(m *master.Master) {
	a := &api{Actor: &m.Actor, core: m, authorizer: m.Authorizer}
	a.route()
}

// answer is what an HTTP client will get.
type answer = operator.Answer

// refused answers with an error.
func refused(status int, format string, args ...any) answer {
	return runtime.Ready(web.Text(status, fmt.Sprintf(format, args...)))
}

// errorAnswer answers an error of the core.
func errorAnswer(err error) *web.Response {
	status := http.StatusInternalServerError
	if r := (*refusal.Refusal)(nil); errors.As(err, &r) {
		status = statuses[r.Reason]
	}
	return web.Text(status, err.Error())
}

var statuses = map[refusal.Reason]int{
	refusal.Invalid: http.StatusBadRequest, refusal.Forbidden: http.StatusForbidden, refusal.NotFound: http.StatusNotFound,
	refusal.Conflict: http.StatusConflict, refusal.Unavailable: http.StatusServiceUnavailable,
}

// done answers when what an operator wanted is done, or refused.
func done(f runtime.Future[struct{}]) answer {
	ok := runtime.Then(f, func(struct{}) (*web.Response, error) { return web.OK(), nil })
	return runtime.Recover(ok, func(err error) (*web.Response, error) { return errorAnswer(err), nil })
}
