package api

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/operator"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// asOperator calls then with what the sender of req may do. It refuses a sender with claims but without a name.
func (a *api) asOperator(req *web.Request, then func(operator.Caller) answer) answer {
	if nameless(req.Principal) {
		return runtime.Ready(refusedNameless())
	}
	return operator.Ask(a, a.authorizer, req, then)
}

// forbids returns an answer if the caller may not perform action on one of objects, or at all if there are none. It
// returns nil if the caller may.
func (a *api) forbids(o operator.Caller, action authorizationpb.Action, objects ...*authorizationpb.Object) *web.Response {
	if err := o.Allowed(action, objects...); err != nil {
		a.Log().Info().Err(err).Msg("operator refused")
		return operator.Forbidden()
	}
	return nil
}

// ---- what decisions are about ----

// objectsOf returns the authorizer's object for each of things.
func objectsOf[T any](things []T, object func(T) *authorizationpb.Object) []*authorizationpb.Object {
	objects := make([]*authorizationpb.Object, len(things))
	for i, thing := range things {
		objects[i] = object(thing)
	}
	return objects
}

func machineObject(id *mesospb.MachineID) *authorizationpb.Object {
	return &authorizationpb.Object{MachineId: id}
}

func weightObject(w *mesospb.WeightInfo) *authorizationpb.Object {
	return &authorizationpb.Object{Value: w.Role, WeightInfo: w}
}

func roleObject(role string) *authorizationpb.Object {
	return &authorizationpb.Object{Value: proto.String(role)}
}
