package view

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/masterpb"
)

// The answers of the operator API that grow with the cluster are given away piece by piece, in both formats, and are never
// in memory as a whole. Protobuf says how long something is before it says what: there the picture is gone through
// twice, first to measure.

// element is one of the many messages that such an answer is made of. It writes itself, without reflection.
type element interface {
	mesosjson.Appender
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
}

// field is a field of such an answer: a message of further fields, or a list with an element for each that it yields, which
// is good until it yields the next.
type field struct {
	name   protoreflect.Name
	fields []field
	each   func(*Cluster, func(element) bool)
}

// Answer is the body of an answer to call.
func (c *Cluster) Answer(media mediatype.Type, call *Call) iter.Seq[[]byte] {
	if media == mediatype.JSON {
		return text(func(o object) {
			o.str("type", call.kind.String())
			o.field(c, call.field)
		})
	}
	return pieces(func(w *writer) {
		w.number(1, uint64(call.kind))
		w.field(c, call.field.measure(c, new(masterpb.Response)))
	})
}

// Subscribed is the first event of the operator API's stream.
func (c *Cluster) Subscribed(media mediatype.Type, heartbeat time.Duration) iter.Seq[[]byte] {
	if media == mediatype.JSON {
		return text(func(o object) {
			o.str("type", masterpb.Event_SUBSCRIBED.String())
			o.obj("subscribed", func(o object) {
				o.field(c, state)
				o.num("heartbeat_interval_seconds", heartbeat.Seconds())
			})
		})
	}
	return pieces(func(w *writer) {
		state := state.measure(c, new(masterpb.Event_Subscribed))
		interval := protowire.AppendTag(nil, 2, protowire.Fixed64Type)
		interval = protowire.AppendFixed64(interval, math.Float64bits(heartbeat.Seconds()))
		w.number(1, uint64(masterpb.Event_SUBSCRIBED))
		w.message(2, state.size()+len(interval))
		w.field(c, state)
		w.buf = append(w.buf, interval...)
	})
}

// ---- JSON ----

func (o object) field(c *Cluster, f field) {
	if f.each != nil {
		o.list(string(f.name), func(a array) { f.each(c, a.element) })
		return
	}
	o.obj(string(f.name), func(o object) {
		for _, inner := range f.fields {
			o.field(c, inner)
		}
	})
}

// element reports whether anybody still reads.
func (a array) element(m element) bool {
	a.separate()
	a.buf = m.AppendMesosJSON(a.buf, mesosjson.V1)
	a.pause()
	return !a.stopped
}

// ---- protobuf ----

// measured is a field with what protobuf says before what is in it.
type measured struct {
	number protowire.Number
	length int        // of all that is inside
	fields []measured // by their numbers
	each   func(*Cluster, func(element) bool)
}

// measure measures a field of the message in.
func (f field) measure(c *Cluster, in proto.Message) measured {
	return f.measureIn(c, in.ProtoReflect().Descriptor())
}

func (f field) measureIn(c *Cluster, in protoreflect.MessageDescriptor) measured {
	described := in.Fields().ByName(f.name)
	m := measured{number: described.Number(), each: f.each}
	for _, inner := range f.fields {
		m.fields = append(m.fields, inner.measureIn(c, described.Message()))
		m.length += m.fields[len(m.fields)-1].size()
	}
	slices.SortFunc(m.fields, func(x, y measured) int { return int(x.number - y.number) })
	if f.each != nil {
		f.each(c, func(x element) bool {
			m.length += protowire.SizeTag(m.number) + protowire.SizeBytes(x.SizeVT())
			return true
		})
	}
	return m
}

// size is the length with all that is said before. The things of a list stand side by side, with nothing before them.
func (m measured) size() int {
	if m.each != nil {
		return m.length
	}
	return protowire.SizeTag(m.number) + protowire.SizeBytes(m.length)
}

func (w *writer) field(c *Cluster, m measured) {
	if m.each != nil {
		m.each(c, func(x element) bool { return w.element(m.number, x) })
		return
	}
	w.message(m.number, m.length)
	for _, inner := range m.fields {
		w.field(c, inner)
	}
}

// element reports whether anybody still reads.
func (w *writer) element(number protowire.Number, x element) bool {
	size := x.SizeVT()
	w.message(number, size)
	start := len(w.buf)
	w.buf = slices.Grow(w.buf, size)[:start+size]
	if _, err := x.MarshalToSizedBufferVT(w.buf[start:]); err != nil { // a required field is missing
		w.buf = appendPartial(w.buf[:start], x)
	}
	w.pause()
	return !w.stopped
}

// appendPartial writes a message of which required fields may be missing.
func appendPartial(b []byte, m proto.Message) []byte {
	b, err := proto.MarshalOptions{AllowPartial: true}.MarshalAppend(b, m)
	if err != nil {
		panic(fmt.Sprintf("view: write %s: %v", m.ProtoReflect().Descriptor().FullName(), err))
	}
	return b
}

// message begins a message of that length.
func (w *writer) message(number protowire.Number, length int) {
	w.buf = protowire.AppendTag(w.buf, number, protowire.BytesType)
	w.buf = protowire.AppendVarint(w.buf, uint64(length))
}

func (w *writer) number(number protowire.Number, value uint64) {
	w.buf = protowire.AppendTag(w.buf, number, protowire.VarintType)
	w.buf = protowire.AppendVarint(w.buf, value)
}
