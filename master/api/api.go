// Package api serves a master's HTTP APIs: the scheduler API, the operator API, and the older endpoints. It turns
// requests into calls of a [Core], which knows nothing about HTTP, and answers with their results. The authorizer
// decides what operators may do and see. Answers that grow with the cluster are filtered and written outside the
// master's turns.
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
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Core is a master as the APIs need it. Its methods are called on the master's turns. Errors for invalid requests are
// of type [refusal.Refusal].
type Core interface {
	Leadership() leadership.State
	Config() master.Config

	// State, which callers only read.
	Look() *view.Cluster
	Book() *book.Book
	Roles() *book.Roles
	Counts() *counts.Counts
	Follow(add func(*subscribers.Subscribers))

	// Calls of schedulers.
	Subscribe(scheduler book.Connection, call *schedulerpb.Call_Subscribe)
	Dispatch(f *book.Framework, call *schedulerpb.Call) error
	Waits(f ids.Framework) bool // whether calls of a framework have to wait
	// Handle calls do, which carries out a call, after all earlier calls of the framework. It fails if too many wait.
	Handle(f ids.Framework, call *schedulerpb.Call, do func()) error

	// Decisions of operators.
	Teardown(f *book.Framework)
	CheckOperation(agent ids.Agent, op *mesospb.Offer_Operation, principal *string) (*mesospb.Offer_Operation, error)
	ApplyOperation(agent ids.Agent, op *mesospb.Offer_Operation) runtime.Future[struct{}]
	CanDrain(id ids.Agent) error
	DrainAgent(id ids.Agent, config *mesospb.DrainConfig) runtime.Future[struct{}]
	DeactivateAgent(id ids.Agent) runtime.Future[struct{}]
	ReactivateAgent(id ids.Agent) runtime.Future[struct{}]
	MarkAgentGone(id ids.Agent) runtime.Future[struct{}]
	UpdateWeights(infos []*mesospb.WeightInfo) runtime.Future[struct{}]
	CheckLimits(quotas []*quotapb.QuotaConfig) error
	Guaranteed(quotas []*quotapb.QuotaConfig) (total, capacity resources.Quantities)
	UpdateQuotas(quotas []*quotapb.QuotaConfig) runtime.Future[struct{}]

	// Maintenance of machines.
	Maintenance() maintenance.Plan
	MaintenanceStatus(seen func(*mesospb.MachineID) bool) *maintenancepb.ClusterStatus
	UpdateSchedule(s *maintenancepb.Schedule) runtime.Future[struct{}]
	StartMaintenance(machines []*mesospb.MachineID) runtime.Future[struct{}]
	StopMaintenance(machines []*mesospb.MachineID) runtime.Future[struct{}]
}

// api serves a core on the core's actor.
type api struct {
	*runtime.Actor // the master's
	core           Core
	authorizer     authorizer.Authorizer // nil: everything is allowed
	quotas         *runtime.Sequence     // orders changes of quotas
}

// Serve installs the APIs of m. It is a value for [master.Partners].Serve.
func Serve(m *master.Master) {
	a := &api{Actor: &m.Actor, core: m, authorizer: m.Authorizer, quotas: runtime.NewSequence(m)}
	a.route()
}

// answer is the future answer to an HTTP client.
type answer = operator.Answer

// refused answers with an error.
func refused(status int, format string, args ...any) answer {
	return runtime.Ready(web.Text(status, fmt.Sprintf(format, args...)))
}

// errorAnswer returns the answer for an error of the core.
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

// done answers when an operator's decision has been carried out or refused.
func done(f runtime.Future[struct{}]) answer { return doneWith(web.OK, f) }

// doneWith is like done, with the answer in case of success.
func doneWith(ok func() *web.Response, f runtime.Future[struct{}]) answer {
	answered := runtime.Then(f, func(struct{}) (*web.Response, error) { return ok(), nil })
	return runtime.Recover(answered, func(err error) (*web.Response, error) { return errorAnswer(err), nil })
}
