package mesosjson

import (
	"cmp"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Marshal returns m as JSON.
func Marshal(m proto.Message) []byte { return Append(nil, m) }

// Append appends m as JSON to b.
func Append(b []byte, m proto.Message) []byte { return asIs.appendMessage(b, m.ProtoReflect()) }

// AppendV1 appends m, a message of v0, as JSON to b with the names of v1: what was a slave is an agent.
//
// Mesos: json(JSON::ObjectWriter*, const asV1Protobuf&).
func AppendV1(b []byte, m proto.Message) []byte { return asV1.appendMessage(b, m.ProtoReflect()) }

// naming is how fields and enum values are called.
type naming bool

const (
	asIs naming = false
	asV1 naming = true
)

func (n naming) field(name protoreflect.Name) string {
	if n == asV1 && strings.Contains(string(name), "slave") {
		return strings.ReplaceAll(string(name), "slave", "agent")
	}
	return string(name)
}

func (n naming) value(name protoreflect.Name) string {
	if n == asV1 && strings.Contains(string(name), "SLAVE") {
		return strings.ReplaceAll(string(name), "SLAVE", "AGENT")
	}
	return string(name)
}

func (n naming) appendMessage(b []byte, m protoreflect.Message) []byte {
	b = append(b, '{')
	fields := m.Descriptor().Fields()
	separator := false
	for i := range fields.Len() {
		field := fields.Get(i)
		if !m.Has(field) && !writtenUnset(field) {
			continue
		}
		if separator {
			b = append(b, ',')
		}
		separator = true
		b = AppendString(b, n.field(field.Name()))
		b = append(b, ':')
		b = n.appendField(b, field, m.Get(field))
	}
	return append(b, '}')
}

// writtenUnset reports whether a field is written although it is not set.
func writtenUnset(field protoreflect.FieldDescriptor) bool {
	if !field.HasDefault() {
		return false
	}
	options, ok := field.Options().(*descriptorpb.FieldOptions)
	return !ok || !options.GetDeprecated()
}

func (n naming) appendField(b []byte, field protoreflect.FieldDescriptor, value protoreflect.Value) []byte {
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
func (n naming) appendMap(b []byte, field protoreflect.FieldDescriptor, entries protoreflect.Map) []byte {
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

func (n naming) appendValue(b []byte, field protoreflect.FieldDescriptor, value protoreflect.Value) []byte {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return n.appendMessage(b, value.Message())
	case protoreflect.StringKind:
		return AppendString(b, value.String())
	case protoreflect.BytesKind:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, value.Bytes())
		return append(b, '"')
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, value.Bool())
	case protoreflect.EnumKind:
		return n.appendEnum(b, field.Enum(), value.Enum())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return AppendFloat(b, value.Float())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(b, value.Uint(), 10)
	default: // the signed integers
		return strconv.AppendInt(b, value.Int(), 10)
	}
}

// appendEnum writes a name; a number that has none, which only newer peers send, as text.
func (n naming) appendEnum(b []byte, enum protoreflect.EnumDescriptor, number protoreflect.EnumNumber) []byte {
	b = append(b, '"')
	if value := enum.Values().ByNumber(number); value != nil {
		b = append(b, n.value(value.Name())...)
	} else {
		b = strconv.AppendInt(b, int64(number), 10)
	}
	return append(b, '"')
}

// AppendFloat appends the shortest number that reads back as f, always with a point or an exponent: 4.0, 0.1, 1e30.
// What JSON has no numbers for becomes "Infinity", "-Infinity" and null.
func AppendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "null"...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	size := math.Abs(f)
	if size != 0 && (size < 1e-6 || size >= 1e21) {
		return appendExponent(b, f)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'f', -1, 64)
	if !slices.Contains(b[start:], '.') {
		b = append(b, ".0"...)
	}
	return b
}

// appendExponent writes exponents without a plus sign or leading zeros.
func appendExponent(b []byte, f float64) []byte {
	start := len(b)
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	exponent := start + slices.Index(b[start:], 'e') + 1
	if b[exponent] == '+' {
		b = slices.Delete(b, exponent, exponent+1)
	} else {
		exponent++
	}
	for b[exponent] == '0' && exponent+1 < len(b) {
		b = slices.Delete(b, exponent, exponent+1)
	}
	return b
}

// hexDigits are in upper case, as Mesos has them.
const hexDigits = "0123456789ABCDEF"

// AppendString appends s as JSON text. Only what JSON forbids is escaped; bytes that are not UTF-8 pass as they are.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[done:i]...)
		b = appendEscaped(b, c)
		done = i + 1
	}
	b = append(b, s[done:]...)
	return append(b, '"')
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
