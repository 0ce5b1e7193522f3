package blackbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

// memories are what operators have decided before the leader is killed, and how the next one is asked for it. What is in braces is the ID
// of the agent that is called so.
var memories = []struct {
	name             string
	method, to, with string // how it is decided
	path, call       string // how it is asked for: by GET, or by a call of the operator API
	said             string // what the answer contains, besides being the same before and after
}{
	{"a weight", "PUT", "/weights", `[{"role":"heavy","weight":2.5}]`,
		"/weights", "", `{"role":"heavy","weight":2.5}`},
	{"a weight, by a call", "POST", "/api/v1", `{"type":"UPDATE_WEIGHTS","update_weights":{"weight_infos":[{"role":"light","weight":0.5}]}}`,
		"", `{"type":"GET_WEIGHTS"}`, `{"role":"light","weight":0.5}`},
	{"a guarantee", "POST", "/quota", `{"role":"sure","force":true,"guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}`,
		"/quota", "", `"role":"sure"`},
	{"a limit", "POST", "/api/v1", `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"limited","limits":{"cpus":{"value":2}}}]}}`,
		"", `{"type":"GET_QUOTA"}`, `{"limits":{"cpus":{"value":2.0}},"role":"limited"}`},
	{"a plan of maintenance", "POST", "/maintenance/schedule", `{"windows":[{"machine_ids":[{"hostname":"down"},{"hostname":"draining"}],` +
		`"unavailability":{"start":{"nanoseconds":4000000000000000000},"duration":{"nanoseconds":3600000000000}}}]}`,
		"/maintenance/schedule", "", `"nanoseconds":4000000000000000000`},
	{"a machine that is down", "POST", "/machine/down", `[{"hostname":"down"}]`,
		"/maintenance/status", "", `"down_machines":[{"hostname":"down"}]`},
	{"a machine that drains", "POST", "/api/v1", `{"type":"GET_MAINTENANCE_STATUS"}`,
		"", `{"type":"GET_MAINTENANCE_STATUS"}`, `"draining_machines":[{"id":{"hostname":"draining"}}]`},
	{"an agent that drains", "POST", "/api/v1", `{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"{drained}"}}}`,
		"/slaves?slave_id={drained}", "", `"state":"DRAINED"`},
	{"an agent that is deactivated", "POST", "/api/v1", `{"type":"DEACTIVATE_AGENT","deactivate_agent":{"agent_id":{"value":"{idle}"}}}`,
		"/slaves?slave_id={idle}", "", `"deactivated":true`},
}

// The leader of three masters is killed with -9. The next one knows all that operators have decided, which agents are gone and unreachable, and
// the tasks. Whoever follows what happens, or wants to run tasks, is sent to it by the others.
func TestWhatTheNextLeaderKnows(t *testing.T) {
	t.Parallel()
	r := newReign(t)
	before := r.decides(t)
	request(t, r.leader, "POST", "/api/v1", []string{isJSON},
		r.named(`{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"{gone}"}}}`)).wants("200")
	r.agents["gone"].ends()
	r.agents["lost"].signal(syscall.SIGSTOP)
	gone(t, func() []string {
		var registry struct {
			Unreachable struct {
				Slaves []struct{ ID struct{ Value string } }
			}
		}
		r.leader.sees("/registrar(1)/registry", &registry)
		if lost := registry.Unreachable.Slaves; len(lost) != 1 || lost[0].ID.Value != r.ids["lost"] {
			return []string{fmt.Sprintf("unreachable are %v, not the agent that has stopped", lost)}
		}
		return nil
	})
	r.states(t)
	past := map[string]int{}
	for _, name := range []string{"working", "drained", "idle"} {
		past[name] = len(r.agents[name].out.String())
	}

	place := r.m.leader()
	r.m.all[place].kill()
	r.m.all[place] = nil
	r.leader = r.m.all[r.m.leader()]
	for name, from := range past {
		r.agents[name].awaitsAfter(from, "] re-registered ")
	}
	for i, memory := range memories {
		if after := r.asks(t, i); after != before[i] {
			t.Errorf("%s: the next leader says\n%s\nthe last one said\n%s", memory.name, after, before[i])
		}
	}
	r.states(t)
	r.sendsOn(t)
	r.agents["lost"].signal(syscall.SIGCONT)
	r.agents["lost"].awaitsAfter(0, "] re-registered ")
	r.gate.open(t)
	for _, p := range r.frameworks {
		if status := p.ends(); status != 0 || !strings.Contains(p.out.String(), "TASK_FINISHED") {
			t.Errorf("a task that outlived its master ended with %d", status)
		}
	}
}

// reign is what a leader has to remember.
type reign struct {
	m          *masters
	leader     *process
	agents     map[string]*process
	ids        map[string]string // of agents
	gate       gate
	frameworks []*process
}

