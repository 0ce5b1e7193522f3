package api

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/operator"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// asOperator continues with what the sender of req may do, who must have a name.
func (a *api) asOperator(req *web.Request, then func(operator.Caller) answer) answer {
	if nameless(req.Principal) {
		return runtime.Ready(refusedNameless())
	}
	return operator.Ask(a, a.authorizer, req, then)
}

// forbids answers a caller that may not do something to all of objects, or at all if there are none; nil if it may.
func (a *api) forbids(o operator.Caller, action authorizationpb.Action, objects ...*authorizationpb.Object) *web.Response {
	if err := o.Allowed(action, objects...); err != nil {
		a.Log().Info().Err(err).Msg("operator refused")
		return operator.Forbidden()
	}
	return nil
}

// ---- what decisions are about ----

// objectsOf makes the objects of a decision about each of some things.
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
