package master_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// plan schedules maintenance of hosts at a time in nanoseconds.
func plan(c *mastertest.Cluster, hosts ...string) {
	c.Helper()
	var machines []string
	for _, host := range hosts {
		machines = append(machines, `{"hostname":"`+host+`","ip":"`+host+`"}`)
	}
	body := `{}`
	if len(hosts) > 0 {
		body = `{"windows":[{"machine_ids":[` + strings.Join(machines, ",") + `],"unavailability":{"start":{"nanoseconds":7}}}]}`
	}
	if r := c.Post("/maintenance/schedule", http.Header{"Content-Type": {"application/json"}}, []byte(body)); r.Status != 200 {
		c.Fatalf("%d %s", r.Status, r.Body)
	}
	c.Advance(100 * time.Millisecond)
}

// Frameworks of both APIs get inverse offers for an agent before its maintenance. Those that answer are not asked again
// for the time they give.
func TestInverseOffers(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework())
	f.Accept(f.Offer(), mastertest.LaunchOperation(mastertest.Task("t1", f.Offer())))
	agent.Report(f.FrameworkID(), "t1", mesospb.TaskState_TASK_RUNNING, 1)
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_SUPPRESS.Enum()})
	c.Advance(time.Second)
	c.Note("planned")
	plan(c, "10.0.0.2")
	ask := func() *mesospb.OfferID {
		return f.Last(schedulerpb.Event_INVERSE_OFFERS).GetInverseOffers().GetInverseOffers()[0].GetId()
	}
	answer := func(filters *mesospb.Filters) {
		f.Call(&schedulerpb.Call{Type: schedulerpb.Call_DECLINE_INVERSE_OFFERS.Enum(), DeclineInverseOffers: &schedulerpb.Call_DeclineInverseOffers{
			InverseOfferIds: []*mesospb.OfferID{ask()}, Filters: filters,
		}})
	}
	c.Note("declined for three seconds")
	answer(&mesospb.Filters{RefuseSeconds: proto.Float64(3)})
	c.Advance(5 * time.Second)
	c.Note("accepted for an hour")
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT_INVERSE_OFFERS.Enum(), AcceptInverseOffers: &schedulerpb.Call_AcceptInverseOffers{
		InverseOfferIds: []*mesospb.OfferID{ask(), ids.Offer("nobody's").Proto()}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(3600)},
	}})
	c.Note("%s", c.Get("/maintenance/status").Body)
	c.Advance(time.Minute)
	c.Note("the plan changes, and is dropped")
	plan(c, "10.0.0.2", "10.0.0.3")
	plan(c)
	plan(c, "10.0.0.2")
	c.Note("a driver takes over, is asked, and goes")
	driver := c.Peer("driver", "driver", "10.0.0.9:1")
	known := mastertest.Framework()
	known.Id = f.FrameworkID()
	driver.Subscribe(known, true)
	c.Advance(2 * time.Second)
	plan(c)
	plan(c, "10.0.0.2")
	driver.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	c.Advance(time.Minute)
	c.Golden("inverse-offers")
}
