package jsonwriter

import (
	"bytes"
	"iter"
	"strconv"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
)

// Object writes a JSON object, field by field, in the order of the calls. It writes no white space, and numbers of type
// double always with a decimal point.
type Object struct{ *writer }

// Array writes a JSON array, element by element.
type Array struct{ *writer }

type writer struct {
	*Pieces
	comma   bool
	keeping bool // keeping means that a memo will remember the text, so that it must not be given away in pieces

	shared [8]sharedText
	next   int // the place for the next of them
}

// sharedText is what was written of a message.
type sharedText struct {
	of    proto.Message
	after bool // after another field
	text  []byte
}

// Bytes returns the JSON object that fields writes.
func Bytes(fields func(Object)) []byte {
	p := &Pieces{Bytes: make([]byte, 0, 4096)}
	(&writer{Pieces: p}).object(fields)
	return p.Bytes
}

// Text returns the JSON object that fields writes, in pieces, each valid until the next is requested. fields is called
// once for each iteration.
func Text(fields func(Object)) iter.Seq[[]byte] {
	return InPieces(func(p *Pieces) { (&writer{Pieces: p}).object(fields) })
}

// List returns the JSON array that elements writes, in pieces, like [Text].
func List(elements func(Array)) iter.Seq[[]byte] {
	return InPieces(func(p *Pieces) { (&writer{Pieces: p}).array(elements) })
}

// Memo remembers the JSON of something that does not change. The zero value is empty. A Memo may be used by several
// goroutines at once.
type Memo = atomic.Pointer[[]byte]

// once in a memo means that its text was written once and not kept: most texts are not needed again.
var once = new([]byte)

// Remembered writes all fields of an object, or its first ones. They must be the same on every call, because m keeps
// their text from the second call on.
func (o Object) Remembered(m *Memo, fields func(Object)) {
	known := m.Load()
	if known != nil && known != once {
		o.Bytes = append(o.Bytes, *known...)
		o.comma = len(*known) > 0
		return
	}
	start := len(o.Bytes)
	o.keeping = true
	fields(o)
	o.keeping = false
	if known == nil {
		m.Store(once)
		return
	}
	written := bytes.Clone(o.Bytes[start:])
	m.Store(&written)
}

// Shared writes fields of m, at least one and always the same. m does not change. If several objects have the same m, as tasks have
// the same labels, what was written last is copied.
func (o Object) Shared(m proto.Message, fields func(Object)) {
	for i := range o.shared {
		if known := &o.shared[i]; known.of == m && known.after == o.comma {
			o.Bytes = append(o.Bytes, known.text...)
			o.comma = true
			return
		}
	}
	start, after, keeping := len(o.Bytes), o.comma, o.keeping
	o.keeping = true
	fields(o)
	o.keeping = keeping
	place := &o.shared[o.next]
	place.of, place.after, place.text = m, after, append(place.text[:0], o.Bytes[start:]...)
	o.next = (o.next + 1) % len(o.shared)
}

func (w *writer) separate() {
	if w.comma {
		w.Bytes = append(w.Bytes, ',')
	}
	w.comma = true
}

func (w *writer) object(fields func(Object)) {
	w.Bytes, w.comma = append(w.Bytes, '{'), false
	fields(Object{w})
	w.Bytes, w.comma = append(w.Bytes, '}'), true
}

func (w *writer) array(elements func(Array)) {
	w.Bytes, w.comma = append(w.Bytes, '['), false
	elements(Array{w})
	w.Bytes, w.comma = append(w.Bytes, ']'), true
}

func (o Object) key(name string) {
	o.separate()
	o.Bytes = append(mesosjson.AppendString(o.Bytes, name), ':')
}

// Str writes a string field.
func (o Object) Str(name, v string) {
	o.key(name)
	o.Bytes = mesosjson.AppendString(o.Bytes, v)
}

// Num writes a number field, with a decimal point.
func (o Object) Num(name string, v float64) {
	o.key(name)
	o.Bytes = mesosjson.AppendFloat(o.Bytes, v)
}

// Integer writes a number field, without a decimal point.
func (o Object) Integer(name string, v int64) {
	o.key(name)
	o.Bytes = strconv.AppendInt(o.Bytes, v, 10)
}

// Boolean writes a boolean field.
func (o Object) Boolean(name string, v bool) {
	o.key(name)
	o.Bytes = strconv.AppendBool(o.Bytes, v)
}

// Obj writes a field whose value is the object that fields writes.
func (o Object) Obj(name string, fields func(Object)) {
	o.key(name)
	o.object(fields)
}

// List writes a field whose value is the array that elements writes.
func (o Object) List(name string, elements func(Array)) {
	o.key(name)
	o.array(elements)
}

// Strs writes a field whose value is an array of strings.
func (o Object) Strs(name string, vs []string) {
	o.List(name, func(a Array) {
		for _, v := range vs {
			a.Str(v)
		}
	})
}

// Message writes a field whose value is m, in the JSON of package mesosjson.
func (o Object) Message(name string, m proto.Message) {
	o.key(name)
	o.Bytes = mesosjson.Append(o.Bytes, m)
}

// Str writes a string element.
func (a Array) Str(v string) {
	a.separate()
	a.Bytes = mesosjson.AppendString(a.Bytes, v)
}

// Obj writes an element that is the object that fields writes. A piece may end after it.
func (a Array) Obj(fields func(Object)) {
	a.separate()
	a.object(fields)
	a.pause()
}

// Message writes an element that is m, in the JSON of package mesosjson.
func (a Array) Message(m proto.Message) {
	a.separate()
	a.Bytes = mesosjson.Append(a.Bytes, m)
}

// MessageV1 writes an element that is m, with the names of v1. A piece may end after it.
func (a Array) MessageV1(m mesosjson.Appender) {
	a.separate()
	a.Bytes = m.AppendMesosJSON(a.Bytes, mesosjson.V1)
	a.pause()
}

// pause gives the piece away unless its text is needed as a whole for a memo.
func (w *writer) pause() {
	if !w.keeping {
		w.Pause()
	}
}
