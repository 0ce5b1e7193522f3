package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"meseta/actors/authorizer"
	"meseta/actors/operator"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/roles"
	"meseta/runtime"
	"meseta/runtime/web"
)

// This master shows and keeps to the quotas that the registry has. Setting or removing one is refused.

// serveQuota answers requests for the quotas of roles.
func (a *api) serveQuota(req *web.Request, body []byte, o operator.Caller) answer {
	switch req.Method {
	case http.MethodGet:
		return runtime.Ready(web.JSON(req, json.RawMessage(mesosjson.Marshal(a.quotaStatus(o)))))
	case http.MethodDelete:
		return a.refuseQuotaRemoval(o, req.URL.Path)
	}
	request := &quotapb.QuotaRequest{}
	if err := mesosjson.Unmarshal(body, request); err != nil {
		return refused(http.StatusBadRequest, "Failed to parse set quota request JSON '%s': %v", body, err)
	}
	return a.refuseQuota(o, request.GetRole())
}

func (a *api) getQuota(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetQuota: &masterpb.Response_GetQuota{Status: a.quotaStatus(call.Caller)}})
}

// quotaStatus returns the quotas that a caller may see, also in the form from before Mesos 1.9, which has only guarantees.
//
// Mesos: Master::QuotaHandler::_status.
func (a *api) quotaStatus(o operator.Caller) *quotapb.QuotaStatus {
	status := &quotapb.QuotaStatus{}
	for _, q := range a.core.Roles().Quotas() {
		if o.May != nil && !authorizer.Allows(o.May, authorizationpb.Action_GET_QUOTA, roleObject(q.GetRole())) {
			continue
		}
		status.Configs = append(status.Configs, q)
		status.Infos = append(status.Infos, &quotapb.QuotaInfo{Role: q.Role, Guarantee: guarantee(q)})
	}
	return status
}

// guarantee returns the guarantees of a quota as resources.
func guarantee(q *quotapb.QuotaConfig) []*mesospb.Resource {
	var all []*mesospb.Resource
	for _, name := range slices.Sorted(maps.Keys(q.GetGuarantees())) {
		all = append(all, &mesospb.Resource{
			Name: &name, Type: mesospb.Value_SCALAR.Enum(), Scalar: q.GetGuarantees()[name],
		})
	}
	return all
}

// hasQuota reports whether the registry has a quota of a role.
func (a *api) hasQuota(role string) bool {
	return slices.ContainsFunc(a.core.Roles().Quotas(), func(q *quotapb.QuotaConfig) bool { return q.GetRole() == role })
}

func (a *api) setQuota(call operatorCall) answer {
	return a.refuseQuota(call.Caller, call.GetSetQuota().GetQuotaRequest().GetRole())
}

func (a *api) updateQuota(call operatorCall) answer {
	for _, config := range call.GetUpdateQuota().GetQuotaConfigs() {
		if err := roles.Validate(config.GetRole()); err != nil {
			return refused(http.StatusBadRequest, "Invalid QuotaConfig: %v", err)
		}
		if forbidden := a.forbids(call.Caller, authorizationpb.Action_UPDATE_QUOTA_WITH_CONFIG, roleObject(config.GetRole())); forbidden != nil {
			return runtime.Ready(forbidden)
		}
	}
	return notYet("Quotas are")
}

func (a *api) removeQuota(call operatorCall) answer {
	return a.refuseRemoval(call.Caller, call.GetRemoveQuota().GetRole(), "Failed to remove quota")
}

func (a *api) refuseQuota(o operator.Caller, role string) answer {
	if err := roles.Validate(role); err != nil {
		return refused(http.StatusBadRequest, "Failed to validate set quota request: QuotaInfo with invalid role: %v", err)
	}
	if !a.core.Roles().Allows(role) {
		return refused(http.StatusBadRequest, "Failed to validate set quota request: Unknown role '%s'", role)
	}
	if forbidden := a.forbids(o, authorizationpb.Action_UPDATE_QUOTA, quotaObject(role)); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return notYet("Quotas are")
}

// refuseQuotaRemoval answers a DELETE of /master/quota/<role>.
func (a *api) refuseQuotaRemoval(o operator.Caller, path string) answer {
	_, role, _ := strings.Cut(strings.TrimPrefix(path, "/master"), "/quota/")
	if role == "" {
		return refused(http.StatusBadRequest, "Failed to parse remove quota request for path '%s': expected 3 tokens, found 2 tokens", path)
	}
	return a.refuseRemoval(o, role, "Failed to remove quota for path '"+path+"'")
}

func (a *api) refuseRemoval(o operator.Caller, role, failed string) answer {
	if !a.hasQuota(role) {
		return refused(http.StatusBadRequest, "%s: Role '%s' has no quota set", failed, role)
	}
	if forbidden := a.forbids(o, authorizationpb.Action_UPDATE_QUOTA, quotaObject(role)); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return notYet("Quotas are")
}

func quotaObject(role string) *authorizationpb.Object {
	return &authorizationpb.Object{Value: &role, QuotaInfo: &quotapb.QuotaInfo{Role: &role}}
}

// notYet answers a request for something that Mesos supports and this master does not.
func notYet(what string) answer {
	return refused(http.StatusNotImplemented, "%s not supported by this master yet", what)
}
