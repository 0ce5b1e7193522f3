package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Text writes m on one line, for golden files: unlike protobuf's own text format it never changes.
func Text(m proto.Message) string {
	var b strings.Builder
	writeFields(&b, m.ProtoReflect())
	return b.String()
}

func writeFields(b *strings.Builder, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	first := true
	for i := range fields.Len() {
		f := fields.Get(i)
		if !m.Has(f) {
			continue
		}
		if !first {
			b.WriteByte(' ')
		}
		first = false
		b.WriteString(string(f.Name()))
		writeField(b, f, m.Get(f))
	}
}

func writeField(b *strings.Builder, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch {
	case f.IsMap():
		b.WriteByte('{')
		writeMap(b, f, v.Map())
		b.WriteByte('}')
	case f.IsList():
		b.WriteByte('[')
		for i := range v.List().Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			writeValue(b, f, v.List().Get(i))
		}
		b.WriteByte(']')
	case f.Message() != nil:
		writeValue(b, f, v)
	default:
		b.WriteByte('=')
		writeValue(b, f, v)
	}
}

func writeMap(b *strings.Builder, f protoreflect.FieldDescriptor, m protoreflect.Map) {
	var keys []protoreflect.MapKey
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, func(x, y protoreflect.MapKey) int { return strings.Compare(x.String(), y.String()) })
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(k.String())
		b.WriteByte(':')
		writeValue(b, f.MapValue(), m.Get(k))
	}
}

func writeValue(b *strings.Builder, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		b.WriteByte('{')
		writeFields(b, v.Message())
		b.WriteByte('}')
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			b.WriteString(string(e.Name()))
		} else {
			fmt.Fprint(b, v.Enum())
		}
	case protoreflect.StringKind:
		b.WriteString(strconv.Quote(v.String()))
	case protoreflect.BytesKind:
		writeBytes(b, v.Bytes())
	default:
		fmt.Fprint(b, v.Interface())
	}
}

// writeBytes quotes what is text and writes the rest in hexadecimal.
func writeBytes(b *strings.Builder, x []byte) {
	if utf8.Valid(x) && !slices.ContainsFunc(x, func(c byte) bool { return c < ' ' && c != '\n' && c != '\t' }) {
		b.WriteString(strconv.Quote(string(x)))
		return
	}
	fmt.Fprintf(b, "0x%x", x)
}
