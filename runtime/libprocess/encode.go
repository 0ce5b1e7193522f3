package libprocess

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/runtime"
)

// causeHeader carries the id of the event a message was sent in. Foreign peers ignore it.
const causeHeader = "Meseta-Cause"

// sized is what generated fast code offers.
type sized interface {
	SizeVT() int
	MarshalToSizedBufferVT(b []byte) (int, error)
}

// encoding is a message on its way to bytes.
type encoding struct {
	runtime.Envelope
	fast sized // nil: Body, or the general way
	size int   // of the body
}

func (m *encoding) measure() {
	m.fast, _ = m.Message.(sized)
	switch {
	case m.Body != nil || m.Message == nil:
		m.size, m.fast = len(m.Body), nil
	case m.fast != nil:
		m.size = m.fast.SizeVT()
	default:
		m.size = proto.Size(m.Message)
	}
}

// room is at least as many bytes as the message takes.
func (m *encoding) room() int {
	const words = 256 // what appendHead writes around the names, and the framing of the body
	return words + m.size + 3*len(m.To.ID) + len(m.Name) + len(m.To.Addr) + 2*(len(m.From.ID)+len(m.From.Addr))
}

// appendTo appends the message as the request a C++ node would send, and on error leaves b as it was.
func (m *encoding) appendTo(b []byte) ([]byte, error) {
	start := len(b)
	b = appendHead(b, m.Envelope, m.size > 0)
	if m.size == 0 {
		return b, nil
	}
	b = strconv.AppendInt(b, int64(m.size), 16)
	b = append(b, "\r\n"...)
	b, err := m.appendBody(b)
	if err != nil {
		return b[:start], fmt.Errorf("encode %s: %w", m.Name, err)
	}
	return append(b, "\r\n0\r\n\r\n"...), nil
}

// appendHead writes everything up to the empty line. As C++ nodes do it frames a body as one chunk, and no body by
// neither length nor chunks.
func appendHead(b []byte, e runtime.Envelope, body bool) []byte {
	b = append(b, "POST /"...)
	b = appendEscaped(b, e.To.ID)
	b = append(b, '/')
	b = append(b, e.Name...)
	b = append(b, " HTTP/1.1\r\nUser-Agent: libprocess/"...)
	b = appendPID(b, e.From)
	b = append(b, "\r\nLibprocess-From: "...)
	b = appendPID(b, e.From)
	b = append(b, "\r\nConnection: Keep-Alive\r\nHost: "...)
	b = append(b, e.To.Addr...)
	if e.Cause != 0 {
		b = append(b, "\r\n"+causeHeader+": "...)
		b = appendCause(b, e.Cause)
	}
	if body {
		b = append(b, "\r\nTransfer-Encoding: chunked"...)
	}
	return append(b, "\r\n\r\n"...)
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

// parseCause is the inverse of appendCause; nonsense is no cause.
func parseCause(text []byte) runtime.EventID {
	var raw [8]byte
	if len(text) != hex.EncodedLen(len(raw)) {
		return 0
	}
	if _, err := hex.Decode(raw[:], text); err != nil {
		return 0
	}
	return runtime.EventID(binary.BigEndian.Uint64(raw[:]))
}

func appendCause(b []byte, id runtime.EventID) []byte {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(id))
	return hex.AppendEncode(b, raw[:])
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
func (m *encoding) sendable() error {
	if m.Name == "" || !plain(m.Name) {
		return fmt.Errorf("%.80q can not be the name of a message", m.Name)
	}
	for _, s := range [...]string{m.From.ID, m.From.Addr, m.To.Addr} {
		if strings.ContainsAny(s, "\r\n\x00") {
			return fmt.Errorf("%.80q can not be part of a header", s)
		}
	}
	return nil
}
