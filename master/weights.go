package master

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/registrar"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
	"meseta/runtime"
	"meseta/runtime/web"
)

// serveWeights shows the weights of roles, or changes some.
func (m *Master) serveWeights(req *web.Request, body []byte, o operator) answer {
	if req.Method == http.MethodGet {
		return runtime.Ready(jsonListAnswer(req, m.weightInfos(o)))
	}
	infos, err := readList[mesospb.WeightInfo](body)
	if err != nil {
		return refused(http.StatusBadRequest, "Failed to parse update weights request JSON '%s': %v", body, err)
	}
	return m.changeWeights(o, infos)
}

func (m *Master) getWeights(call operatorCall) answer {
	r := &masterpb.Response{}
	if infos := m.weightInfos(call.operator); len(infos) > 0 {
		r.GetWeights = &masterpb.Response_GetWeights{WeightInfos: infos}
	}
	return call.answer(r)
}

func (m *Master) updateWeights(call operatorCall) answer {
	return m.changeWeights(call.operator, call.GetUpdateWeights().GetWeightInfos())
}

func (m *Master) weightInfos(o operator) []*mesospb.WeightInfo {
	var infos []*mesospb.WeightInfo
	for _, role := range slices.Sorted(maps.Keys(m.weights)) {
		if !authorizer.SeesRole(o.may, role) {
			continue
		}
		infos = append(infos, &mesospb.WeightInfo{Role: proto.String(role), Weight: proto.Float64(m.weights[role])})
	}
	return infos
}

// changeWeights sets the weights of roles. If somebody uses them, all offers are taken back: others deserve them now.
//
// Mesos: Master::WeightsHandler::_updateWeights.
func (m *Master) changeWeights(o operator, given []*mesospb.WeightInfo) answer {
	var infos []*mesospb.WeightInfo
	for _, w := range given {
		info := &mesospb.WeightInfo{Role: proto.String(strings.TrimSpace(w.GetRole())), Weight: w.Weight}
		if refusal := m.refuseWeight(info); refusal != nil {
			return runtime.Ready(refusal)
		}
		infos = append(infos, info)
	}
	if refusal := m.forbids(o, authorizationpb.Action_UPDATE_WEIGHT, objectsOf(infos, weightObject)...); refusal != nil {
		return runtime.Ready(refusal)
	}
	return m.stored("update the weights", registrar.UpdateWeights{Weights: infos}, func() *web.Response {
		used := false
		for _, w := range infos {
			m.weights[w.GetRole()] = w.GetWeight()
			used = used || len(m.book.FrameworksIn(w.GetRole())) > 0
		}
		m.allocator.UpdateWeights(m.weights)
		if used {
			m.cluster.Offers.RescindAll()
		}
		return web.OK()
	})
}

func (m *Master) refuseWeight(info *mesospb.WeightInfo) *web.Response {
	const what = "Failed to validate update weights request JSON"
	role := info.GetRole()
	if err := roles.Validate(role); err != nil {
		return web.BadRequest(what + ": Invalid role '" + role + "': " + err.Error())
	}
	if m.whitelist != nil && !m.whitelist[role] {
		return web.BadRequest(what + ": Unknown role '" + role + "'")
	}
	if info.GetWeight() <= 0 {
		return web.BadRequest(what + " for role '" + role + "': Invalid weight '" +
			strconv.FormatFloat(info.GetWeight(), 'g', -1, 64) + "': Weights must be positive")
	}
	return nil
}
