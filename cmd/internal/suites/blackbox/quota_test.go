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
