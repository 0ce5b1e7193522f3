package messages_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
)

// fast lists the methods that the messages of hot packages have besides protobuf's own.
type fast interface {
	proto.Message
	SizeVT() int
	MarshalVT() ([]byte, error)
}

// TestFastMethodsAgreeWithProtobufs compares the generated methods with protobuf's, for every message that has them, with
// every field set.
func TestFastMethodsAgreeWithProtobufs(t *testing.T) {
	t.Parallel()
	compared := 0
	protoregistry.GlobalTypes.RangeMessages(func(kind protoreflect.MessageType) bool {
		if kind.Descriptor().IsMapEntry() {
			return true
		}
		message, ok := kind.New().Interface().(fast)
		if !ok {
			return true
		}
		compared++
		fill(message.ProtoReflect(), 4)
		compareFast(t, message)
		return true
	})
	if compared < 250 {
		t.Errorf("only %d messages have fast methods", compared)
	}
}

func compareFast(t *testing.T, message fast) {
	t.Helper()
	name := message.ProtoReflect().Descriptor().FullName()
	data, err := message.MarshalVT()
	if err != nil || len(data) != message.SizeVT() || len(data) != proto.Size(message) {
		t.Errorf("%s: %d bytes, SizeVT %d, Size %d, %v", name, len(data), message.SizeVT(), proto.Size(message), err)
	}
	again := message.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(data, again); err != nil || !proto.Equal(again, message) {
		t.Errorf("%s: protobuf reads something else: %v", name, err)
	}
}

// fill sets every field of m. Below depth, it sets only required fields.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() != nil && depth <= 0 && field.Cardinality() != protoreflect.Required {
			continue
		}
		switch {
		case field.IsMap():
			value := m.Mutable(field).Map().NewValue()
			if field.MapValue().Message() != nil {
				fill(value.Message(), depth-1)
			}
			m.Mutable(field).Map().Set(protoreflect.ValueOfString("key").MapKey(), value)
		case field.IsList() && field.Message() != nil:
			fill(m.Mutable(field).List().AppendMutable().Message(), depth-1)
		case field.IsList():
			m.Mutable(field).List().Append(scalar(field))
			m.Mutable(field).List().Append(scalar(field))
		case field.Message() != nil:
			fill(m.Mutable(field).Message(), depth-1)
		default:
			m.Set(field, scalar(field))
		}
	}
}

func scalar(field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("é" + string(field.Name()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 0xff})
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(values.Len() - 1).Number())
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1.5)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1.5)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(1 << 31)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1 << 63)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(-1)
	default:
		return protoreflect.ValueOfInt64(-1)
	}
}

// BenchmarkCodec compares the generated methods with protobuf's, on the messages of a task's life.
func BenchmarkCodec(b *testing.B) {
	for _, message := range []fast{
		&internalpb.StatusUpdateMessage{Update: &internalpb.StatusUpdate{
			FrameworkId: &mesospb.FrameworkID{Value: proto.String("84e6a676-83ad-4fab-a2fd-1057fd64e801-0001")},
			SlaveId:     &mesospb.SlaveID{Value: proto.String("84e6a676-83ad-4fab-a2fd-1057fd64e801-S0")},
			Status: &mesospb.TaskStatus{
				TaskId: &mesospb.TaskID{Value: proto.String("map-17")}, State: mesospb.TaskState_TASK_RUNNING.Enum(),
				Uuid: make([]byte, 16),
			},
			Timestamp: proto.Float64(1), Uuid: make([]byte, 16),
		}, Pid: proto.String("slave(1)@10.0.0.1:5051")},
		offers(10),
	} {
		name := strings.TrimPrefix(string(message.ProtoReflect().Descriptor().FullName()), "mesos.internal.")
		b.Run(fmt.Sprintf("%s/protobuf", name), func(b *testing.B) {
			for b.Loop() {
				_, _ = proto.Marshal(message)
			}
		})
		b.Run(fmt.Sprintf("%s/fast", name), func(b *testing.B) {
			for b.Loop() {
				_, _ = message.MarshalVT()
			}
		})
	}
}

func offers(n int) *internalpb.ResourceOffersMessage {
	message := &internalpb.ResourceOffersMessage{}
	for range n {
		offer := &mesospb.Offer{}
		fill(offer.ProtoReflect(), 2)
		message.Offers = append(message.Offers, offer)
		message.Pids = append(message.Pids, "slave(1)@10.0.0.1:5051")
	}
	return message
}
