package endpoint_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/endpoint"
	"meseta/messages/ids"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
)

// start is how every task below begins.
const start = `{"id":"t1","name":"task","framework_id":"f1","executor_id":"","slave_id":"S0","state":"TASK_RUNNING",` +
	`"resources":{"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":1.0}`

// A task is shown as it is now, whatever the message that describes it says; what it does not have is left out.
func TestTask(t *testing.T) {
	t.Parallel()
	labels := &mesospb.Labels{Labels: []*mesospb.Label{{Key: proto.String("k"), Value: proto.String("v")}, {Key: proto.String("only")}}}
	status := func(change func(*mesospb.TaskStatus)) []*mesospb.TaskStatus {
		s := &mesospb.TaskStatus{State: mesospb.TaskState_TASK_RUNNING.Enum(), Timestamp: proto.Float64(1.5)}
		change(s)
		return []*mesospb.TaskStatus{s}
	}
	for want, c := range map[string]struct {
		change   func(*mesospb.Task)
		statuses []*mesospb.TaskStatus
	}{
		`,"role":"web","statuses":[]}`: {},
		`,"limits":{"cpus":2.0,"mem":64.0},"role":"web","statuses":[],"user":"u","labels":[{"key":"k","value":"v"},{"key":"only"}]}`: {
			change: func(t *mesospb.Task) {
				t.Limits = map[string]*mesospb.Value_Scalar{"mem": {Value: proto.Float64(64)}, "cpus": {Value: proto.Float64(2)}}
				t.User, t.Labels = proto.String("u"), labels
			},
		},
		`,"role":"web","statuses":[{"state":"TASK_RUNNING","timestamp":1.5,"labels":[{"key":"k","value":"v"},{"key":"only"}],"healthy":false}]}`: {
			statuses: status(func(s *mesospb.TaskStatus) { s.Labels, s.Healthy = labels, proto.Bool(false) }),
		},
		`,"role":"web","statuses":[{"state":"TASK_RUNNING","timestamp":1.5,"container_status":{` +
			`"container_id":{"value":"inner","parent":{"value":"outer"}},` +
			`"network_infos":[{"ip_addresses":[{"protocol":"IPv4","ip_address":"10.0.0.3"},{"protocol":"IPv6"}]},` +
			`{"groups":["g"],"name":"net","port_mappings":[{"host_port":80,"container_port":8080}]}]}}]}`: {
			statuses: status(func(s *mesospb.TaskStatus) {
				s.ContainerStatus = &mesospb.ContainerStatus{
					ContainerId: ids.Container("outer.inner").Proto(),
					NetworkInfos: []*mesospb.NetworkInfo{
						{IpAddresses: []*mesospb.NetworkInfo_IPAddress{
							{IpAddress: proto.String("10.0.0.3")}, {Protocol: mesospb.NetworkInfo_IPv6.Enum()},
						}},
						{Groups: []string{"g"}, Name: proto.String("net"), PortMappings: []*mesospb.NetworkInfo_PortMapping{
							{HostPort: proto.Uint32(80), ContainerPort: proto.Uint32(8080)},
						}},
					},
				}
			}),
		},
	} {
		described := &mesospb.Task{
			Name: proto.String("task"), TaskId: ids.Task("t1").Proto(), FrameworkId: ids.Framework("f1").Proto(), SlaveId: ids.Agent("S0").Proto(),
			State: mesospb.TaskState_TASK_STAGING.Enum(), Statuses: status(func(*mesospb.TaskStatus) {}),
		}
		if c.change != nil {
			c.change(described)
		}
		task := endpoint.Task{
			Described: described, State: mesospb.TaskState_TASK_RUNNING, Statuses: c.statuses, Resources: given(t, "cpus:1", "").Allocate("web"),
		}
		if got := written(func(o jsonwriter.Object) { task.Write(o) }); got != start+want {
			t.Errorf("got  %s\nwant %s", got, start+want)
		}
	}
}
