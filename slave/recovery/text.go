package recovery

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// text formats a message as Mesos shows one in logs and errors, a field a line, in the order of their numbers. Package
// prototext would do, but varies its white space on purpose.
//
// Mesos: google::protobuf::Message::DebugString.
func text(m proto.Message) string {
	var b strings.Builder
	write(&b, m.ProtoReflect(), "")
	return b.String()
}

func write(b *strings.Builder, m protoreflect.Message, indent string) {
	fields := m.Descriptor().Fields()
	numbers := make(map[protoreflect.FieldNumber]bool, fields.Len())
	last := protoreflect.FieldNumber(0)
	for i := range fields.Len() {
		numbers[fields.Get(i).Number()] = true
		last = max(last, fields.Get(i).Number())
	}
	for n := range last + 1 {
		if !numbers[n] || !m.Has(fields.ByNumber(n)) {
			continue
		}
		field := fields.ByNumber(n)
		if !field.IsList() {
			writeField(b, field, m.Get(field), indent)
			continue
		}
		for i := range m.Get(field).List().Len() {
			writeField(b, field, m.Get(field).List().Get(i), indent)
		}
	}
}

func writeField(b *strings.Builder, field protoreflect.FieldDescriptor, v protoreflect.Value, indent string) {
	switch field.Kind() {
	case protoreflect.MessageKind:
		fmt.Fprintf(b, "%s%s {\n", indent, field.Name())
		write(b, v.Message(), indent+"  ")
		fmt.Fprintf(b, "%s}\n", indent)
	case protoreflect.EnumKind:
		name := fmt.Sprint(v.Enum())
		if known := field.Enum().Values().ByNumber(v.Enum()); known != nil {
			name = string(known.Name())
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, field.Name(), name)
	case protoreflect.StringKind:
		fmt.Fprintf(b, "%s%s: %q\n", indent, field.Name(), v.String())
	case protoreflect.BytesKind:
		fmt.Fprintf(b, "%s%s: %q\n", indent, field.Name(), v.Bytes())
	default:
		fmt.Fprintf(b, "%s%s: %v\n", indent, field.Name(), v.Interface())
	}
}
