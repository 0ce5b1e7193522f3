package sharing_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/sharing"
)

// decoders are the messages that a decoder knows.
var decoders = []struct {
	make   func() proto.Message
	decode func(*sharing.Decoder, []byte, proto.Message) error
}{
	{func() proto.Message { return &internalpb.ReregisterSlaveMessage{} }, func(d *sharing.Decoder, b []byte, m proto.Message) error {
		return d.Reregistration(b, m.(*internalpb.ReregisterSlaveMessage))
	}},
	{func() proto.Message { return &internalpb.RegisterSlaveMessage{} }, func(d *sharing.Decoder, b []byte, m proto.Message) error {
		return d.Registration(b, m.(*internalpb.RegisterSlaveMessage))
	}},
	{func() proto.Message { return &internalpb.StatusUpdateMessage{} }, func(d *sharing.Decoder, b []byte, m proto.Message) error {
		return d.Update(b, m.(*internalpb.StatusUpdateMessage))
	}},
	{func() proto.Message { return &schedulerpb.Call{} }, func(d *sharing.Decoder, b []byte, m proto.Message) error {
		return d.Call(b, m.(*schedulerpb.Call))
	}},
}

// Random messages, complete or not, with unknown fields or without, are decoded as by the library. Few different values
// make sure that parts are shared.
func TestTheResultIsThatOfTheLibrary(t *testing.T) {
	t.Parallel()
	d := sharing.New(1 << 16) // so small that it forgets
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 0))
		known := decoders[r.IntN(len(decoders))]
		m := known.make()
		lacks := 0.0
		if r.IntN(4) == 0 {
			lacks = 0.05
		}
		fill(r, m.ProtoReflect(), 0, lacks)
		b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if r.IntN(4) == 0 { // a field for the second time, or at another place
			b = append(b, b[:r.IntN(len(b)+1)]...)
		}
		if err := compare(d, b, known.make, known.decode); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func compare(d *sharing.Decoder, b []byte, empty func() proto.Message, decode func(*sharing.Decoder, []byte, proto.Message) error) error {
	want, got := empty(), empty()
	wrong, err := proto.Unmarshal(b, want), decode(d, b, got)
	if fmt.Sprint(err) != fmt.Sprint(wrong) {
		return fmt.Errorf("%T: the error is %v, want %v", want, err, wrong)
	}
	if wrong == nil && !proto.Equal(got, want) {
		return fmt.Errorf("decoded is\n%v\nwant\n%v", got, want)
	}
	return nil
}

// fill sets fields of m. A required one is left out with the probability lacks.
func fill(r *rand.Rand, m protoreflect.Message, depth int, lacks float64) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		wanted := r.IntN(3) > 0 && depth < 7
		if f.Cardinality() == protoreflect.Required {
			wanted = r.Float64() >= lacks
		}
		switch {
		case !wanted:
		case f.IsMap():
			value := m.NewField(f)
			made := some(r, f.MapValue(), value.Map().NewValue, depth, lacks)
			value.Map().Set(protoreflect.ValueOfString("k").MapKey(), made)
			m.Set(f, value)
		case f.IsList():
			value := m.NewField(f)
			for range r.IntN(3) {
				value.List().Append(some(r, f, value.List().NewElement, depth, lacks))
			}
			m.Set(f, value)
		default:
			m.Set(f, some(r, f, func() protoreflect.Value { return m.NewField(f) }, depth, lacks))
		}
	}
	if r.IntN(50) == 0 {
		m.SetUnknown(protoreflect.RawFields{0xfa, 0x7f, 1, 'u'}) // field 2047
	}
}

func some(r *rand.Rand, f protoreflect.FieldDescriptor, empty func() protoreflect.Value, depth int, lacks float64) protoreflect.Value {
	switch n := r.IntN(2); f.Kind() {
	case protoreflect.MessageKind:
		v := empty()
		fill(r, v.Message(), depth+1, lacks)
		return v
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(n % values.Len()).Number())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString([]string{"", "one"}[n])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{byte(n)})
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n == 0)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(n))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(n))
	default:
		return protoreflect.ValueOfUint64(uint64(n))
	}
}

func FuzzDecoder(f *testing.F) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := decoders[seed%4].make()
		fill(r, m.ProtoReflect(), 4, 0)
		b, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(seed), b)
	}
	d := sharing.New(1 << 20)
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		known := decoders[int(which)%len(decoders)]
		for range 2 { // what was remembered is used
			if err := compare(d, b, known.make, known.decode); err != nil {
				t.Error(err)
			}
		}
	})
}

// Equal parts of messages are the same, also of messages that are decoded at the same time.
func TestEqualPartsExistOnce(t *testing.T) {
	t.Parallel()
	task := func(name, label string) *mesospb.Task {
		return &mesospb.Task{
			Name: &name, TaskId: &mesospb.TaskID{Value: &name}, FrameworkId: &mesospb.FrameworkID{Value: proto.String("f")},
			SlaveId: &mesospb.SlaveID{Value: proto.String("a")}, State: mesospb.TaskState_TASK_RUNNING.Enum(),
			Labels: &mesospb.Labels{Labels: []*mesospb.Label{{Key: &label}}},
			Resources: []*mesospb.Resource{{
				Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)},
			}},
			Statuses: []*mesospb.TaskStatus{{TaskId: &mesospb.TaskID{Value: &name}, State: mesospb.TaskState_TASK_RUNNING.Enum()}},
		}
	}
	b, err := proto.Marshal(&internalpb.ReregisterSlaveMessage{
		Slave: &mesospb.SlaveInfo{Hostname: proto.String("h")}, Tasks: []*mesospb.Task{task("1", "x"), task("2", "x"), task("3", "y")},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := sharing.New(1 << 20)
	var all [8]internalpb.ReregisterSlaveMessage
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() {
			if err := d.Reregistration(b, &all[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	first := all[0].Tasks
	for i := range all {
		for j, task := range all[i].Tasks {
			if task.FrameworkId != first[0].FrameworkId || task.SlaveId != first[0].SlaveId || task.Resources[0] != first[0].Resources[0] {
				t.Errorf("message %d: task %d has parts of its own", i, j)
			}
			if same := task.Labels == first[0].Labels; same != (j < 2) {
				t.Errorf("message %d: task %d has the labels of the first: %v", i, j, same)
			}
			if task.Statuses[0].TaskId != task.TaskId {
				t.Errorf("message %d: the status of task %d has an ID of its own", i, j)
			}
		}
		if &all[i].Tasks[0].Resources[0] != &all[i].Tasks[1].Resources[0] {
			t.Errorf("message %d: two equal lists of resources", i)
		}
	}
}
