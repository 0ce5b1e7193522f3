package blackbox

import (
	"fmt"
	"strings"
	"testing"

	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

// offeredTo subscribes a framework to a role, and returns the scalars of its first offer.
func (w *world) offeredTo(t *testing.T, role string) string {
	t.Helper()
	f := w.subscribes(t, fmt.Sprintf(`{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":%q,"roles":[%[1]q],`+
		`"capabilities":[{"type":"MULTI_ROLE"}]}}}`, role))
	f.stay()
	var scalars []string
	for _, r := range f.event(schedulerv1pb.Event_OFFERS).GetOffers().GetOffers()[0].GetResources() {
		if r.GetType() == mesosv1pb.Value_SCALAR {
			scalars = append(scalars, fmt.Sprintf("%s:%v", r.GetName(), r.GetScalar().GetValue()))
		}
	}
	return strings.Join(scalars, ";")
}

// Quotas that an operator sets hold for what frameworks are offered: one has a limit, and of another role, in which nobody is, what
// it is guaranteed is kept. The leader is killed, and they hold with the next one, which is told them by the registry.
func TestQuotas(t *testing.T) {
	t.Parallel()
	m := startMasters(t, 3)
	w := &world{master: m.all[m.leader()]}
	w.agent = startAgent(t, "0", m.list, t.TempDir())
	w.agent.awaits("] registered ")
	for _, quotas := range []string{
		`[{"role":"web","limits":{"cpus":{"value":1},"mem":{"value":256}}},{"role":"later","guarantees":{"cpus":{"value":2},"mem":{"value":512}}}]`,
		`[{"role":"passing","guarantees":{"cpus":{"value":1}}}]`, `[{"role":"passing"}]`,
	} {
		request(t, w.master, "POST", "/api/v1", []string{isJSON}, `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":`+quotas+`}}`).wants("200")
	}
	holds := func() {
		t.Helper()
		const quotas = `"configs":[{"role":"later","guarantees":{"cpus":{"value":2.0},"mem":{"value":512.0}}},{"role":"web","limits":{"cpus":{"value":1.0},"mem":{"value":256.0}}}]`
		if _, text := w.master.get("/quota"); !strings.Contains(text, quotas) {
			t.Errorf("/quota is %s, want %s", text, quotas)
		}
		if got, want := w.offeredTo(t, "web"), "cpus:1;mem:256;disk:1000"; got != want {
			t.Errorf("the role with a limit is offered %s, want %s", got, want)
		}
		if got, want := w.offeredTo(t, "other"), "cpus:1;mem:256"; got != want {
			t.Errorf("others are offered %s, want %s", got, want)
		}
	}
	holds()

	first := m.leader()
	before := len(w.agent.out.String())
	m.all[first].kill()
	m.all[first] = nil
	w.master = m.all[m.leader()]
	w.agent.awaitsAfter(before, "] re-registered ")
	holds()
	if got, want := w.offeredTo(t, "later"), "cpus:2;mem:512"; got != want {
		t.Errorf("the role with a guarantee is offered %s, want %s", got, want)
	}
}

// quota runs "mesos quota" against masters. What is to be refused names what it is to say of that; an empty refusal means that it has
// to succeed.
func (m *masters) quota(refusal string, args ...string) (out string) {
	m.t.Helper()
	status, out := does(m.t, nil, "mesos", append([]string{"--master=" + m.list, "quota"}, args...)...)
	if (status != 0) != (refusal != "") || !strings.Contains(out, refusal) {
		m.t.Errorf("quota %s: status %d, %s, want %q", strings.Join(args, " "), status, out, refusal)
	}
	return out
}

// quotas demands what "mesos quota list" shows, line by line.
func (m *masters) quotas(lines ...string) {
	m.t.Helper()
	want := strings.Join(lines, "\n") + "\n"
	if got := m.quota("", "list"); got != want {
		m.t.Errorf("quota list shows\n%s, want\n%s", got, want)
	}
}

// Quotas are set, listed and removed with the command, which finds the leader by the list of masters. What makes no sense is refused
// and changes nothing. The leader is killed: the next one has the same quotas, and the command finds it.
func TestQuotaCommand(t *testing.T) {
	t.Parallel()
	m := startMasters(t, 3)
	m.leader()
	agent := startAgent(t, "0", m.list, t.TempDir())
	agent.awaits("] registered ")
	m.quotas("Role  Guarantee  Limit  Consumed")

	m.quota("", "set", "web", "--guarantee=cpus:1.5;mem:64", "--limit=cpus:2")
	m.quota("", "set", "batch", "--limit=cpus:0;disk:10.5")
	set := []string{
		"Role   Guarantee         Limit              Consumed",
		"batch  -                 cpus:0; disk:10.5  -",
		"web    cpus:1.5; mem:64  cpus:2             -",
	}
	m.quotas(set...)
	for refusal, args := range map[string][]string{
		"total quota guarantees 'cpus:5.5; mem:64' exceed cluster capacity": {"set", "big", "--guarantee=cpus:4"},
		"is not contained within the 'QuotaConfig.limits'":                  {"set", "big", "--guarantee=cpus:2", "--limit=cpus:1"},
		"Updating quota on nested role 'web/a' is not supported yet":        {"set", "web/a", "--limit=cpus:1"},
		"contains backspace or whitespace":                                  {"set", "a b", "--limit=cpus:1"},
		"Failed to parse '-1' to limit":                                     {"set", "big", "--limit=cpus:-1"},
		"Failed to parse '[1-2]' to limit: only scalar values are allowed":  {"set", "big", "--limit=ports:[1-2]"},
		"'cpus' is named twice":                                             {"set", "big", "--limit=cpus:1;cpus:2"},
		"missing or extra ':'":                                              {"set", "big", "--limit=cpus"},
		"neither --guarantee nor --limit":                                   {"set", "big"},
		"needs <role>":                                                      {"set", "--limit=cpus:1"},
		"unexpected argument":                                               {"set", "big", "too", "--limit=cpus:1"},
		"unknown flag":                                                      {"set", "big", "--limits=cpus:1"},
		`role "wbe" has no quota`:                                           {"remove", "wbe"},
		"unexpected argument \"batch\"":                                     {"remove", "web", "batch"},
	} {
		m.quota(refusal, args...)
	}
	m.quotas(set...)

	first := m.leader()
	before := len(agent.out.String())
	m.all[first].kill()
	m.all[first] = nil
	m.leader()
	agent.awaitsAfter(before, "] re-registered ")
	m.quotas(set...)
	m.quota("", "remove", "batch")
	m.quota("", "set", "big", "--guarantee=cpus:4", "--force")
	m.quotas(
		"Role  Guarantee         Limit   Consumed",
		"big   cpus:4            -       -",
		"web   cpus:1.5; mem:64  cpus:2  -",
	)
}
