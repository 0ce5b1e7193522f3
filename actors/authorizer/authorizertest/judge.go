// Package authorizertest has an authorizer for tests of its callers.
package authorizertest

import (
	"sync"

	"meseta/actors/authorizer"
	"meseta/messages/pb/authorizationpb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Judge is an authorizer that lets everybody do everything but one thing, or that forbids everything; the zero Judge forbids
// nothing that anybody asks about. It may be used by several goroutines.
type Judge struct {
	mu     sync.Mutex
	all    bool
	denied authorizationpb.Action
	object *authorizationpb.Object
}

// Approver implements [authorizer.Authorizer].
func (j *Judge) Approver(*web.Principal) runtime.Future[authorizer.Approver] {
	return runtime.Ready[authorizer.Approver](j)
}

// Approved implements [authorizer.Approver].
func (j *Judge) Approved(action authorizationpb.Action, object *authorizationpb.Object) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.all {
		return false, nil
	}
	if action != j.denied {
		return true, nil
	}
	j.object = object
	return false, nil
}

// Deny forbids an action from now on, and no other; UNKNOWN forbids none.
func (j *Judge) Deny(action authorizationpb.Action) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.denied, j.object = action, nil
}

// DenyAll forbids everything from now on, or, if all is false, only what [Judge.Deny] says.
func (j *Judge) DenyAll(all bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = all
}

// About is the object that was last decided about since Deny. It is nil if nobody asked, or asked without one.
func (j *Judge) About() *authorizationpb.Object {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.object
}
