package master_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/system"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// absent lists, by prefix, the metrics of Mesos that this master does not have, with the reason.
var absent = map[string]string{
	"registrar/log/":            "the registry is in memory",
	"log_storage/":              "the registry is a local file",
	"registrar/state_fetch_ms/": "the registry is fetched once, and statistics begin with the second sample",
}

// Every metric of Mesos's master exists, or is absent for a reason.
func TestMetricsAreThoseOfMesos(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile(filepath.Join(shared(t), "reference", "metrics.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	c := busy(t)
	values := snapshot(c)
	rows := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Split(line, "\t")
		key, component := fields[0], fields[2]
		if component != "master" && component != "allocator" && component != "registrar" && component != "system" {
			continue
		}
		rows++
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`<[^>]*>`).ReplaceAllString(regexp.QuoteMeta(key), ".+") + "$")
		there := false
		for got := range values {
			there = there || pattern.MatchString(got)
		}
		if reason := reasonOf(key); there == (reason != "") {
			t.Errorf("%s (%s): there %v, and the reason not to be: %q", key, fields[3], there, reason)
		}
	}
	if rows < 150 {
		t.Errorf("only %d metrics are known", rows)
	}
}

func reasonOf(key string) string {
	for prefix, reason := range absent {
		if strings.HasPrefix(key, prefix) {
			return reason
		}
	}
	return ""
}

// busy returns a cluster in which everything happened that its metrics count.
func busy(t *testing.T) *mastertest.Cluster {
	c := mastertest.New(t, mastertest.Config{Metrics: true})
	var node *runtime.Node
	c.Do(func(m *master.Master) { node = m.Node() })
	if err := system.Spawn(node); err != nil {
		t.Fatal(err)
	}
	agent := c.Agent("agent", "10.0.0.2:5051")
	info := mastertest.Framework()
	info.Principal = proto.String("someone")
	f := c.Scheduler("f", "10.0.0.3:6000", info)
	c.Advance(3 * time.Second)
	f.Launch(f.Offer(), mastertest.Task("t", f.Offer()), mastertest.Task("u", f.Offer()))
	failed := agent.Update(mastertest.FrameworkID(f), "t", mesospb.TaskState_TASK_FAILED, 1)
	failed.Update.Status.Reason = mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY.Enum()
	agent.Say(failed)
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_REVIVE.Enum()})
	obeyed(t, c, updateQuota(false, quota(t, "*", "cpus:1", "cpus:100")))
	c.Agent("another", "10.0.0.4:5051")
	c.Advance(3 * time.Second)
	return c
}

// The messages of frameworks are counted by principal, for as long as a framework has that principal.
func TestMetricsOfPrincipals(t *testing.T) {
	t.Parallel()
	c := busy(t)
	before := snapshot(c)["frameworks/someone/messages_received"]
	if before < 2 {
		t.Errorf("%v messages", before)
	}
	info := mastertest.Framework()
	info.Principal = proto.String("someone")
	g := c.Scheduler("g", "10.0.0.5:6000", info)
	g.Call(&schedulerpb.Call{Type: schedulerpb.Call_REVIVE.Enum()})
	expectMetrics(c, map[string]float64{"frameworks/someone/messages_received": before + 1, "frameworks/someone/messages_processed": before + 1})
	g.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	expectMetrics(c, map[string]float64{"frameworks/someone/messages_received": before + 2, "frameworks/someone/messages_processed": before + 2})
	f := &mesospb.FrameworkID{Value: proto.String(mastertest.ID + "-0000")}
	if answer := c.Post("/teardown", nil, []byte("frameworkId="+f.GetValue())); answer.Status != 200 {
		t.Fatal(answer.Status)
	}
	if _, there := snapshot(c)["frameworks/someone/messages_received"]; there {
		t.Error("nobody is someone any more")
	}
}
