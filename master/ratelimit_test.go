package master_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/master/ratelimit"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

func limits(text ...*mesospb.RateLimit) *mesospb.RateLimits { return &mesospb.RateLimits{Limits: text} }

// owned returns a framework of the given principal.
func owned(principal string) *mesospb.FrameworkInfo {
	info := mastertest.Framework()
	if principal != "" {
		info.Principal = &principal
	}
	return info
}

// reconciled returns how many answers to its reconciliations a scheduler got. Each reconciliation has one answer.
func reconciled(p *mastertest.Peer) int {
	return len(mastertest.All[*internalpb.StatusUpdateMessage](p))
}

func askManyTimes(p *mastertest.Peer, n int) {
	for range n {
		p.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: &schedulerpb.Call_Reconcile{
			Tasks: []*schedulerpb.Call_Reconcile_Task{{TaskId: &mesospb.TaskID{Value: proto.String("t")}}},
		}})
	}
}

// Messages are handled at the rate of their principal, in order, followed by the end of the connection. Principals that
// are not configured share one limit.
func TestMessagesAreThrottled(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Metrics: true, Configure: func(c *master.Config) {
		c.RateLimits = &mesospb.RateLimits{
			Limits: []*mesospb.RateLimit{
				{Principal: proto.String("slow"), Qps: proto.Float64(1)}, {Principal: proto.String("free")},
			},
			AggregateDefaultQps: proto.Float64(2),
		}
	}})
	slow := c.Scheduler("slow", "10.0.0.3:6000", owned("slow"))
	free := c.Scheduler("free", "10.0.0.4:6000", owned("free"))
	other := c.Scheduler("other", "10.0.0.5:6000", owned("other"))
	nobodys := c.Scheduler("nobodys", "10.0.0.6:6000", owned(""))
	for _, p := range []*mastertest.Peer{slow, free, other, nobodys} {
		askManyTimes(p, 4)
	}
	if n := reconciled(free); n != 4 {
		t.Errorf("the unlimited framework was answered %d times", n)
	}
	if n := reconciled(slow); n != 1 {
		t.Errorf("the framework with one message a second was answered %d times in the first second", n)
	}
	expectMetrics(c, map[string]float64{
		"frameworks/slow/messages_received": 4, "frameworks/slow/messages_processed": 1,
		"frameworks/free/messages_received": 4, "frameworks/free/messages_processed": 4,
	})
	c.Advance(2 * time.Second)
	if n := reconciled(slow); n != 3 {
		t.Errorf("the framework with one message a second was answered %d times in three seconds", n)
	}
	if n := reconciled(other) + reconciled(nobodys); n < 5 || n > 7 {
		t.Errorf("the frameworks with two messages a second together were answered %d times", n)
	}
	slow.Exit()
	c.Do(func(m *master.Master) {
		if !m.Book().FrameworkAt(slow.PID()).Connected() {
			t.Error("a scheduler exited before what it said was heard")
		}
	})
	c.Advance(10 * time.Second)
	c.Do(func(m *master.Master) {
		if m.Book().FrameworkAt(slow.PID()) != nil {
			t.Error("the exit of a scheduler was not heard")
		}
	})
	if _, shown := snapshot(c)["frameworks/slow/messages_received"]; shown {
		t.Error("the traffic of a principal without frameworks is shown")
	}
}

// When too many messages wait, further ones are dropped, and their driver aborts.
func TestTooManyMessagesWait(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) {
		c.RateLimits = limits(&mesospb.RateLimit{
			Principal: proto.String("p"), Qps: proto.Float64(0.1), Capacity: proto.Uint64(2),
		})
	}})
	p := c.Scheduler("p", "10.0.0.3:6000", owned("p"))
	askManyTimes(p, 4)
	const want = "Message mesos.scheduler.Call dropped: capacity(2) exceeded"
	if got := mastertest.Last[*internalpb.FrameworkErrorMessage](p).GetMessage(); got != want {
		t.Errorf("%q, not %q", got, want)
	}
	c.Advance(time.Minute)
	if n := reconciled(p); n != 3 {
		t.Errorf("answered %d times", n)
	}
}

// Invalid limits are refused.
func TestImpossibleRateLimits(t *testing.T) {
	t.Parallel()
	p, zero, endless := proto.String("p"), proto.Float64(0), proto.Float64(math.Inf(1))
	for want, l := range map[string]*mesospb.RateLimits{
		"":                            limits(&mesospb.RateLimit{Principal: p}),
		"Duplicate principal p found": limits(&mesospb.RateLimit{Principal: p}, &mesospb.RateLimit{Principal: p}),
		"Invalid qps: 0":              limits(&mesospb.RateLimit{Principal: p, Qps: zero}),
		"Invalid qps: +Inf":           limits(&mesospb.RateLimit{Principal: p, Qps: endless}),
		"Invalid aggregate_default_qps: 0. It must be a positive number": {AggregateDefaultQps: zero},
		"Invalid aggregate_default_qps: +Inf":                            {AggregateDefaultQps: endless},
	} {
		if err := ratelimit.Check(l); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, not %s", err, want)
		}
	}
}

// Only agents on hosts in the whitelist are offered. The file is read periodically; if it cannot be read, nothing
// changes.
func TestWhitelist(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hosts")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("10.0.0.3\nelsewhere\n\n10.0.0.3\n")
	c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) { c.Whitelist = path }})
	for _, addr := range []string{"10.0.0.2:5051", "10.0.0.3:5051"} {
		c.Agent("agent "+addr, addr)
	}
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework())
	c.Advance(3 * time.Second)
	offered := func() string {
		var hosts []string
		c.Do(func(m *master.Master) {
			for _, f := range m.Book().Frameworks() {
				for _, o := range f.Offers() {
					hosts = append(hosts, o.Sent.GetHostname())
				}
			}
		})
		return strings.Join(hosts, " ")
	}
	expect := func(want string) {
		t.Helper()
		if got := offered(); got != want {
			t.Errorf("offered are %q, not %q", got, want)
		}
	}
	expect("10.0.0.3")
	write("")
	for _, id := range f.Last(schedulerpb.Event_OFFERS).GetOffers().GetOffers() {
		c.Advance(6 * time.Second)
		f.Accept(id)
	}
	c.Advance(10 * time.Second)
	expect("")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.Advance(10 * time.Second)
	expect("")
	write("10.0.0.2")
	c.Advance(7 * time.Second)
	expect("10.0.0.2")
}
