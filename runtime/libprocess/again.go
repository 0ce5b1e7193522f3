package libprocess

import (
	"bytes"
	"strings"

	"meseta/runtime"
)

// Peers say the same heads again and again: an agent's status updates differ in their bodies only. A message whose head
// came before, and that is in the buffer as a whole, is delivered from there without reading it line by line.

// familiar is what the heads of one connection mean.
type familiar struct {
	last  *spoken
	known map[string]*spoken
}

// spoken is a head that came before.
type spoken struct {
	head    string // with its empty line
	message runtime.Envelope
	chunked bool
}

// Neither the heads that are kept nor their number may be made large from outside.
const (
	mostFamiliar    = 64
	longestFamiliar = 1 << 10
)

var endOfHead = []byte("\r\n\r\n")

// find returns what begins window, nil if that is not known.
func (f *familiar) find(window []byte) *spoken {
	if s := f.last; s != nil && len(window) >= len(s.head) && string(window[:len(s.head)]) == s.head {
		return s
	}
	end := bytes.Index(window, endOfHead)
	if end < 0 {
		return nil
	}
	s := f.known[string(window[:end+len(endOfHead)])]
	if s != nil {
		f.last = s
	}
	return s
}

// learn remembers what h, a message of nothing special, means.
func (f *familiar) learn(h *head, e runtime.Envelope) {
	if h.close || h.expecting || h.cause != nil || h.length != noLength || len(h.raw) > longestFamiliar {
		return
	}
	if s := f.last; s != nil && s.message.From == e.From && s.message.To == e.To && s.message.Name == e.Name {
		return // it was not all in the buffer
	}
	if f.known == nil || len(f.known) >= mostFamiliar {
		f.known = map[string]*spoken{}
	}
	e.Body = nil
	s := &spoken{strings.ReplaceAll(string(h.raw), "\n", "\r\n") + "\r\n", e, h.chunked}
	f.known[s.head], f.last = s, s
}

// again delivers the next message if it can be done so; it reports false, and has done nothing, if not. io.EOF means that
// there is no further request.
func (c *inbound) again() (done bool, err error) {
	if _, err = c.r.Peek(1); err != nil {
		return true, err
	}
	window, _ := c.r.Peek(c.r.Buffered())
	s := c.familiar.find(window)
	if s == nil {
		return false, nil
	}
	e, size := s.message, len(s.head)
	if s.chunked {
		body, framed := onlyChunk(window[size:])
		if framed > len(window)-size && size+framed <= c.r.Size() { // wait for the rest of it
			if window, err = c.r.Peek(size + framed); err != nil {
				return true, unexpected(err)
			}
			body, framed = onlyChunk(window[size:])
		}
		if body == nil || len(body) > c.wire.options.MaxBody {
			return false, nil
		}
		e.Body = body
		size += framed
	}
	response := c.deliver(e)
	c.r.Discard(size) //nolint:errcheck // it is in the buffer
	if err := c.complete(); err != nil {
		return true, err
	}
	return true, c.answer(answer{response: response})
}

var endOfChunks = []byte("\r\n0\r\n\r\n")

// onlyChunk returns a body that comes in one chunk, nil if it does not, or is not all there, and how many bytes it takes
// with its framing, if that is known.
func onlyChunk(b []byte) (body []byte, framed int) {
	size, at := 0, 0
	for ; at < len(b) && at < 7; at++ {
		digit := hexadecimal[b[at]]
		if digit == 0 {
			break
		}
		size = size<<4 | int(digit-1)
	}
	start := at + len("\r\n")
	end := start + size
	if size == 0 || start > len(b) || b[at] != '\r' || b[at+1] != '\n' {
		return nil, 0
	}
	framed = end + len(endOfChunks)
	if framed > len(b) || !bytes.Equal(b[end:framed], endOfChunks) {
		return nil, framed
	}
	return b[start:end], framed
}

// hexadecimal is one more than what a digit stands for.
var hexadecimal = func() (table [256]byte) {
	for i, c := range "0123456789abcdef" {
		table[c] = byte(i) + 1
		table[strings.ToUpper(string(c))[0]] = byte(i) + 1
	}
	return table
}()