// newReign starts masters that soon give an agent up, agents, and two tasks, which wait for a gate.
func newReign(t *testing.T) *reign {
	t.Helper()
	r := &reign{m: newMasters(t, 3), agents: map[string]*process{}, ids: map[string]string{}, gate: newGate(t)}
	r.m.args = []string{"--masters=" + r.m.list, "--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=3"}
	for i := range r.m.port {
		r.m.start(i)
	}
	r.leader = r.m.all[r.m.leader()]
	for _, name := range []string{"working", "lost", "drained", "idle", "gone"} {
		r.agents[name] = startAgent(t, "0", r.m.list, t.TempDir(), "--resources=cpus:1;mem:128;"+name+":1", "--attributes=called:"+name)
	}
	for _, a := range r.agents {
		a.awaits("] registered ")
	}
	var seen struct {
		Slaves []struct {
			ID         string
			Attributes struct{ Called string }
		}
	}
	r.leader.sees("/slaves", &seen)
	for _, a := range seen.Slaves {
		r.ids[a.Attributes.Called] = a.ID
	}
	if len(r.ids) != len(r.agents) {
		t.Fatalf("the agents are %v", r.ids)
	}
	for _, name := range []string{"working", "lost"} {
		p := execute(t, r.m.list, name, r.gate.wait(), "--checkpoint", "--partition_aware", "--resources=cpus:0.1;mem:32;"+name+":1")
		p.awaits("TASK_RUNNING")
		r.frameworks = append(r.frameworks, p)
	}
	return r
}

// named puts the IDs of agents in the place of their names.
func (r *reign) named(text string) string {
	for name, id := range r.ids {
		text = strings.ReplaceAll(text, "{"+name+"}", id)
	}
	return text
}

// decides decides everything, and returns what the leader then says of each.
func (r *reign) decides(t *testing.T) (said []string) {
	t.Helper()
	for _, memory := range memories {
		request(t, r.leader, memory.method, memory.to, []string{isJSON}, r.named(memory.with)).wants("200")
	}
	for i, memory := range memories {
		said = append(said, r.asks(t, i))
		if !strings.Contains(said[i], memory.said) {
			t.Errorf("%s: the leader says %s, without %s", memory.name, said[i], memory.said)
		}
	}
	return said
}

// asks asks the leader for what it remembers.
func (r *reign) asks(t *testing.T, i int) string {
	t.Helper()
	memory := memories[i]
	var text string
	if memory.call == "" {
		_, text = r.leader.get(r.named(memory.path))
	} else {
		text = string(request(t, r.leader, "POST", "/api/v1", []string{isJSON, "Accept: application/json"}, r.named(memory.call)).wants("200").whole())
	}
	return timeless(t, text)
}

// timeless is an answer without what is of this master or this moment.
func timeless(t *testing.T, text string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var agents struct{ Slaves []map[string]any }
	if json.Unmarshal([]byte(text), &agents) == nil && len(agents.Slaves) == 1 {
		a := agents.Slaves[0]
		kept := map[string]any{}
		for _, name := range []string{"id", "active", "deactivated", "drain_info", "resources", "attributes"} {
			kept[name] = a[name]
		}
		v = kept
	}
	plain, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// states demands that the leader tells what has become of tasks on agents that are gone, unreachable, and unknown.
func (r *reign) states(t *testing.T) {
	t.Helper()
	w := &world{master: r.leader}
	f := w.subscribes(t, `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"asks","roles":["asks"],`+
		`"capabilities":[{"type":"MULTI_ROLE"},{"type":"PARTITION_AWARE"}]}}}`)
	for agent, state := range map[string]mesosv1pb.TaskState{
		r.ids["gone"]: mesosv1pb.TaskState_TASK_GONE_BY_OPERATOR, r.ids["lost"]: mesosv1pb.TaskState_TASK_UNREACHABLE,
		"nobody": mesosv1pb.TaskState_TASK_UNKNOWN,
	} {
		f.calls(fmt.Sprintf(`"type":"RECONCILE","reconcile":{"tasks":[{"task_id":{"value":"t"},"agent_id":{"value":%q}}]}`, agent)).wants("202")
		status := f.event(schedulerv1pb.Event_UPDATE).GetUpdate().GetStatus()
		if status.GetState() != state || status.GetAgentId().GetValue() != agent {
			t.Errorf("a task of agent %s is %s, want %s", agent, status.GetState(), state)
		}
	}
	f.calls(`"type":"TEARDOWN"`).wants("202")
}

// sendsOn demands that the other master sends operators and schedulers to the leader.
func (r *reign) sendsOn(t *testing.T) {
	t.Helper()
	for _, other := range r.m.all {
		if other == nil || other == r.leader {
			continue
		}
		for path, body := range map[string]string{
			"/api/v1": `{"type":"SUBSCRIBE"}`, "/api/v1/scheduler": subscribe, "/weights": "", "/master/quota": "", "/maintenance/status": "",
		} {
			method, to := "POST", path
			if body == "" {
				method = "GET"
			}
			if !strings.HasPrefix(to, "/master") {
				to = "/master" + to
			}
			a := request(t, other, method, path, []string{isJSON}, body).wants("307")
			if got, want := strings.Join(a.header["Location"], ""), strings.Replace("//"+r.leader.address+to, "127.0.0.1", "localhost", 1); got != want {
				t.Errorf("%s of another master leads to %s, want %s", path, got, want)
			}
		}
	}
	stream := request(t, r.leader, "POST", "/api/v1", []string{isJSON, "Accept: application/json"}, `{"type":"SUBSCRIBE"}`).wants("200")
	if first := string(stream.record()); !strings.Contains(first, `"type":"SUBSCRIBED"`) || !strings.Contains(first, r.ids["working"]) {
		t.Errorf("an operator that follows the leader hears %.300s", first)
	}
}
