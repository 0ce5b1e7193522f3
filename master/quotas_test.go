package master_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer/authorizertest"
	"meseta/actors/registrar"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
	"meseta/runtime/web"
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

// Quotas in the registry are shown as Mesos shows them (golden/registry/after-restart-quota.http), and kept by every master that
// leads.
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
		j.Deny(authorizationpb.Action_UPDATE_QUOTA)
		if status, _ := command(t, c, remove); status != http.StatusForbidden || !wasAsked(j, `role:"red"`) {
			t.Errorf("REMOVE_QUOTA without UPDATE_QUOTA: %d", status)
		}
		j.Deny(authorizationpb.Action_UPDATE_QUOTA)
		if answer := c.Request(http.MethodDelete, "/quota/red", http.Header{}, nil); answer.Status != http.StatusForbidden || !wasAsked(j, `name:"cpus"`) {
			t.Errorf("DELETE /quota/red without UPDATE_QUOTA: %d", answer.Status)
		}
		j.Deny(authorizationpb.Action_GET_QUOTA)
		if got := string(c.Get("/quota").Body); got != "{}" {
			t.Errorf("without GET_QUOTA /quota is %s", got)
		}
	}
}

// amounts returns scalars by name, of a list as in "cpus:1;mem:64".
func amounts(t *testing.T, list string) map[string]*mesospb.Value_Scalar {
	t.Helper()
	all := map[string]*mesospb.Value_Scalar{}
	for pair := range strings.SplitSeq(list, ";") {
		name, amount, ok := strings.Cut(pair, ":")
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(amount, 64)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &mesospb.Value_Scalar{Value: &f}
	}
	return all
}

func quota(t *testing.T, role, guarantees, limits string) *quotapb.QuotaConfig {
	t.Helper()
	return &quotapb.QuotaConfig{Role: &role, Guarantees: amounts(t, guarantees), Limits: amounts(t, limits)}
}

func updateQuota(force bool, quotas ...*quotapb.QuotaConfig) *masterpb.Call {
	return &masterpb.Call{UpdateQuota: &masterpb.Call_UpdateQuota{Force: &force, QuotaConfigs: quotas}}
}

// The calls of golden/operations/4-quota-*, and their answers.
func TestUpdateQuotaAsRecorded(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051") // has cpus:4;mem:4096;disk:8192
	const overcommitted = "Invalid QuotaConfig: total quota guarantees 'cpus:102; mem:256' exceed cluster capacity " +
		"'cpus:4; disk:8192; mem:4096' (use 'force' flag to bypass this check)"
	for _, r := range []struct {
		call *masterpb.Call
		text string
	}{
		{updateQuota(false, quota(t, "red", "cpus:1;mem:256", "cpus:2;mem:512")), ""},
		{updateQuota(false, quota(t, "blue", "", "cpus:1")), ""},
		{updateQuota(false, quota(t, "red/a", "", "cpus:1"), quota(t, "red/b", "", "cpus:1")), "Updating quota on nested role 'red/a' is not supported yet"},
		{updateQuota(false, quota(t, "x", "cpus:2", "cpus:1")),
			"Invalid QuotaConfig: 'QuotaConfig.guarantees' { cpus: 2 } is not contained within the 'QuotaConfig.limits' { cpus: 1 }"},
		{updateQuota(false, quota(t, "y", "cpus:1", "")), ""},
		{updateQuota(false, quota(t, "z", "cpus:100", "cpus:100")), overcommitted},
		{updateQuota(true, quota(t, "z", "cpus:100", "cpus:100")), ""},
		{updateQuota(false, quota(t, "*", "", "cpus:1")), overcommitted},
		{updateQuota(false, quota(t, "a b", "", "cpus:1")),
			"Invalid QuotaConfig: Invalid 'QuotaConfig.role': Role component 'a b' is invalid because it contains backspace or whitespace"},
		{updateQuota(false, quota(t, "d", "", "cpus:-1")),
			"Invalid QuotaConfig: Invalid limit configuration {'cpus': -1}: Negative values not supported"},
		{updateQuota(false), overcommitted},
		{updateQuota(false, quota(t, "z", "", "")), ""},
		{updateQuota(false, quota(t, "d", "", "disk:2e12")), "Invalid QuotaConfig: Invalid 'QuotaConfig.limits': " +
			"{'disk': 2000000000000} is invalid: values greater than 1 exabyte (1099511627776) are not supported"},
		{updateQuota(false, quota(t, "d", "cpus:2e12", "")), "Invalid QuotaConfig: Invalid 'QuotaConfig.guarantees': " +
			"{'cpus': 2000000000000} is invalid: values greater than 1 trillion (1000000000000) are not supported"},
	} {
		status := http.StatusOK
		if r.text != "" {
			status = http.StatusBadRequest
		}
		refusedWith(t, c, r.call, status, r.text)
	}
	const want = `{"infos":[{"role":"blue"},{"role":"red","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0}},` +
		`{"name":"mem","type":"SCALAR","scalar":{"value":256.0}}]},{"role":"y","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0}}]}],` +
		`"configs":[{"role":"blue","limits":{"cpus":{"value":1.0}}},{"role":"red","guarantees":{"cpus":{"value":1.0},"mem":{"value":256.0}},` +
		`"limits":{"cpus":{"value":2.0},"mem":{"value":512.0}}},{"role":"y","guarantees":{"cpus":{"value":1.0}}}]}`
	if got := string(c.Get("/quota").Body); got != want {
		t.Errorf("/quota is\n%s, want\n%s", got, want)
	}
	roles := string(c.Get("/roles").Body)
	if want := `{"name":"y","weight":1.0,"quota":{"role":"y","guarantee":{"cpus":1.0},"limit":{},"consumed":{}}`; !strings.Contains(roles, want) {
		t.Errorf("/roles is %s, want %s", roles, want)
	}
	c.Fail()
	c.Elect(mastertest.ID)
	if got := string(c.Get("/quota").Body); got != want {
		t.Errorf("the next master has\n%s, want\n%s", got, want)
	}
}

