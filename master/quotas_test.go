package master_test

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer/authorizertest"
	"meseta/actors/registrar"
	"meseta/master/mastertest"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/registrypb"
)

// registryWithQuotas is a registry in which a C++ master has left a quota of red, and one before Mesos 1.9 one of blue.
func registryWithQuotas(t *testing.T) *registrar.Memory {
	t.Helper()
	amount := func(x float64) *mesospb.Value_Scalar { return &mesospb.Value_Scalar{Value: &x} }
	m := &registrar.Memory{}
	if err := registrar.Fill(t.Context(), m, &registrypb.Registry{
		QuotaConfigs: []*quotapb.QuotaConfig{{
			Role: proto.String("red"), Guarantees: map[string]*mesospb.Value_Scalar{"cpus": amount(1)},
			Limits: map[string]*mesospb.Value_Scalar{"cpus": amount(2), "mem": amount(512)},
		}},
		Quotas: []*registrypb.Registry_Quota{{Info: &quotapb.QuotaInfo{
			Role: proto.String("blue"), Guarantee: []*mesospb.Resource{mastertest.Resource("mem", 64)},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

// Quotas in the registry are shown as Mesos shows them (golden/registry/after-restart-quota.http), kept by every master that
// leads, and cannot be changed.
func TestQuotasAreKept(t *testing.T) {
	t.Parallel()
	const blue = `{"role":"blue","guarantee":[{"name":"mem","type":"SCALAR","scalar":{"value":64.0}}]}`
	const red = `{"role":"red","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0}}]}`
	const blueConfig = `{"role":"blue","guarantees":{"mem":{"value":64.0}},"limits":{"mem":{"value":64.0}}}`
	const redConfig = `{"role":"red","guarantees":{"cpus":{"value":1.0}},"limits":{"cpus":{"value":2.0},"mem":{"value":512.0}}}`
	registry := registryWithQuotas(t)
	for range 2 {
		j := &authorizertest.Judge{}
		c := mastertest.New(t, mastertest.Config{Registry: registry, Authorizer: j})
		if got, want := string(c.Get("/quota").Body), `{"infos":[`+blue+`,`+red+`],"configs":[`+blueConfig+`,`+redConfig+`]}`; got != want {
			t.Errorf("/quota is\n%s, want\n%s", got, want)
		}
		roles := string(c.Get("/roles").Body)
		if want := `"quota":{"role":"red","guarantee":{"cpus":1.0},"limit":{"cpus":2.0,"mem":512.0},"consumed":{}}`; !strings.Contains(roles, want) {
			t.Errorf("/roles is %s, want %s", roles, want)
		}
		remove := &masterpb.Call{RemoveQuota: &masterpb.Call_RemoveQuota{Role: proto.String("red")}}
		refusedWith(t, c, remove, http.StatusNotImplemented, "Quotas are not supported by this master yet")
		if answer := c.Request(http.MethodDelete, "/quota/red", http.Header{}, nil); answer.Status != http.StatusNotImplemented {
			t.Errorf("DELETE /quota/red: %d %s", answer.Status, answer.Body)
		}
		j.Deny(authorizationpb.Action_UPDATE_QUOTA)
		if status, _ := command(t, c, remove); status != http.StatusForbidden || !wasAsked(j, `role:"red"`) {
			t.Errorf("REMOVE_QUOTA without UPDATE_QUOTA: %d", status)
		}
		j.Deny(authorizationpb.Action_GET_QUOTA)
		if got := string(c.Get("/quota").Body); got != "{}" {
			t.Errorf("without GET_QUOTA /quota is %s", got)
		}
	}
}
