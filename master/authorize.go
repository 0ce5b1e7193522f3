package master

import (
	"meseta/messages/authorizationpb"
	"meseta/runtime"
)

// Authorizer decides who may do what.
type Authorizer interface {
	// Approver returns the decisions about principal, which is empty for who has none.
	Approver(principal string) runtime.Future[Approver]
}

// Approver knows what one principal may do. It answers at once.
//
// Mesos: ObjectApprover.
type Approver interface {
	Approved(action authorizationpb.Action, object *authorizationpb.Object) (bool, error)
}

// allowAll approves everything, in the absence of an [Authorizer].
type allowAll struct{}

func (allowAll) Approved(authorizationpb.Action, *authorizationpb.Object) (bool, error) {
	return true, nil
}

// approver returns the decisions about principal.
func (m *Master) approver(principal string) runtime.Future[Approver] {
	if m.Authorizer == nil {
		return runtime.Ready[Approver](allowAll{})
	}
	return m.Authorizer.Approver(principal)
}