// The older calls and endpoint, as recorded in golden/operations/4-quota-v0-*.
func TestSetQuotaAsRecorded(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	const cpus, mem = `{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}`, `{"name":"mem","type":"SCALAR","scalar":{"value":64}}`
	const much = `[{"name":"cpus","type":"SCALAR","scalar":{"value":100}}]`
	const invalid = "Failed to validate set quota request: "
	const beyond = "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota guarantees "
	for _, r := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"POST", "/quota", `{"role":"green","guarantee":[` + cpus + "," + mem + `]}`, 200, ""},
		{"POST", "/quota", `{"role":"green","guarantee":[` + cpus + `]}`, 400, invalid + "Cannot set quota for role 'green' which already has quota"},
		{"POST", "/quota", `{"role":"big","guarantee":` + much + `}`, 409, beyond + "'cpus:100.5; mem:64' exceed cluster capacity 'cpus:4; disk:8192; mem:4096'"},
		{"POST", "/quota", `{"role":"big","force":true,"guarantee":` + much + `}`, 200, ""},
		{"POST", "/quota", `{"role":"*","guarantee":[` + cpus + `]}`, 409, beyond + "'cpus:101; mem:64' exceed cluster capacity 'cpus:4; disk:8192; mem:4096'"},
		{"POST", "/quota", `{"guarantee":[` + cpus + `]}`, 400, invalid + "QuotaInfo with invalid role: Role names cannot be the empty string"},
		{"POST", "/quota", `{"role":"r","guarantee":[]}`, 400, invalid + "QuotaInfo with empty 'guarantee'"},
		{"POST", "/quota", `{"role":"r","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5},"role":"x"}]}`, 400,
			invalid + "QuotaInfo must not contain any ReservationInfo"},
		{"POST", "/quota", `{"role":"r","guarantee":[{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":2}]}}]}`, 400,
			invalid + "QuotaInfo must not include non-scalar resources"},
		{"POST", "/quota", `{"role":"r","guarantee":[` + cpus + "," + cpus + `]}`, 400, invalid + "QuotaInfo contains duplicate resource name 'cpus'"},
		{"POST", "/quota", `{"role":"r/s","guarantee":[` + mem + `]}`, 400, invalid + "Invalid quota configuration. Parent role 'r' with " +
			"guarantees ({}) does not contain the sum of its children's guarantees (mem:64)"},
		{"POST", "/quota", `{"role":"green/s","guarantee":[` + mem + `]}`, 400, "Setting quota on nested role 'green/s' is not supported yet"},
		{"DELETE", "/quota/green", "", 200, ""},
		{"DELETE", "/quota/green", "", 400, "Failed to remove quota for path '/master/quota/green': Role 'green' has no quota set"},
		{"DELETE", "/quota", "", 400, "Failed to parse remove quota request for path '/master/quota': expected 3 tokens, found 2 tokens"},
		{"DELETE", "/quota/big", "", 200, ""},
		{"GET", "/quota", "", 200, "{}"},
	} {
		answer := c.Request(r.method, r.path, http.Header{}, []byte(r.body))
		if answer.Status != r.status || string(answer.Body) != r.text {
			t.Errorf("%s %s %s: %d %s, want %d %s", r.method, r.path, r.body, answer.Status, answer.Body, r.status, r.text)
		}
	}
	obeyed(t, c, &masterpb.Call{SetQuota: &masterpb.Call_SetQuota{QuotaRequest: &quotapb.QuotaRequest{
		Role: proto.String("green"), Guarantee: []*mesospb.Resource{mastertest.Resource("cpus", 0.5)},
	}}})
	remove := &masterpb.Call{RemoveQuota: &masterpb.Call_RemoveQuota{Role: proto.String("green")}}
	obeyed(t, c, remove)
	refusedWith(t, c, remove, http.StatusBadRequest, "Failed to remove quota: Role 'green' has no quota set") // a C++ master ends
}

