package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"meseta/actors/operator"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/roles"
	"meseta/runtime"
	"meseta/runtime/web"
)

// This master does not implement quotas: there are none, and setting one is refused.

// serveQuota answers requests for the quotas of roles.
func (a *api) serveQuota(req *web.Request, body []byte, o operator.Caller) answer {
	switch req.Method {
	case http.MethodGet:
		return runtime.Ready(web.JSON(req, json.RawMessage("{}")))
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
	return call.answer(&masterpb.Response{GetQuota: &masterpb.Response_GetQuota{Status: &quotapb.QuotaStatus{}}})
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
	return refused(http.StatusBadRequest, "Failed to remove quota: Role '%s' has no quota set", call.GetRemoveQuota().GetRole())
}

func (a *api) refuseQuota(o operator.Caller, role string) answer {
	if err := roles.Validate(role); err != nil {
		return refused(http.StatusBadRequest, "Failed to validate set quota request: QuotaInfo with invalid role: %v", err)
	}
	if !a.core.Roles().Allows(role) {
		return refused(http.StatusBadRequest, "Failed to validate set quota request: Unknown role '%s'", role)
	}
	object := &authorizationpb.Object{Value: &role, QuotaInfo: &quotapb.QuotaInfo{Role: &role}}
	if forbidden := a.forbids(o, authorizationpb.Action_UPDATE_QUOTA, object); forbidden != nil {
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
	return refused(http.StatusBadRequest, "Failed to remove quota for path '%s': Role '%s' has no quota set", path, role)
}

// notYet answers a request for something that Mesos supports and this master does not.
func notYet(what string) answer {
	return refused(http.StatusNotImplemented, "%s not supported by this master yet", what)
}
