package mesosjson_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

const cluster = "84e6a676-83ad-4fab-a2fd-1057fd64e801"

func scalar(name string, amount float64) *mesospb.Resource {
	return &mesospb.Resource{
		Name: proto.String(name), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: &amount},
		AllocationInfo: &mesospb.Resource_AllocationInfo{Role: proto.String("eng/web")},
	}
}

func machine() []*mesospb.Resource {
	return []*mesospb.Resource{
		scalar("cpus", 64), scalar("mem", 262144), scalar("disk", 1e6),
		{Name: proto.String("ports"), Type: mesospb.Value_RANGES.Enum(), Ranges: &mesospb.Value_Ranges{
			Range: []*mesospb.Value_Range{{Begin: proto.Uint64(31000), End: proto.Uint64(32000)}},
		}},
	}
}

// offersEvent returns the event that offers n agents to a scheduler at once.
func offersEvent(n int) *schedulerpb.Event {
	e := &schedulerpb.Event{Type: schedulerpb.Event_OFFERS.Enum(), Offers: &schedulerpb.Event_Offers{}}
	for i := range n {
		host := fmt.Sprintf("10.0.0.%d", i)
		e.Offers.Offers = append(e.Offers.Offers, &mesospb.Offer{
			Id:          &mesospb.OfferID{Value: proto.String(fmt.Sprintf("%s-O%d", cluster, i))},
			FrameworkId: &mesospb.FrameworkID{Value: proto.String(cluster + "-0001")},
			SlaveId:     &mesospb.SlaveID{Value: proto.String(fmt.Sprintf("%s-S%d", cluster, i))},
			Hostname:    &host, Resources: machine(),
			Url: &mesospb.URL{
				Scheme: proto.String("http"), Path: proto.String("/slave(1)"),
				Address: &mesospb.Address{Hostname: &host, Ip: &host, Port: proto.Int32(5051)},
			},
			AllocationInfo: &mesospb.Resource_AllocationInfo{Role: proto.String("eng/web")},
		})
	}
	return e
}

// taskAdded returns the event that a launch sends to subscribers of the operator API.
func taskAdded() *masterpb.Event {
	return &masterpb.Event{Type: masterpb.Event_TASK_ADDED.Enum(), TaskAdded: &masterpb.Event_TaskAdded{Task: &mesospb.Task{
		Name: proto.String("web-17"), TaskId: &mesospb.TaskID{Value: proto.String("web-17")},
		FrameworkId: &mesospb.FrameworkID{Value: proto.String(cluster + "-0001")},
		SlaveId:     &mesospb.SlaveID{Value: proto.String(cluster + "-S17")},
		State:       mesospb.TaskState_TASK_STAGING.Enum(), Resources: []*mesospb.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
		Labels: &mesospb.Labels{Labels: []*mesospb.Label{{Key: proto.String("tier"), Value: proto.String("front")}}},
	}}}
}

// agentsAnswer returns the answer to GET_AGENTS of a cluster with n agents.
func agentsAnswer(n int) *masterpb.Response {
	r := &masterpb.Response{Type: masterpb.Response_GET_AGENTS.Enum(), GetAgents: &masterpb.Response_GetAgents{}}
	for i := range n {
		host := fmt.Sprintf("10.0.%d.%d", i/250, i%250)
		r.GetAgents.Agents = append(r.GetAgents.Agents, &masterpb.Response_GetAgents_Agent{
			AgentInfo: &mesospb.SlaveInfo{
				Id: &mesospb.SlaveID{Value: proto.String(fmt.Sprintf("%s-S%d", cluster, i))}, Hostname: &host, Port: proto.Int32(5051),
				Resources: machine(), Attributes: []*mesospb.Attribute{{
					Name: proto.String("rack"), Type: mesospb.Value_TEXT.Enum(), Text: &mesospb.Value_Text{Value: proto.String("r1")},
				}},
			},
			Active: proto.Bool(true), Version: proto.String("1.12.0"), Pid: proto.String("slave(1)@" + host + ":5051"),
			RegisteredTime: &mesospb.TimeInfo{Nanoseconds: proto.Int64(1795237328333743000)},
			TotalResources: machine(), AllocatedResources: machine()[:2], OfferedResources: machine()[2:],
			Capabilities: []*mesospb.SlaveInfo_Capability{
				{Type: mesospb.SlaveInfo_Capability_MULTI_ROLE.Enum()}, {Type: mesospb.SlaveInfo_Capability_RESERVATION_REFINEMENT.Enum()},
			},
		})
	}
	return r
}