// A role that has more than it is to have at most needs force, whether tasks use it or it is reserved.
func TestLimitsBelowWhatIsConsumed(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	registration := mastertest.Registration("10.0.0.2:5051")
	reserved := mastertest.Resource("cpus", 2)
	reserved.Role = proto.String("r/x")
	registration.Slave.Resources = append(registration.Slave.Resources, reserved)
	c.Peer("agent", "slave(1)", "10.0.0.2:5051").Say(registration)
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	info.Roles = []string{"r"}
	f := c.Scheduler("f", "10.0.0.3:6000", info)
	f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
	refusedWith(t, c, updateQuota(false, quota(t, "r", "", "cpus:3")), http.StatusBadRequest,
		"Invalid QuotaConfig: Role 'r' is already consuming 'cpus:4; mem:1024'; this is more than the requested limits 'cpus:3'"+
			" (use 'force' flag to bypass this check)")
	obeyed(t, c, updateQuota(true, quota(t, "r", "", "cpus:2")))
}

// Setting a quota has those offers rescinded that stand against it, and the next ones keep to it: of the role what exceeds its
// limits, and of others what is needed for what it is guaranteed.
func TestSettingQuotasRescindsOffers(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	c.Agent("another", "10.0.0.4:5051")
	named := func(role string) *mesospb.FrameworkInfo {
		info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
		info.Roles = []string{role}
		return info
	}
	c.Scheduler("greedy", "10.0.0.3:6000", named("greedy"))
	c.Scheduler("late", "10.0.0.5:6000", named("late"))
	c.Note("late is guaranteed 2 cpus")
	obeyed(t, c, updateQuota(false, quota(t, "late", "cpus:2", "")))
	c.Advance(3 * time.Second)
	c.Note("greedy has a limit of 3 cpus")
	obeyed(t, c, updateQuota(false, quota(t, "greedy", "", "cpus:3")))
	c.Advance(3 * time.Second)
	c.Note("greedy may have what it likes")
	obeyed(t, c, updateQuota(false, quota(t, "greedy", "", "")))
	c.Advance(3 * time.Second)
	c.Golden("quotas-rescind")
}

// Of quotas that are asked for at one moment, each is checked against what those before it have left, although nothing is written
// yet when the last is asked for: never are roles guaranteed more than there is, and no quota is set or removed twice.
func TestQuotasAtOneMoment(t *testing.T) {
	t.Parallel()
	const most = `Total quota guarantees 'cpus:6' exceed cluster capacity 'cpus:4; disk:8192; mem:4096'`
	set := func(role string) *masterpb.Call {
		return &masterpb.Call{SetQuota: &masterpb.Call_SetQuota{QuotaRequest: &quotapb.QuotaRequest{
			Role: &role, Guarantee: []*mesospb.Resource{mastertest.Resource("cpus", 3)},
		}}}
	}
	remove := func(role string) *masterpb.Call {
		return &masterpb.Call{RemoveQuota: &masterpb.Call_RemoveQuota{Role: &role}}
	}
	for name, r := range map[string]struct {
		calls []*masterpb.Call
		wants []string
		left  string // roles with quotas
	}{
		"too much together": {
			[]*masterpb.Call{updateQuota(false, quota(t, "red", "cpus:3", "")), updateQuota(false, quota(t, "blue", "cpus:3", "")), updateQuota(false, quota(t, "red", "cpus:4", ""))},
			[]string{"", "Invalid QuotaConfig: t" + most[1:] + " (use 'force' flag to bypass this check)", ""}, "red",
		},
		"too much together, in the older way": {
			[]*masterpb.Call{set("red"), set("blue")},
			[]string{"", "Quota guarantees overcommit the cluster (use 'force' to bypass this check): " + most}, "red",
		},
		"set twice": {
			[]*masterpb.Call{set("red"), set("red")},
			[]string{"", "Failed to validate set quota request: Cannot set quota for role 'red' which already has quota"}, "red",
		},
		"removed twice": {
			[]*masterpb.Call{set("red"), remove("red"), remove("red"), set("blue")},
			[]string{"", "", "Failed to remove quota: Role 'red' has no quota set", ""}, "blue",
		},
	} {
		for _, pause := range []time.Duration{0, time.Millisecond, 7 * time.Millisecond} {
			t.Run(name+"/"+pause.String(), func(t *testing.T) {
				t.Parallel()
				c := mastertest.New(t, mastertest.Config{})
				c.Agent("agent", "10.0.0.2:5051") // has cpus:4;mem:4096;disk:8192
				c.World.SlowWork = 10 * time.Millisecond
				var answers []runtime.Future[*web.Response]
				for _, call := range r.calls {
					answers = append(answers, begin(c, call))
					c.Advance(pause)
				}
				c.Advance(time.Second)
				for i, answer := range answers {
					if got, _, err := answer.Peek(); err != nil || string(got.Bytes()) != r.wants[i] {
						t.Errorf("%v: %s, %v, want %q", r.calls[i], got.Bytes(), err, r.wants[i])
					}
				}
				c.World.SlowWork = 0
				c.Fail()
				c.Elect(mastertest.ID) // what it has is what the registry has
				c.Do(func(m *master.Master) {
					if all := m.Roles().Quotas(); len(all) != 1 || all[0].GetRole() != r.left {
						t.Errorf("the registry has %v", all)
					}
				})
			})
		}
	}
}
