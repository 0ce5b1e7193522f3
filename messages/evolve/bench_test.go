package evolve_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/evolve"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/executorv1pb"
)

// BenchmarkDevolve measures the conversion of an executor's update from v1 to v0.
func BenchmarkDevolve(b *testing.B) {
	v1 := evolve.Evolve[executorv1pb.Call](&executorpb.Call{
		Type: executorpb.Call_UPDATE.Enum(), ExecutorId: &mesospb.ExecutorID{Value: proto.String("web-17")},
		FrameworkId: &mesospb.FrameworkID{Value: proto.String("84e6a676-83ad-4fab-a2fd-1057fd64e801-0001")},
		Update: &executorpb.Call_Update{Status: &mesospb.TaskStatus{
			TaskId: &mesospb.TaskID{Value: proto.String("web-17")}, State: mesospb.TaskState_TASK_RUNNING.Enum(),
			Uuid: make([]byte, 16), Timestamp: proto.Float64(1.5), Source: mesospb.TaskStatus_SOURCE_EXECUTOR.Enum(),
		}},
	})
	data, err := proto.Marshal(v1)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("converted", func(b *testing.B) {
		for b.Loop() {
			v1 := &executorv1pb.Call{}
			if err := proto.Unmarshal(data, v1); err != nil {
				b.Fatal(err)
			}
			evolve.Devolve[executorpb.Call](v1)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if err := proto.Unmarshal(data, &executorpb.Call{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
