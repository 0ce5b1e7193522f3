package sharing_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/sharing"
)

// BenchmarkReregistration decodes what an agent with ten tasks says to the next master, as the decoder does and as the library does.
func BenchmarkReregistration(b *testing.B) {
	m := &internalpb.ReregisterSlaveMessage{
		Slave: &mesospb.SlaveInfo{Hostname: proto.String("h"), Id: &mesospb.SlaveID{Value: proto.String("m-S1")}}, Version: proto.String("1.12.0"),
	}
	for i := range 10 {
		id, agent := &mesospb.TaskID{Value: proto.String(fmt.Sprint("task-", i))}, m.Slave.Id
		cpus := &mesospb.Resource{Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)}}
		m.Tasks = append(m.Tasks, &mesospb.Task{
			Name: proto.String(fmt.Sprint("name-", i)), TaskId: id, FrameworkId: &mesospb.FrameworkID{Value: proto.String("m-0000")}, SlaveId: agent,
			State: mesospb.TaskState_TASK_RUNNING.Enum(), Resources: []*mesospb.Resource{cpus},
			StatusUpdateState: mesospb.TaskState_TASK_RUNNING.Enum(), StatusUpdateUuid: make([]byte, 16),
			Statuses: []*mesospb.TaskStatus{{
				TaskId: id, SlaveId: agent, State: mesospb.TaskState_TASK_RUNNING.Enum(), Source: mesospb.TaskStatus_SOURCE_EXECUTOR.Enum(),
				Timestamp: proto.Float64(1), Uuid: make([]byte, 16),
			}},
		})
	}
	encoded, err := proto.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	d := sharing.New(1 << 20)
	for name, decode := range map[string]func([]byte, *internalpb.ReregisterSlaveMessage) error{
		"shared": d.Reregistration, "library": func(b []byte, m *internalpb.ReregisterSlaveMessage) error { return proto.Unmarshal(b, m) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(encoded, &internalpb.ReregisterSlaveMessage{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
