package api

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// operator is who asks about the cluster or decides about it, and what he may do.
type operator struct {
	who *web.Principal
	may authorizer.Approver
}

// asOperator goes on with what the sender of req may do, who must have a name.
func (a *api) asOperator(req *web.Request, then func(operator) answer) answer {
	if nameless(req.Principal) {
		return runtime.Ready(refusedNameless())
	}
	if a.authorizer == nil {
		return then(operator{who: req.Principal})
	}
	return runtime.Chain(a, a.authorizer.Approver(req.Principal), func(may authorizer.Approver, err error) answer {
		if err != nil {
			return runtime.Failed[*web.Response](err)
		}
		return then(operator{req.Principal, may})
	})
}

// forbids answers an operator who may not do something to all of objects, or at all if there are none; nil if he may.
// A refusal gives no reason.
func (a *api) forbids(o operator, action authorizationpb.Action, objects ...*authorizationpb.Object) *web.Response {
	if o.may == nil {
		return nil
	}
	if len(objects) == 0 {
		objects = []*authorizationpb.Object{nil}
	}
	for _, object := range objects {
		if err := authorizer.Check(o.may, action, object); err != nil {
			a.Log().Info().Err(err).Msg("operator refused")
			return web.Forbidden("403 Forbidden.")
		}
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
