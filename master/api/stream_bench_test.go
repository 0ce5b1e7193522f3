package api

import (
	"net/http"
	"testing"

	"meseta/master/events"

	"google.golang.org/protobuf/proto"

	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

func aTask() *mesospb.TaskInfo {
	return &mesospb.TaskInfo{
		Name: proto.String("task"), TaskId: &mesospb.TaskID{Value: proto.String("task-1234")},
		SlaveId: &mesospb.SlaveID{Value: proto.String("e2696a8f-1867-4dd3-92c6-46724f85aa5f-S17")},
		Resources: []*mesospb.Resource{
			{Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(0.5)}},
			{Name: proto.String("mem"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(64)}},
		},
		Command: &mesospb.CommandInfo{Value: proto.String("sleep 1000")},
	}
}

// BenchmarkReadAccept measures reading a call that launches a task.
func BenchmarkReadAccept(b *testing.B) {
	call := evolve.Evolve[schedulerv1pb.Call](&schedulerpb.Call{
		FrameworkId: &mesospb.FrameworkID{Value: proto.String("f")}, Type: schedulerpb.Call_ACCEPT.Enum(),
		Accept: &schedulerpb.Call_Accept{
			OfferIds: []*mesospb.OfferID{{Value: proto.String("e2696a8f-1867-4dd3-92c6-46724f85aa5f-O170")}},
			Operations: []*mesospb.Offer_Operation{{
				Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: &mesospb.Offer_Operation_Launch{TaskInfos: []*mesospb.TaskInfo{aTask()}},
			}},
		},
	})
	for _, media := range []mediatype.Type{mediatype.Protobuf, mediatype.JSON} {
		b.Run(media.String(), func(b *testing.B) {
			body, header := media.Marshal(call), http.Header{"Content-Type": {media.String()}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseCall(header, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSendUpdate measures writing an update as an event.
func BenchmarkSendUpdate(b *testing.B) {
	task := aTask()
	u := &internalpb.StatusUpdateMessage{Pid: proto.String("slave(1)@10.0.0.1:5051"), Update: &internalpb.StatusUpdate{
		FrameworkId: &mesospb.FrameworkID{Value: proto.String("f")}, SlaveId: task.SlaveId, Timestamp: proto.Float64(1234567.25),
		Uuid: make([]byte, 16), Status: &mesospb.TaskStatus{
			TaskId: task.TaskId, State: mesospb.TaskState_TASK_RUNNING.Enum(), SlaveId: task.SlaveId, Uuid: make([]byte, 16),
			Source: mesospb.TaskStatus_SOURCE_EXECUTOR.Enum(), ContainerStatus: &mesospb.ContainerStatus{
				ContainerId: &mesospb.ContainerID{Value: proto.String("91dae1d1-2dbe-47ad-9a8e-9c1f3d3f7a6b")},
			},
		},
	}}
	for _, media := range []mediatype.Type{mediatype.Protobuf, mediatype.JSON} {
		b.Run(media.String(), func(b *testing.B) {
			s := &eventStream{media: media, pipe: web.NewStream()}
			b.ReportAllocs()
			for b.Loop() {
				s.Send(events.Of(u))
				webtest.Take(s.pipe)
			}
		})
	}
}
