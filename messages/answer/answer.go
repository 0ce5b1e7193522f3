// Package answer writes those answers of the masters' and agents' operator APIs that grow with the cluster. It writes
// them piece by piece, in JSON or protobuf, so that no answer is in memory as a whole. Protobuf puts the length of a
// message before its content; the package therefore visits the content twice, first to measure it.
package answer

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/jsonwriter"
	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
)

// Element is one of the many messages that an answer lists. It writes itself, without reflection.
type Element interface {
	mesosjson.Appender
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
}

// Field is a field of an answer that is made from a V. Its value is a message with fields of its own, a list, or a
// number.
type Field[V any] struct {
	Name   protoreflect.Name
	Fields []Field[V]                  // of the message, in the order of Mesos's JSON
	Each   func(V, func(Element) bool) // yields the elements of the list, each valid until the next
	Number *float64                    // value of a field of type double

	OmitEmpty bool // JSON leaves an empty list out
}

// Kind is the type of an answer, which is the value of its first field.
type Kind interface {
	protoreflect.Enum
	String() string
}

// Body returns an answer about v in pieces. The answer is a message of in's type, with the given kind and the field f.
// v must not change while the answer is read.
func Body[V any](media mediatype.Type, in proto.Message, kind Kind, v V, f Field[V]) iter.Seq[[]byte] {
	if media == mediatype.JSON {
		return jsonwriter.Text(func(o jsonwriter.Object) {
			o.Str("type", kind.String())
			f.json(o, v)
		})
	}
	return jsonwriter.InPieces(func(p *jsonwriter.Pieces) {
		w := writer[V]{p}
		w.tag(1, protowire.VarintType)
		w.Bytes = protowire.AppendVarint(w.Bytes, uint64(kind.Number()))
		w.field(v, f.measure(v, in.ProtoReflect().Descriptor()))
	})
}

// ---- JSON ----

func (f Field[V]) json(o jsonwriter.Object, v V) {
	switch {
	case f.OmitEmpty && f.isEmpty(v):
	case f.Each != nil:
		o.List(string(f.Name), func(a jsonwriter.Array) {
			f.Each(v, func(m Element) bool {
				a.MessageV1(m)
				return !a.Stopped()
			})
		})
	case f.Number != nil:
		o.Num(string(f.Name), *f.Number)
	default:
		o.Obj(string(f.Name), func(o jsonwriter.Object) {
			for _, inner := range f.Fields {
				inner.json(o, v)
			}
		})
	}
}

func (f Field[V]) isEmpty(v V) bool {
	empty := true
	f.Each(v, func(Element) bool {
		empty = false
		return false
	})
	return empty
}

// ---- protobuf ----

// measured is a field with the lengths that protobuf writes before its content.
type measured[V any] struct {
	number protowire.Number
	length int           // of the content
	fields []measured[V] // ordered by number
	of     Field[V]
}

// measure measures a field of a message of type in.
func (f Field[V]) measure(v V, in protoreflect.MessageDescriptor) measured[V] {
	described := in.Fields().ByName(f.Name)
	m := measured[V]{number: described.Number(), of: f}
	for _, inner := range f.Fields {
		m.fields = append(m.fields, inner.measure(v, described.Message()))
		m.length += m.fields[len(m.fields)-1].size()
	}
	slices.SortFunc(m.fields, func(x, y measured[V]) int { return int(x.number - y.number) })
	if f.Each != nil {
		f.Each(v, func(x Element) bool {
			m.length += protowire.SizeTag(m.number) + protowire.SizeBytes(x.SizeVT())
			return true
		})
	}
	return m
}

// size returns the length of the field's content, including the tags and lengths inside it. The elements of a list
// follow each other without a common length.
func (m measured[V]) size() int {
	switch {
	case m.of.Each != nil:
		return m.length
	case m.of.Number != nil:
		return protowire.SizeTag(m.number) + protowire.SizeFixed64()
	}
	return protowire.SizeTag(m.number) + protowire.SizeBytes(m.length)
}

// writer writes protobuf.
type writer[V any] struct{ *jsonwriter.Pieces }

func (w writer[V]) field(v V, m measured[V]) {
	switch {
	case m.of.Each != nil:
		m.of.Each(v, func(x Element) bool { return w.element(m.number, x) })
	case m.of.Number != nil:
		w.tag(m.number, protowire.Fixed64Type)
		w.Bytes = protowire.AppendFixed64(w.Bytes, math.Float64bits(*m.of.Number))
	default:
		w.message(m.number, m.length)
		for _, inner := range m.fields {
			w.field(v, inner)
		}
	}
}

// element writes an element and reports whether the reader wants more.
func (w writer[V]) element(number protowire.Number, x Element) bool {
	size := x.SizeVT()
	w.message(number, size)
	start := len(w.Bytes)
	w.Bytes = slices.Grow(w.Bytes, size)[:start+size]
	if _, err := x.MarshalToSizedBufferVT(w.Bytes[start:]); err != nil { // a required field is missing
		w.Bytes = appendPartial(w.Bytes[:start], x)
	}
	w.Pause()
	return !w.Stopped()
}

// appendPartial appends m, some of whose required fields may be missing.
func appendPartial(b []byte, m proto.Message) []byte {
	b, err := proto.MarshalOptions{AllowPartial: true}.MarshalAppend(b, m)
	if err != nil {
		panic(fmt.Sprintf("answer: write %s: %v", m.ProtoReflect().Descriptor().FullName(), err))
	}
	return b
}

// message writes the tag and the length of an embedded message.
func (w writer[V]) message(number protowire.Number, length int) {
	w.tag(number, protowire.BytesType)
	w.Bytes = protowire.AppendVarint(w.Bytes, uint64(length))
}

func (w writer[V]) tag(number protowire.Number, t protowire.Type) {
	w.Bytes = protowire.AppendTag(w.Bytes, number, t)
}