// BenchmarkWrite compares ways to write the messages that masters write most: generated code, this package following
// descriptions, protobuf's own JSON, and binary.
func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct {
		name string
		proto.Message
	}{{"offers=10", offersEvent(10)}, {"task-added", taskAdded()}, {"agents=1000", agentsAnswer(1000)}} {
		for _, way := range []struct {
			name  string
			write func([]byte, proto.Message) []byte
		}{
			{"mesosjson", mesosjson.AppendV1},
			{"described", mesosjson.V1.AppendDescribed},
			{"protojson", func(b []byte, m proto.Message) []byte {
				b, _ = protojson.MarshalOptions{UseProtoNames: true, AllowPartial: true}.MarshalAppend(b, m)
				return b
			}},
			{"binary", func(b []byte, m proto.Message) []byte {
				b, _ = proto.MarshalOptions{AllowPartial: true}.MarshalAppend(b, m)
				return b
			}},
			{"binary-vt", func(b []byte, m proto.Message) []byte {
				if fast, ok := m.(interface{ MarshalVT() ([]byte, error) }); ok {
					b, _ = fast.MarshalVT()
				}
				return b
			}},
		} {
			b.Run(c.name+"/"+way.name, func(b *testing.B) {
				b.ReportAllocs()
				var out []byte
				for b.Loop() {
					out = way.write(out[:0], c.Message)
				}
				b.SetBytes(int64(len(out)))
			})
		}
	}
}

// acceptCall returns an ACCEPT that launches n tasks.
func acceptCall(n int) *schedulerpb.Call {
	launch := &mesospb.Offer_Operation_Launch{}
	for i := range n {
		name := fmt.Sprintf("web-%d", i)
		launch.TaskInfos = append(launch.TaskInfos, &mesospb.TaskInfo{
			Name: &name, TaskId: &mesospb.TaskID{Value: &name}, SlaveId: &mesospb.SlaveID{Value: proto.String(cluster + "-S17")},
			Resources: []*mesospb.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
			Command: &mesospb.CommandInfo{Value: proto.String("exec ./web --port=$PORT0"), Environment: &mesospb.Environment{
				Variables: []*mesospb.Environment_Variable{{Name: proto.String("TIER"), Value: proto.String("front")}},
			}},
			Labels: &mesospb.Labels{Labels: []*mesospb.Label{{Key: proto.String("tier"), Value: proto.String("front")}}},
		})
	}
	return &schedulerpb.Call{
		Type: schedulerpb.Call_ACCEPT.Enum(), FrameworkId: &mesospb.FrameworkID{Value: proto.String(cluster + "-0001")},
		Accept: &schedulerpb.Call_Accept{
			OfferIds:   []*mesospb.OfferID{{Value: proto.String(cluster + "-O1")}},
			Operations: []*mesospb.Offer_Operation{{Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: launch}},
			Filters:    &mesospb.Filters{RefuseSeconds: proto.Float64(5)},
		},
	}
}

// BenchmarkRead compares ways to read the calls that schedulers send: Mesos's JSON, protobuf's own, and binary. json is
// the time that the standard library needs to parse the text alone.
func BenchmarkRead(b *testing.B) {
	call := acceptCall(100)
	text := mesosjson.AppendV1(nil, call)
	binary, err := proto.Marshal(call)
	if err != nil {
		b.Fatal(err)
	}
	for _, way := range []struct {
		name string
		data []byte
		read func([]byte) error
	}{
		{"mesosjson", text, func(b []byte) error { return mesosjson.Unmarshal(b, new(schedulerv1pb.Call)) }},
		{"mesosjson-v0", text, func(b []byte) error { return mesosjson.UnmarshalV1(b, new(schedulerpb.Call)) }},
		{"protojson", text, func(b []byte) error { return protojson.Unmarshal(b, new(schedulerv1pb.Call)) }},
		{"json", text, func(b []byte) error { var v any; return json.Unmarshal(b, &v) }},
		{"binary", binary, func(b []byte) error { return proto.Unmarshal(b, new(schedulerv1pb.Call)) }},
	} {
		b.Run("accept=100/"+way.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(way.data)))
			for b.Loop() {
				if err := way.read(way.data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
