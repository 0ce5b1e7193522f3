package blackbox

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"meseta/messages/pb/v1/schedulerv1pb"
)

// An agent with a thousand executors, each in control groups of its own, says in a moment what they are like and what they use. The time
// is printed for make bench; here it only must not be a multiple of that.
func TestContainersOfAThousandExecutors(t *testing.T) {
	if testing.Short() {
		t.Skip("it launches a thousand executors")
	}
	groups := newGroups(t, "freezer", "cpu", "cpuacct", "memory", "pids")
	master := startMaster(t, "0", t.TempDir())
	agent := startAgent(t, "0", master.address, t.TempDir(), "--launcher=linux", "--isolation=cgroups/cpu,cgroups/mem,cgroups/pids",
		"--cgroups_root="+groups[0].Name, "--systemd_enable_support=false", "--resources=cpus:1000;mem:64000;disk:1000", "--executor_registration_timeout=10mins")
	agent.awaits("] registered ")
	w := &world{master: master, agent: agent}
	f := w.subscribes(t, `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"many"}}}`)
	offer := f.event(schedulerv1pb.Event_OFFERS).GetOffers().GetOffers()[0]
	var tasks []string
	for i := range thousand {
		tasks = append(tasks, fmt.Sprintf(`{"name":"t","task_id":{"value":"t%d"},"agent_id":{"value":%q},"resources":[%s,%s],`+
			`"executor":{"executor_id":{"value":"x%[1]d"},"command":{"value":"exec sleep 1000"},"resources":[%[5]s,%[4]s]}}`,
			i, offer.GetAgentId().GetValue(), scalar("cpus", "0.01"), scalar("mem", "32"), scalar("cpus", "0.1")))
	}
	f.calls(fmt.Sprintf(`"type":"ACCEPT","accept":{"offer_ids":[{"value":%q}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[%s]}}]}`,
		offer.GetId().GetValue(), strings.Join(tasks, ","))).wants("202")
	ask := func() (containers int) {
		answer, err := http.Get("http://" + agent.address + "/containers")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), `"mem_total_bytes"`)
	}
	gone(t, func() []string {
		if n := ask(); n < thousand {
			return []string{fmt.Sprintf("%d containers of %d", n, thousand)}
		}
		return nil
	})
	asked := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			ask()
		}
	})
	took := time.Duration(asked.NsPerOp())
	fmt.Printf("/containers of 1,000 executors\t%.1f\tms\n", took.Seconds()*1000)
	if took > 2*time.Second {
		t.Errorf("/containers takes %s", took)
	}
}
