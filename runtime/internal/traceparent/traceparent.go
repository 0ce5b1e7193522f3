// Package traceparent reads and writes the header of W3C's Trace Context, by which services tell each other what caused
// a request: https://www.w3.org/TR/trace-context/.
//
// An event's id has as many bits as the id of a trace. What a node sends names its event as the trace: each message is a
// trace of its own, which the recommendation allows. What a node receives is caused by the event that the trace's id
// names. If it is no event of any node, the trace is foreign, and what followed begins with it.
package traceparent

import (
	"cmp"
	"encoding/binary"

	"meseta/runtime/internal/eventid"
)

// Header is the name of the header.
const Header = "Traceparent"

// Size is the length of its value, in bytes, in the only version there is.
const Size = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-00")

// Append appends the value that names id as the cause, and says that it is recorded.
func Append(b []byte, id eventid.ID) []byte {
	b = id.Append(append(b, "00-"...))
	return append(eventid.AppendHex(append(b, '-'), span(id)), "-01"...)
}

// Span is the id of the span that stands for an event. Those of one node differ; those of two, almost certainly.
func Span(id eventid.ID) (bytes [8]byte) {
	binary.BigEndian.PutUint64(bytes[:], span(id))
	return bytes
}

func span(id eventid.ID) uint64 {
	const odd = 0x9e3779b97f4a7c15 // so that no two numbers have the same product
	return cmp.Or(id.Node^id.Seq*odd, 1)
}

// Cause is the trace that value names; nonsense names none.
func Cause(value []byte) eventid.ID {
	id, ok := Parse(value)
	if !ok {
		return eventid.ID{}
	}
	return id
}

// Harmless reports whether value can stand in a head without ending it.
func Harmless(value []byte) bool {
	for _, c := range value {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// Parse returns the trace that value names. What does not follow the recommendation is no trace, and neither are the ids
// that it forbids. Of later versions it reads what they have in common with this one.
func Parse(value []byte) (trace eventid.ID, ok bool) {
	switch {
	case len(value) < Size, value[2] != '-', value[35] != '-', value[52] != '-':
		return trace, false
	case len(value) > Size && (string(value[:2]) == "00" || value[Size] != '-'):
		return trace, false
	}
	version, fine := eventid.ReadHexByte(value)
	node, fineNode := eventid.ReadHex(value[3:])
	seq, fineSeq := eventid.ReadHex(value[19:])
	parent, fineParent := eventid.ReadHex(value[36:])
	if _, ok := eventid.ReadHexByte(value[53:]); !ok || !fine || !fineNode || !fineSeq || !fineParent {
		return trace, false
	}
	trace = eventid.ID{Node: node, Seq: seq}
	return trace, version != 0xff && !trace.IsZero() && parent != 0
}
