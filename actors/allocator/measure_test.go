package allocator_test

import (
	"testing"
	"time"

	"meseta/actors/allocator"
	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/resources"
	"meseta/runtime/sim"
)

func TestMeasures(t *testing.T) {
	t.Parallel()
	c := start(t, allocator.Defaults())
	c.addFramework("f1", "eng/dev")
	c.addAgent("a1", "cpus:4;mem:100")
	c.decline("f1", "a1", 5)
	busy := anAgent(t, "a2", "cpus:4;mem:100")
	c.tell(func(a *allocator.Allocator) {
		a.AddAgent(busy, map[ids.Framework]resources.Resources{"f1": busy.Total.Allocate("eng/dev")})
	})
	got := map[string]float64{}
	values, err := sim.Await(c.world, metrics.Of(c.node, 0), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		got[v.Key] = v.Value
	}
	for key, want := range map[string]float64{
		"allocator/event_queue_dispatches":                            0,
		"allocator/mesos/event_queue_dispatches":                      0,
		"allocator/mesos/allocation_run_ms":                           0,
		"allocator/mesos/allocation_run_latency_ms":                   0,
		"master/frameworks/f1/f1/roles/eng/dev/suppressed":            0,
		"allocator/mesos/allocation_runs":                             3,
		"allocator/mesos/resources/cpus/total":                        8,
		"allocator/mesos/resources/cpus/offered_or_allocated":         4,
		"allocator/mesos/resources/mem/total":                         200,
		"allocator/mesos/resources/mem/offered_or_allocated":          100,
		"allocator/mesos/resources/disk/total":                        0,
		"allocator/mesos/resources/disk/offered_or_allocated":         0,
		"allocator/mesos/offer_filters/roles/eng/dev/active":          1,
		"allocator/mesos/roles/eng/dev/shares/dominant":               0.5,
		"allocator/mesos/quota/roles/eng/dev/resources/cpus/consumed": 4,
		"allocator/mesos/quota/roles/eng/resources/cpus/consumed":     4,
		"allocator/mesos/quota/roles//resources/mem/consumed":         100,
	} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s is %v (%v), want %v", key, value, ok, want)
		}
	}
}
