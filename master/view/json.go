package view

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// object writes a JSON object, field by field, as Mesos writes JSON: one line, numbers that are doubles with a decimal
// point.
type object struct{ *writer }

// array writes a JSON array, element by element.
type array struct{ *writer }

// writer appends JSON.
type writer struct {
	buf   []byte
	comma bool
}

// Write returns the JSON object that fields writes.
func write(fields func(object)) []byte {
	w := &writer{buf: make([]byte, 0, 4096)}
	w.object(fields)
	return w.buf
}

func (w *writer) separate() {
	if w.comma {
		w.buf = append(w.buf, ',')
	}
	w.comma = true
}

func (w *writer) object(fields func(object)) {
	w.buf, w.comma = append(w.buf, '{'), false
	fields(object{w})
	w.buf, w.comma = append(w.buf, '}'), true
}

func (w *writer) array(elements func(array)) {
	w.buf, w.comma = append(w.buf, '['), false
	elements(array{w})
	w.buf, w.comma = append(w.buf, ']'), true
}

func (o object) key(name string) {
	o.separate()
	o.buf = appendString(o.buf, name)
	o.buf = append(o.buf, ':')
}

func (o object) str(name, v string) {
	o.key(name)
	o.buf = appendString(o.buf, v)
}

func (o object) num(name string, v float64) {
	o.key(name)
	o.buf = appendDouble(o.buf, v)
}

func (o object) integer(name string, v int64) {
	o.key(name)
	o.buf = strconv.AppendInt(o.buf, v, 10)
}

func (o object) boolean(name string, v bool) {
	o.key(name)
	o.buf = strconv.AppendBool(o.buf, v)
}

func (o object) obj(name string, fields func(object)) {
	o.key(name)
	o.object(fields)
}

func (o object) list(name string, elements func(array)) {
	o.key(name)
	o.array(elements)
}

func (o object) strs(name string, vs []string) {
	o.list(name, func(a array) {
		for _, v := range vs {
			a.str(v)
		}
	})
}

func (o object) message(name string, m proto.Message) {
	o.key(name)
	o.proto(m.ProtoReflect())
}

func (a array) str(v string) {
	a.separate()
	a.buf = appendString(a.buf, v)
}

func (a array) obj(fields func(object)) {
	a.separate()
	a.object(fields)
}

func (a array) message(m proto.Message) {
	a.separate()
	a.proto(m.ProtoReflect())
}

// ---- protobuf messages ----

// proto writes m with the names of the .proto files. Fields with a default are written also when they are not set,
// unless they are deprecated.
//
// Mesos: JSON::Protobuf.
func (w *writer) proto(m protoreflect.Message) {
	w.object(func(o object) {
		fields := m.Descriptor().Fields()
		for i := range fields.Len() {
			f := fields.Get(i)
			if m.Has(f) || f.HasDefault() && !deprecated(f) {
				o.key(string(f.Name()))
				w.field(f, m.Get(f))
			}
		}
	})
}

func deprecated(f protoreflect.FieldDescriptor) bool {
	options, ok := f.Options().(interface{ GetDeprecated() bool })
	return ok && options.GetDeprecated()
}

func (w *writer) field(f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch {
	case f.IsMap():
		w.object(func(o object) {
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				o.key(k.String())
				w.value(f.MapValue(), v)
				return true
			})
		})
	case f.IsList():
		w.array(func(a array) {
			for i := range v.List().Len() {
				a.separate()
				w.value(f, v.List().Get(i))
			}
		})
	default:
		w.value(f, v)
	}
}

func (w *writer) value(f protoreflect.FieldDescriptor, v protoreflect.Value) {
	w.comma = true
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		w.proto(v.Message())
	case protoreflect.EnumKind:
		w.buf = appendString(w.buf, enumName(f, v.Enum()))
	case protoreflect.BoolKind:
		w.buf = strconv.AppendBool(w.buf, v.Bool())
	case protoreflect.StringKind:
		w.buf = appendString(w.buf, v.String())
	case protoreflect.BytesKind:
		w.buf = appendString(w.buf, base64.StdEncoding.EncodeToString(v.Bytes()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		w.buf = appendDouble(w.buf, v.Float())
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		w.buf = strconv.AppendUint(w.buf, v.Uint(), 10)
	default:
		w.buf = strconv.AppendInt(w.buf, v.Int(), 10)
	}
}

func enumName(f protoreflect.FieldDescriptor, n protoreflect.EnumNumber) string {
	if v := f.Enum().Values().ByNumber(n); v != nil {
		return string(v.Name())
	}
	return strconv.Itoa(int(n))
}

// ---- scalars ----

func appendDouble(buf []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(buf, "null"...)
	}
	start := len(buf)
	buf = strconv.AppendFloat(buf, v, 'f', -1, 64)
	for _, c := range buf[start:] {
		if c == '.' {
			return buf
		}
	}
	return append(buf, ".0"...)
}

const hex = "0123456789abcdef"

func appendString(buf []byte, s string) []byte {
	buf = append(buf, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			buf = append(buf, '\\', byte(r))
		case r == '\n':
			buf = append(buf, `\n`...)
		case r == '\t':
			buf = append(buf, `\t`...)
		case r == '\r':
			buf = append(buf, `\r`...)
		case r == '\b':
			buf = append(buf, `\b`...)
		case r == '\f':
			buf = append(buf, `\f`...)
		case r < 0x20:
			buf = append(buf, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
		default:
			buf = utf8.AppendRune(buf, r)
		}
	}
	return append(buf, '"')
}
