package api

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/operator"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
	"meseta/runtime"
	"meseta/runtime/web"
)

// serveWeights serves /weights, which shows and updates the weights of roles.
func (a *api) serveWeights(req *web.Request, body []byte, o operator.Caller) answer {
	if req.Method == http.MethodGet {
		return runtime.Ready(jsonListAnswer(req, a.weightInfos(o)))
	}
	infos, err := readList[mesospb.WeightInfo](body)
	if err != nil {
		return refused(http.StatusBadRequest, "Failed to parse update weights request JSON '%s': %v", body, err)
	}
	return a.changeWeights(o, infos)
}

func (a *api) getWeights(call operatorCall) answer {
	r := &masterpb.Response{}
	if infos := a.weightInfos(call.Caller); len(infos) > 0 {
		r.GetWeights = &masterpb.Response_GetWeights{WeightInfos: infos}
	}
	return call.answer(r)
}

func (a *api) updateWeights(call operatorCall) answer {
	return a.changeWeights(call.Caller, call.GetUpdateWeights().GetWeightInfos())
}

func (a *api) weightInfos(o operator.Caller) []*mesospb.WeightInfo {
	return slices.DeleteFunc(a.core.Roles().WeightInfos(), func(w *mesospb.WeightInfo) bool {
		return !authorizer.SeesRole(o.May, w.GetRole())
	})
}

// changeWeights updates the weights of roles.
func (a *api) changeWeights(o operator.Caller, given []*mesospb.WeightInfo) answer {
	var infos []*mesospb.WeightInfo
	for _, w := range given {
		info := &mesospb.WeightInfo{Role: proto.String(strings.TrimSpace(w.GetRole())), Weight: w.Weight}
		if forbidden := a.refuseWeight(info); forbidden != nil {
			return runtime.Ready(forbidden)
		}
		infos = append(infos, info)
	}
	if forbidden := a.forbids(o, authorizationpb.Action_UPDATE_WEIGHT, objectsOf(infos, weightObject)...); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return done(a.core.UpdateWeights(infos))
}

func (a *api) refuseWeight(info *mesospb.WeightInfo) *web.Response {
	const what = "Failed to validate update weights request JSON"
	role := info.GetRole()
	if err := roles.Validate(role); err != nil {
		return web.BadRequest(what + ": Invalid role '" + role + "': " + err.Error())
	}
	if !a.core.Roles().Allows(role) {
		return web.BadRequest(what + ": Unknown role '" + role + "'")
	}
	if w := info.GetWeight(); !(w > 0) || math.IsInf(w, 1) {
		return web.BadRequest(what + " for role '" + role + "': Invalid weight '" +
			strconv.FormatFloat(w, 'g', -1, 64) + "': Weights must be positive")
	}
	return nil
}
