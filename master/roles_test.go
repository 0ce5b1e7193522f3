package master_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/mediatype"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// role is a role as /roles shows it.
type role struct {
	Name                         string
	Quota                        struct{ Consumed map[string]float64 }
	Allocated, Offered, Reserved map[string]float64
	Frameworks                   []string
}

func knownRoles(c *mastertest.Cluster) map[string]string {
	c.Helper()
	var shown struct{ Roles []role }
	if err := json.Unmarshal(c.Get("/roles").Body, &shown); err != nil {
		c.Fatal(err)
	}
	known := map[string]string{}
	for _, r := range shown.Roles {
		known[r.Name] = fmt.Sprintf("allocated %v offered %v reserved %v consumed %v frameworks %d",
			r.Allocated["cpus"], r.Offered["cpus"], r.Reserved["cpus"], r.Quota.Consumed["cpus"], len(r.Frameworks))
	}
	return known
}

// Resources in a role count for its ancestors as well. A framework is listed in a role in which it holds something,
// even after it left the role.
func TestRolesAreATree(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	registration := mastertest.Registration("10.0.0.2:5051")
	reserved := mastertest.Resource("cpus", 3)
	reserved.Role = proto.String("x/y")
	registration.Slave.Resources = append(registration.Slave.Resources, reserved)
	c.Peer("agent", "slave(1)", "10.0.0.2:5051").Say(registration)
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	info.Roles = []string{"a/b"}
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(info)
	f.Accept(f.Offer(), mastertest.LaunchOperation(mastertest.Task("t", f.Offer())))
	changed := proto.CloneOf(info)
	changed.Id, changed.Roles = f.FrameworkID(), []string{"c"}
	if r := f.Post(&schedulerpb.Call{
		Type: schedulerpb.Call_UPDATE_FRAMEWORK.Enum(), UpdateFramework: &schedulerpb.Call_UpdateFramework{FrameworkInfo: changed},
	}); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	c.Advance(2 * time.Second)
	want := map[string]string{
		"a":   "allocated 2 offered 0 reserved 0 consumed 2 frameworks 0",
		"a/b": "allocated 2 offered 0 reserved 0 consumed 2 frameworks 1",
		"c":   "allocated 0 offered 2 reserved 0 consumed 0 frameworks 1",
		"x":   "allocated 0 offered 0 reserved 3 consumed 3 frameworks 0",
		"x/y": "allocated 0 offered 0 reserved 3 consumed 3 frameworks 0",
	}
	if got := knownRoles(c); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

// With --roles, exactly those roles are listed.
func TestRolesThatAreAllowed(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) {
		c.Roles = []string{"a/b"}
		c.Weights = map[string]float64{"z": 2}
	}})
	c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	nothing := "allocated 0 offered 0 reserved 0 consumed 0 frameworks "
	want := map[string]string{"*": nothing + "1", "a": nothing + "0", "a/b": nothing + "0"}
	if got := knownRoles(c); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}
