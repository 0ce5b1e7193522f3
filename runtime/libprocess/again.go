package libprocess

import (
	"bytes"
	"hash/maphash"
	"strings"

	"meseta/runtime"
	"meseta/runtime/internal/traceparent"
)

// Peers say the same heads again and again: an agent's status updates differ in their bodies only. A message whose head
// came before, and that is in the buffer as a whole, is delivered from there without reading it line by line.

// familiar is what the heads of one connection mean.
type familiar struct {
	last  *spoken
	known map[string]*spoken // by head, without what differs
	heard heard              // the messages that came once
	key   []byte
}

// spoken is a head that came before. It may hold a cause, which differs each time.
type spoken struct {
	before  string // the cause, or all of it
	after   string // the cause; empty if there is none
	message runtime.Envelope
	chunked bool
}

// Neither the heads that are kept nor their number may be made large from outside.
const (
	mostFamiliar    = 64
	longestFamiliar = 1 << 10
)

var (
	endOfHead  = []byte("\r\n\r\n")
	causeField = []byte("\r\n" + causeHeader + ": ")
)

// find returns what begins window, nil if that is not known, and the length of its head.
func (f *familiar) find(window []byte) (s *spoken, size int) {
	if s = f.last; s != nil {
		if size = s.begins(window); size > 0 {
			return s, size
		}
	}
	end := bytes.Index(window, endOfHead)
	if end < 0 {
		return nil, 0
	}
	before, after := cutCause(window[:end+len(endOfHead)])
	f.key = append(append(f.key[:0], before...), after...)
	s = f.known[string(f.key)]
	if s == nil {
		return nil, 0
	}
	f.last = s
	return s, s.begins(window)
}

// cutCause returns what is before and after the value of a head's cause.
func cutCause(head []byte) (before, after []byte) {
	i := bytes.Index(head, causeField)
	if i < 0 || len(head) < i+len(causeField)+causeLength {
		return head, nil
	}
	i += len(causeField)
	return head[:i], head[i+causeLength:]
}

// begins returns the length of the head if window begins with it, else 0.
func (s *spoken) begins(window []byte) int {
	n := len(s.before)
	if len(window) < n || string(window[:n]) != s.before {
		return 0
	}
	if s.after == "" {
		return n
	}
	size := n + causeLength + len(s.after)
	if len(window) < size || string(window[n+causeLength:size]) != s.after || !traceparent.Harmless(window[n:n+causeLength]) {
		return 0
	}
	return size
}

// envelope is the message that begins window.
func (s *spoken) envelope(window []byte) runtime.Envelope {
	e := s.message
	if s.after != "" {
		e.Cause = traceparent.Cause(window[len(s.before) : len(s.before)+causeLength])
	}
	return e
}

// heard has the hashes of what came once. Most that comes once, as when a node takes over, comes from many actors: it costs more
// to remember than to read.
type heard map[uint64]bool

// isNew reports whether hash did not come before. It remembers so many.
func (h *heard) isNew(hash uint64, most int) bool {
	if (*h)[hash] {
		return false
	}
	if *h == nil || len(*h) >= most {
		*h = heard{}
	}
	(*h)[hash] = true
	return true
}

// kind is what messages with the same head have in common.
type kind struct {
	from     runtime.PID
	to, name string
}

var seed = maphash.MakeSeed()

// learn remembers what h, a message of nothing special, means, if it came before.
func (f *familiar) learn(h *head, e runtime.Envelope) {
	if h.close || h.expecting || h.zipped || h.length != noLength || len(h.raw) > longestFamiliar {
		return
	}
	if s := f.last; s != nil && s.message.From == e.From && s.message.To == e.To && s.message.Name == e.Name {
		return // it was not all in the buffer
	}
	if f.heard.isNew(maphash.Comparable(seed, kind{e.From, e.To.ID, e.Name}), mostFamiliar) {
		return
	}
	if f.known == nil || len(f.known) >= mostFamiliar {
		f.known = map[string]*spoken{}
	}
	e.Body, e.Cause = nil, runtime.EventID{}
	before, after := cutCause(append(bytes.ReplaceAll(h.raw, []byte("\n"), []byte("\r\n")), "\r\n"...))
	s := &spoken{string(before), string(after), e, h.chunked}
	if (len(h.cause) == causeLength) == (after != nil) {
		f.known[s.before+s.after], f.last = s, s
	}
}

// again delivers the next message if it can be done so; it reports false, and has done nothing, if not. io.EOF means that
// there is no further request.
func (c *inbound) again() (done bool, err error) {
	if _, err = c.r.Peek(1); err != nil {
		return true, err
	}
	window, _ := c.r.Peek(c.r.Buffered())
	s, size := c.familiar.find(window)
	if size == 0 {
		return false, nil
	}
	e := s.envelope(window)
	e.Came = c.moment()
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
