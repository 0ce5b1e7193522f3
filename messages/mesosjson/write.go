package mesosjson

import (
	"cmp"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Appender is a message with generated code that writes it (cmd/internal/tools/protogen). The result is the same as
// that of [Names.AppendDescribed].
type Appender interface {
	proto.Message
	AppendMesosJSON(b []byte, names Names) []byte
}

// Marshal returns m as JSON.
func Marshal(m proto.Message) []byte { return Append(nil, m) }

// Append appends m as JSON to b.
func Append(b []byte, m proto.Message) []byte { return V0.append(b, m) }

// AppendV1 appends m, a message of v0, as JSON to b with the names of v1, where a slave is an agent.
//
// Mesos: json(JSON::ObjectWriter*, const asV1Protobuf&).
func AppendV1(b []byte, m proto.Message) []byte { return V1.append(b, m) }

func (n Names) append(b []byte, m proto.Message) []byte {
	if m, ok := m.(Appender); ok {
		return m.AppendMesosJSON(b, n)
	}
	return n.AppendDescribed(b, m)
}

// AppendDescribed appends m as JSON to b by following its descriptor, even if m is an [Appender]. It is about twelve
// times slower than generated code.
func (n Names) AppendDescribed(b []byte, m proto.Message) []byte {
	return n.appendMessage(b, m.ProtoReflect())
}

func (n Names) appendMessage(b []byte, m protoreflect.Message) []byte {
	b = append(b, '{')
	fields := m.Descriptor().Fields()
	separator := false
	for i := range fields.Len() {
		field := fields.Get(i)
		if !m.Has(field) && !WrittenUnset(field) {
			continue
		}
		if separator {
			b = append(b, ',')
		}
		separator = true
		b = AppendString(b, n.Field(field.Name()))
		b = append(b, ':')
		b = n.appendField(b, field, m.Get(field))
	}
	return append(b, '}')
}

// WrittenUnset reports whether a field is written even if it is unset.
func WrittenUnset(field protoreflect.FieldDescriptor) bool {
	if !field.HasDefault() {
		return false
	}
	options, ok := field.Options().(*descriptorpb.FieldOptions)
	return !ok || !options.GetDeprecated()
}

func (n Names) appendField(b []byte, field protoreflect.FieldDescriptor, value protoreflect.Value) []byte {
	switch {
	case field.IsMap():
		return n.appendMap(b, field, value.Map())
	case field.IsList():
		list := value.List()
		b = append(b, '[')
		for i := range list.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = n.appendValue(b, field, list.Get(i))
		}
		return append(b, ']')
	}
	return n.appendValue(b, field, value)
}

// appendMap writes entries in the order of their keys, as Mesos does.
func (n Names) appendMap(b []byte, field protoreflect.FieldDescriptor, entries protoreflect.Map) []byte {
	keys := make([]protoreflect.MapKey, 0, entries.Len())
	entries.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, key)
		return true
	})
	slices.SortFunc(keys, func(x, y protoreflect.MapKey) int { return cmp.Compare(x.String(), y.String()) })
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, key.String())
		b = append(b, ':')
		b = n.appendValue(b, field.MapValue(), entries.Get(key))
	}
	return append(b, '}')
}

func (n Names) appendValue(b []byte, field protoreflect.FieldDescriptor, value protoreflect.Value) []byte {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return n.appendMessage(b, value.Message())
	case protoreflect.StringKind:
		return AppendString(b, value.String())
	case protoreflect.BytesKind:
		return AppendBytes(b, value.Bytes())
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, value.Bool())
	case protoreflect.EnumKind:
		name := ""
		if named := field.Enum().Values().ByNumber(value.Enum()); named != nil {
			name = string(named.Name())
		}
		return n.appendEnum(b, name, int32(value.Enum()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return AppendFloat(b, value.Float())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(b, value.Uint(), 10)
	default: // the signed integers
		return strconv.AppendInt(b, value.Int(), 10)
	}
}
