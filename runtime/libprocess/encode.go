package libprocess

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/runtime"
	"meseta/runtime/internal/events"
	"meseta/runtime/internal/traceparent"
)

// causeHeader carries the id of the event a message was sent in, as the id of a trace. Foreign peers ignore it, or know it.
const causeHeader = traceparent.Header

// causeLength is the length of its value.
const causeLength = traceparent.Size

// encoding is a message on its way to bytes.
type encoding struct {
	runtime.Envelope
	fast events.Sized // nil: Body, or the general way
	size int          // of the body
}

func (m *encoding) measure() {
	m.fast, _ = m.Message.(events.Sized)
	switch {
	case m.Body != nil || m.Message == nil:
		m.size, m.fast = len(m.Body), nil
	case m.Size > 0:
		m.size = int(m.Size)
	case m.fast != nil:
		m.size = m.fast.SizeVT()
	default:
		m.size = proto.Size(m.Message)
	}
}

// appendTo appends the message, whose head begins with prefix, as the request a C++ node would send, and on error leaves
// b as it was. As C++ nodes do it frames a body as one chunk, and no body by neither length nor chunks.
func (m *encoding) appendTo(b, prefix []byte) ([]byte, error) {
	start := len(b)
	b = append(b, prefix...)
	if !m.Cause.IsZero() {
		b = append(b, "\r\n"+causeHeader+": "...)
		b = traceparent.Append(b, m.Cause)
	}
	if m.size == 0 {
		if _, err := m.appendBody(nil); err != nil { // what it holds may be that something is missing
			return b[:start], fmt.Errorf("encode %s: %w", m.Name, err)
		}
		return append(b, "\r\n\r\n"...), nil
	}
	b = append(b, "\r\nTransfer-Encoding: chunked\r\n\r\n"...)
	b = strconv.AppendInt(b, int64(m.size), 16)
	b = append(b, "\r\n"...)
	b, err := m.appendBody(b)
	if err != nil {
		return b[:start], fmt.Errorf("encode %s: %w", m.Name, err)
	}
	return append(b, "\r\n0\r\n\r\n"...), nil
}

// suffix is more than appendTo writes beside prefix and body.
const suffix = 160

// prefix is how the heads of messages begin, up to what differs between messages of the same kind. The latest is kept:
// most messages to a peer are like the one before.
type prefix struct {
	from, to runtime.PID
	name     string
	text     []byte
}

// of returns the prefix of e's head, or why there can be none.
func (p *prefix) of(e *runtime.Envelope) ([]byte, error) {
	if p.name == e.Name && p.from == e.From && p.to == e.To && p.text != nil {
		return p.text, nil
	}
	if err := sendable(e); err != nil {
		return nil, err
	}
	p.name, p.from, p.to, p.text = e.Name, e.From, e.To, appendPrefix(p.text[:0], e)
	return p.text, nil
}

func appendPrefix(b []byte, e *runtime.Envelope) []byte {
	b = append(b, "POST /"...)
	b = appendEscaped(b, e.To.ID)
	b = append(b, '/')
	b = append(b, e.Name...)
	b = append(b, " HTTP/1.1\r\nUser-Agent: libprocess/"...)
	b = appendPID(b, e.From)
	b = append(b, "\r\nLibprocess-From: "...)
	b = appendPID(b, e.From)
	b = append(b, "\r\nConnection: Keep-Alive\r\nHost: "...)
	return append(b, e.To.Addr...)
}

func (m *encoding) appendBody(b []byte) ([]byte, error) {
	switch {
	case m.Body != nil:
		return append(b, m.Body...), nil
	case m.fast != nil:
		start := len(b)
		b = append(b, make([]byte, m.size)...)
		_, err := m.fast.MarshalToSizedBufferVT(b[start:])
		return b, err
	default:
		return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, m.Message)
	}
}

func appendPID(b []byte, pid runtime.PID) []byte {
	b = append(b, pid.ID...)
	b = append(b, '@')
	return append(b, pid.Addr...)
}

// appendEscaped writes an actor's id as a path segment. Parentheses stay as they are: slave(1).
func appendEscaped(b []byte, id string) []byte {
	if plain(id) {
		return append(b, id...)
	}
	const digits = "0123456789ABCDEF"
	for i := range len(id) {
		if c := id[i]; special[c] {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// special is what cannot stand for itself in a path: control bytes, what is not ASCII, and what ends a segment.
var special = func() (table [256]bool) {
	for c := range table {
		table[c] = c <= ' ' || c >= 0x7f || strings.IndexByte("%/?#", byte(c)) >= 0
	}
	return table
}()

func plain(s string) bool {
	for i := range len(s) {
		if special[s[i]] {
			return false
		}
	}
	return true
}

// sendable refuses names that would not end where they end.
func sendable(e *runtime.Envelope) error {
	if e.Name == "" || !plain(e.Name) {
		return fmt.Errorf("%.80q can not be the name of a message", e.Name)
	}
	for _, s := range [...]string{e.From.ID, e.From.Addr, e.To.Addr} {
		if strings.ContainsAny(s, "\r\n\x00") {
			return fmt.Errorf("%.80q can not be part of a header", s)
		}
	}
	return nil
}
