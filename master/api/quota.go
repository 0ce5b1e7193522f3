package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"meseta/actors/authorizer"
	"meseta/actors/operator"
	"meseta/master"
	"meseta/master/validate"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Changes of quotas run one after the other, so that each is checked against what those before it have left.
//
// Differs: Mesos checks those that are asked for at one moment against the quotas before all of them.

// serveQuota answers requests for the quotas of roles.
func (a *api) serveQuota(req *web.Request, body []byte, o operator.Caller) answer {
	switch req.Method {
	case http.MethodGet:
		return runtime.Ready(web.JSON(req, json.RawMessage(mesosjson.Marshal(a.quotaStatus(o)))))
	case http.MethodDelete:
		return runtime.Enqueue(a.quotas, func() answer { return a.removeQuotaAt(o, req.URL.Path) })
	}
	request := &quotapb.QuotaRequest{}
	if err := mesosjson.Unmarshal(body, request); err != nil {
		return refused(http.StatusBadRequest, "Failed to parse set quota request JSON '%s': %v", body, err)
	}
	return runtime.Enqueue(a.quotas, func() answer { return a.setQuotaOnce(o, request) })
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

func (a *api) setQuota(call operatorCall) answer {
	return runtime.Enqueue(a.quotas, func() answer { return a.setQuotaOnce(call.Caller, call.GetSetQuota().GetQuotaRequest()) })
}

func (a *api) removeQuota(call operatorCall) answer {
	return runtime.Enqueue(a.quotas, func() answer {
		return a.removeQuotaOf(call.Caller, call.GetRemoveQuota().GetRole(), "Failed to remove quota")
	})
}

func (a *api) updateQuota(call operatorCall) answer {
	return runtime.Enqueue(a.quotas, func() answer { return a.updateQuotas(call) })
}

// updateQuotas sets the guarantees and limits of roles: of all of them, or of none.
//
// Differs: only callers who may set the quotas are told what roles and agents have. Mesos asks the authorizer last.
//
// Mesos: Master::QuotaHandler::update.
func (a *api) updateQuotas(call operatorCall) answer {
	quotas := call.GetUpdateQuota().GetQuotaConfigs()
	for _, q := range quotas {
		if err := a.checkQuota(q); err != nil {
			return refused(http.StatusBadRequest, "%v", err)
		}
	}
	object := func(q *quotapb.QuotaConfig) *authorizationpb.Object { return roleObject(q.GetRole()) }
	if forbidden := a.forbids(call.Caller, authorizationpb.Action_UPDATE_QUOTA_WITH_CONFIG, objectsOf(quotas, object)...); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	const bypass = " (use 'force' flag to bypass this check)"
	force := call.GetUpdateQuota().GetForce()
	if err := a.core.CheckLimits(quotas); err != nil && !force {
		return refused(http.StatusBadRequest, "Invalid QuotaConfig: %v"+bypass, err)
	}
	if err := validate.QuotaTree(a.core.Roles().WithQuotas(quotas)); err != nil {
		return refused(http.StatusBadRequest, "Invalid QuotaConfig: %v", err)
	}
	if total, capacity := a.core.Guaranteed(quotas); !capacity.Contains(total) && !force {
		return refused(http.StatusBadRequest, "Invalid QuotaConfig: total quota guarantees '%s' exceed cluster capacity '%s'"+bypass, total, capacity)
	}
	return done(a.core.UpdateQuotas(quotas))
}

func (a *api) checkQuota(q *quotapb.QuotaConfig) error {
	switch role := q.GetRole(); {
	case !a.core.Roles().Allows(role):
		return fmt.Errorf("Invalid QuotaConfig: '%s' is not on the roles whitelist", role)
	case strings.Contains(role, "/"):
		return fmt.Errorf("Updating quota on nested role '%s' is not supported yet", role)
	}
	if err := validate.Quota(q); err != nil {
		return fmt.Errorf("Invalid QuotaConfig: %w", err)
	}
	return nil
}

// setQuotaOnce sets the quota of a role that has none, as before Mesos 1.9: the guarantee is also the limit.
//
// Mesos: Master::QuotaHandler::_set.
func (a *api) setQuotaOnce(o operator.Caller, request *quotapb.QuotaRequest) answer {
	role := request.GetRole()
	q := master.OldQuota(&quotapb.QuotaInfo{Role: &role, Guarantee: request.GetGuarantee()})
	if err := a.checkQuotaRequest(request, q); err != nil {
		return refused(http.StatusBadRequest, "Failed to validate set quota request: %v", err)
	}
	if strings.Contains(role, "/") {
		return refused(http.StatusBadRequest, "Setting quota on nested role '%s' is not supported yet", role)
	}
	if forbidden := a.forbids(o, authorizationpb.Action_UPDATE_QUOTA, quotaObject(q)); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	quotas := []*quotapb.QuotaConfig{q}
	if total, capacity := a.core.Guaranteed(quotas); !capacity.Contains(total) && !request.GetForce() {
		return refused(http.StatusConflict, "Quota guarantees overcommit the cluster (use 'force' to bypass this check): "+
			"Total quota guarantees '%s' exceed cluster capacity '%s'", total, capacity)
	}
	return done(a.core.UpdateQuotas(quotas))
}

// checkQuotaRequest returns an error if a request may not set the quota q.
func (a *api) checkQuotaRequest(request *quotapb.QuotaRequest, q *quotapb.QuotaConfig) error {
	if err := validate.QuotaRequest(request); err != nil {
		return err
	}
	if role := request.GetRole(); !a.core.Roles().Allows(role) {
		return fmt.Errorf("Unknown role '%s'", role)
	} else if a.core.Roles().Quota(role) != nil {
		return fmt.Errorf("Cannot set quota for role '%s' which already has quota", role)
	}
	if err := validate.Quota(q); err != nil { // Differs: Mesos would end here if an amount is too great
		return err
	}
	return validate.QuotaTree(a.core.Roles().WithQuotas([]*quotapb.QuotaConfig{q}))
}

// removeQuotaAt answers a DELETE of /master/quota/<role>, or without the name of the actor.
//
// Mesos: Master::QuotaHandler::remove.
func (a *api) removeQuotaAt(o operator.Caller, path string) answer {
	path = "/master" + strings.TrimPrefix(path, "/master")
	role := strings.Trim(strings.TrimPrefix(path, "/master/quota"), "/")
	if role == "" {
		return refused(http.StatusBadRequest, "Failed to parse remove quota request for path '%s': expected 3 tokens, found 2 tokens", path)
	}
	if !a.core.Roles().Allows(role) {
		return refused(http.StatusBadRequest, "Failed to validate remove quota request for path '%s': Unknown role '%s'", path, role)
	}
	return a.removeQuotaOf(o, role, "Failed to remove quota for path '"+path+"'")
}

// removeQuotaOf removes the quota of a role. failed begins the error that callers get if that fails.
//
// Differs: Mesos ends when the call REMOVE_QUOTA names a role without one.
func (a *api) removeQuotaOf(o operator.Caller, role, failed string) answer {
	q := a.core.Roles().Quota(role)
	if q == nil {
		return refused(http.StatusBadRequest, "%s: Role '%s' has no quota set", failed, role)
	}
	none := []*quotapb.QuotaConfig{{Role: &role}}
	if err := validate.QuotaTree(a.core.Roles().WithQuotas(none)); err != nil {
		return refused(http.StatusBadRequest, "%s: %v", failed, err)
	}
	if forbidden := a.forbids(o, authorizationpb.Action_UPDATE_QUOTA, quotaObject(q)); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return done(a.core.UpdateQuotas(none))
}

func quotaObject(q *quotapb.QuotaConfig) *authorizationpb.Object {
	return &authorizationpb.Object{Value: q.Role, QuotaInfo: &quotapb.QuotaInfo{Role: q.Role, Guarantee: guarantee(q)}}
}
