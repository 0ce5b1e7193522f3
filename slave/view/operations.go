package view

import (
	"meseta/actors/authorizer"
	"meseta/messages/operations"
	"meseta/messages/pb/mesospb"
)

// Operations returns the operations that may allows to be seen: those on resources of roles that may be seen. A nil may
// allows everything.
//
// Mesos: Http::getOperations.
func Operations(may authorizer.Approver, all []*mesospb.Operation) []*mesospb.Operation {
	if may == nil {
		return all
	}
	var seen []*mesospb.Operation
	for _, op := range all {
		if seesOperation(may, op) {
			seen = append(seen, op)
		}
	}
	return seen
}

func seesOperation(may authorizer.Approver, op *mesospb.Operation) bool {
	consumed, err := operations.Consumed(op.GetInfo())
	if err != nil {
		return false
	}
	for r := range consumed.All() {
		if !authorizer.SeesResource(may, r.Proto()) {
			return false
		}
	}
	return true
}
