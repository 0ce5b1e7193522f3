package libprocess

import (
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

// appendMessage appends e as the request a C++ node would send, and on error leaves b as it was.
func appendMessage(b []byte, e runtime.Envelope) ([]byte, error) {
	size := len(e.Body)
	fast, _ := e.Message.(sized)
	switch {
	case e.Body != nil || e.Message == nil:
	case fast != nil:
		size = fast.SizeVT()
	default:
		size = proto.Size(e.Message)
	}
	start := len(b)
	b = appendHead(b, e, size > 0)
	if size == 0 {
		return b, nil
	}
	b = strconv.AppendInt(b, int64(size), 16)
	b = append(b, "\r\n"...)
	b, err := appendBody(b, e, fast, size)
	if err != nil {
		return b[:start], fmt.Errorf("encode %s: %w", e.Name, err)
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

func appendBody(b []byte, e runtime.Envelope, fast sized, size int) ([]byte, error) {
	switch {
	case e.Body != nil:
		return append(b, e.Body...), nil
	case fast != nil:
		start := len(b)
		b = append(b, make([]byte, size)...)
		_, err := fast.MarshalToSizedBufferVT(b[start:])
		return b, err
	default:
		return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, e.Message)
	}
}

func appendPID(b []byte, pid runtime.PID) []byte {
	b = append(b, pid.ID...)
	b = append(b, '@')
	return append(b, pid.Addr...)
}

func appendCause(b []byte, id runtime.EventID) []byte {
	var raw [8]byte
	for i := range raw {
		raw[i] = byte(id >> (56 - 8*i))
	}
	return hex.AppendEncode(b, raw[:])
}

// appendEscaped writes an actor's id as a path segment. Parentheses stay as they are: slave(1).
func appendEscaped(b []byte, id string) []byte {
	if !strings.ContainsAny(id, " %/?#\r\n\t") {
		return append(b, id...)
	}
	const digits = "0123456789ABCDEF"
	for i := range len(id) {
		c := id[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("%/?#", c) >= 0 {
			b = append(b, '%', digits[c>>4], digits[c&15])
			continue
		}
		b = append(b, c)
	}
	return b
}
