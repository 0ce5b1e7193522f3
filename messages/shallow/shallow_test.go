package shallow_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
)

// Copy loses no field, including those of later versions.
func TestCopiesHaveAllFields(t *testing.T) {
	t.Parallel()
	copies(t, &mesospb.TaskStatus{}, shallow.Copy[mesospb.TaskStatus])
	copies(t, &mesospb.TaskInfo{}, shallow.Copy[mesospb.TaskInfo])
	copies(t, &mesospb.SlaveInfo{}, shallow.Copy[mesospb.SlaveInfo])
	copies(t, &mesospb.FrameworkInfo{}, shallow.Copy[mesospb.FrameworkInfo])
	copies(t, &mesospb.HealthCheck{}, shallow.Copy[mesospb.HealthCheck])
}

func copies[M proto.Message](t *testing.T, m M, copied func(M) M) {
	t.Helper()
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		set(m.ProtoReflect(), fields.Get(i))
	}
	m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 7))
	c := copied(m)
	if !proto.Equal(m, c) {
		t.Errorf("%v became %v", m, c)
	}
	for i := range fields.Len() {
		f := fields.Get(i)
		if !c.ProtoReflect().Has(f) {
			t.Errorf("%s is lost", f.FullName())
		}
		c.ProtoReflect().Clear(f)
		if !m.ProtoReflect().Has(f) {
			t.Errorf("%s was changed through the copy", f.FullName())
		}
	}
}

func set(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	switch {
	case f.IsMap():
		m.Set(f, m.NewField(f))
		m.Mutable(f).Map().Set(protoreflect.ValueOfString("k").MapKey(), m.Mutable(f).Map().NewValue())
	case f.IsList():
		m.Mutable(f).List().Append(m.Mutable(f).List().NewElement())
	case f.Message() != nil:
		m.Mutable(f)
	default:
		m.Set(f, f.Default())
		if f.Kind() == protoreflect.EnumKind {
			m.Set(f, protoreflect.ValueOfEnum(f.Enum().Values().Get(0).Number()))
		}
		if f.Kind() == protoreflect.BytesKind {
			m.Set(f, protoreflect.ValueOfBytes([]byte("b")))
		}
	}
}

func TestACopyIsOneAllocation(t *testing.T) { // not parallel: it counts allocations
	s := &mesospb.TaskStatus{TaskId: &mesospb.TaskID{Value: proto.String("t")}, Message: proto.String("m"), Data: []byte("d")}
	if n := testing.AllocsPerRun(100, func() { kept = shallow.Copy(s) }); n > 1 {
		t.Errorf("a copy costs %v allocations", n)
	}
}

var kept *mesospb.TaskStatus
