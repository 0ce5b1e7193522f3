package messages_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"pgregory.net/rapid"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
)

// TestMessagesWriteThemselvesAsTheyAreDescribed compares the generated writers with the one that follows descriptions,
// for every message that has a generated writer: once with every field set, which is also read back, and then with
// random values in random fields.
func TestMessagesWriteThemselvesAsTheyAreDescribed(t *testing.T) {
	t.Parallel()
	compared := 0
	protoregistry.GlobalTypes.RangeMessages(func(kind protoreflect.MessageType) bool {
		if kind.Descriptor().IsMapEntry() {
			return true
		}
		if _, ok := kind.Zero().Interface().(mesosjson.Appender); !ok {
			return true
		}
		compared++
		t.Run(string(kind.Descriptor().FullName()), func(t *testing.T) {
			t.Parallel()
			full := kind.New()
			fill(full, 4)
			compareJSON(t, full.Interface())
			compareRead(t, full.Interface())
			compareJSON(t, kind.Zero().Interface())
			rapid.Check(t, func(t *rapid.T) {
				m := kind.New()
				random(t, m, 3)
				compareJSON(t, m.Interface())
			})
		})
		return true
	})
	if compared < 300 {
		t.Errorf("only %d messages write themselves", compared)
	}
}

func compareJSON(t rapid.TB, m proto.Message) {
	t.Helper()
	for _, names := range []mesosjson.Names{mesosjson.V0, mesosjson.V1} {
		got := string(m.(mesosjson.Appender).AppendMesosJSON([]byte("before"), names))
		if want := string(names.AppendDescribed([]byte("before"), m)); got != want {
			t.Fatalf("%s writes\n%s, but is described as\n%s", m.ProtoReflect().Descriptor().FullName(), got, want)
		}
	}
}

// compareRead reads back what m writes and compares the result with m.
func compareRead(t rapid.TB, m proto.Message) {
	t.Helper()
	for names, unmarshal := range map[mesosjson.Names]func([]byte, proto.Message) error{
		mesosjson.V0: mesosjson.Unmarshal, mesosjson.V1: mesosjson.UnmarshalV1,
	} {
		again := m.ProtoReflect().New().Interface()
		err := unmarshal(names.AppendDescribed(nil, m), again)
		if err != nil || !proto.Equal(again, m) {
			t.Fatalf("%v was read as %v: %v", m, again, err)
		}
	}
}

// random sets some fields to random values, in nested messages down to depth.
func random(t *rapid.T, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	chosen := rapid.Uint64().Draw(t, "fields") // one bit for each field; fields after the 64th, which are rare, share bits
	for i := range fields.Len() {
		field := fields.Get(i)
		if chosen>>(i%64)&1 == 0 || field.Message() != nil && depth <= 0 {
			continue
		}
		switch {
		case field.IsMap():
			entries := m.Mutable(field).Map()
			for range rapid.IntRange(0, 3).Draw(t, "entries") {
				key := protoreflect.ValueOfString(rapid.String().Draw(t, "key")).MapKey()
				if field.MapValue().Message() == nil {
					entries.Set(key, anything(t, field.MapValue()))
				} else {
					random(t, entries.Mutable(key).Message(), depth-1)
				}
			}
		case field.IsList():
			list := m.Mutable(field).List()
			for range rapid.IntRange(0, 2).Draw(t, "values") {
				if field.Message() == nil {
					list.Append(anything(t, field))
				} else {
					random(t, list.AppendMutable().Message(), depth-1)
				}
			}
		case field.Message() != nil:
			random(t, m.Mutable(field).Message(), depth-1)
		default:
			m.Set(field, anything(t, field))
		}
	}
}

// anything draws a value of the field's type, sensible or not.
func anything(t *rapid.T, field protoreflect.FieldDescriptor) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), asText)).Draw(t, "text"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "truth"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.OneOf(rapid.Int32Range(-1, 50), rapid.Int32()).Draw(t, "enum")))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.OneOf(rapid.Float64(), oddFloats).Draw(t, "double"))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(rapid.OneOf(rapid.Float64(), oddFloats).Draw(t, "float")))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, "uint32"))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32"))
	default:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
	}
}

// oddFloats are numbers that JSON cannot express or that are easily written wrongly.
var oddFloats = rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, 1e21, 1e-7, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64})

func asText(b []byte) string { return string(b) }

func TestNilIsWrittenLikeNothing(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]proto.Message{
		`{"refuse_seconds":5.0}`:     (*mesospb.Filters)(nil),
		`{"range":[{},{"begin":1}]}`: &mesospb.Value_Ranges{Range: []*mesospb.Value_Range{nil, {Begin: proto.Uint64(1)}}},
	} {
		if got := string(mesosjson.Marshal(m)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
