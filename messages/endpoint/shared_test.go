package endpoint_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/endpoint"
	"meseta/messages/jsonwriter"
	"meseta/messages/pb/mesospb"
)

// What several tasks share is written as if each had it for itself.
func TestSharedPartsOfTasks(t *testing.T) {
	t.Parallel()
	labels := func(value string) *mesospb.Labels {
		return &mesospb.Labels{Labels: []*mesospb.Label{{Key: proto.String("k"), Value: &value}}}
	}
	first, second := labels("1"), labels("2")
	shared := &mesospb.DiscoveryInfo{Visibility: mesospb.DiscoveryInfo_CLUSTER.Enum()}
	var tasks, alone []*mesospb.Task
	for i := range 40 {
		task := &mesospb.Task{Labels: first}
		switch i % 4 {
		case 1:
			task.Labels, task.Discovery = second, shared
		case 2:
			task.Discovery = shared
		case 3:
			task.Labels, task.Container = nil, &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum()}
		}
		tasks, alone = append(tasks, task), append(alone, proto.CloneOf(task))
	}
	text := func(tasks []*mesospb.Task) string {
		return string(jsonwriter.Bytes(func(o jsonwriter.Object) {
			o.List("tasks", func(a jsonwriter.Array) {
				for _, task := range tasks {
					a.Obj(func(o jsonwriter.Object) { endpoint.Task{Described: task}.Write(o) })
				}
			})
			o.Shared(first, func(o jsonwriter.Object) { endpoint.Labels(o, first) })
		}))
	}
	if got, want := text(tasks), text(alone); got != want {
		t.Errorf("tasks that share parts are\n%s\nwant\n%s", got, want)
	}
}
