package view

import (
	"bytes"
	"iter"
	"strconv"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
)

// object writes a JSON object, field by field, as Mesos writes JSON: one line, numbers that are doubles with a decimal
// point.
type object struct{ *writer }

// array writes a JSON array, element by element.
type array struct{ *writer }

// writer appends JSON, and gives it away in pieces.
type writer struct {
	buf     []byte
	comma   bool
	yield   func([]byte) bool // nil: it is kept
	stopped bool              // nobody reads any more
	keeping bool              // what is written is to be remembered, as a whole
}

// pieceLength is about how long the pieces of a text are: long enough to be worth a system call.
const pieceLength = 64 << 10

// write returns the JSON object that fields writes.
func write(fields func(object)) []byte {
	w := &writer{buf: make([]byte, 0, 4096)}
	w.object(fields)
	return w.buf
}

// text returns the JSON object that fields writes, in pieces.
func text(fields func(object)) iter.Seq[[]byte] {
	return pieces(func(w *writer) { w.object(fields) })
}

// pieces returns what is written, in pieces, each good until the next is asked for.
func pieces(write func(*writer)) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		w := &writer{buf: make([]byte, 0, pieceLength+pieceLength/4), yield: yield}
		write(w)
		w.give()
	}
}

// give gives away what there is.
func (w *writer) give() {
	if !w.stopped {
		w.stopped = !w.yield(w.buf)
	}
	w.buf = w.buf[:0]
}

// memo is a text about something that does not change.
type memo = atomic.Pointer[[]byte]

// once stands in a memo for a text that was written once: most are not needed again.
var once = new([]byte)

// remembered writes all fields of an object, or the first of them, that are the same at all times, and keeps them from
// the second time on.
func (o object) remembered(m *memo, fields func(object)) {
	known := m.Load()
	if known != nil && known != once {
		o.buf = append(o.buf, *known...)
		o.comma = true
		return
	}
	start := len(o.buf)
	o.keeping = true
	fields(o)
	o.keeping = false
	if known == nil {
		m.Store(once)
		return
	}
	written := bytes.Clone(o.buf[start:])
	m.Store(&written)
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
	o.buf = append(mesosjson.AppendString(o.buf, name), ':')
}

func (o object) str(name, v string) {
	o.key(name)
	o.buf = mesosjson.AppendString(o.buf, v)
}

func (o object) num(name string, v float64) {
	o.key(name)
	o.buf = mesosjson.AppendFloat(o.buf, v)
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
	o.buf = mesosjson.Append(o.buf, m)
}

func (a array) str(v string) {
	a.separate()
	a.buf = mesosjson.AppendString(a.buf, v)
}

// obj writes an object, after which a piece may be given away.
func (a array) obj(fields func(object)) {
	a.separate()
	a.object(fields)
	a.pause()
}

// pause gives a piece away if there is one.
func (w *writer) pause() {
	if w.yield != nil && len(w.buf) >= pieceLength && !w.keeping {
		w.give()
	}
}

func (a array) message(m proto.Message) {
	a.separate()
	a.buf = mesosjson.Append(a.buf, m)
}
