package libprocess

import (
	"bufio"
	"bytes"
	"strings"
	"sync"

	"meseta/runtime"
	"meseta/runtime/internal/traceparent"
)

// queue is messages, encoded, on their way to one peer. They lie in blocks that are given back as they are written: what
// waits costs its own size, and a peer that nobody writes to costs nothing. A message never straddles two blocks.
//
// Differs: a connection for which more than a limit waits is closed if its peer takes nothing, where libprocess queues
// without a limit, because a peer that stalls must not cost the node its memory, and one that misses a message must learn of it.
type queue struct {
	blocks  [][]byte
	size    int  // bytes in all blocks
	lent    int  // how many of them may exceed the limit; see package loan
	writing bool // the first block belongs to the writer
	prefix  prefix
}

const blockSize = 64 << 10

var blocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

// add appends e, unless what waits would exceed limit by bytes that lend refuses. A message of any size is taken when
// nothing waits.
func (q *queue) add(e runtime.Envelope, limit int, lend func(bytes int) bool) error {
	prefix, err := q.prefix.of(&e)
	if err != nil {
		return err
	}
	m := encoding{Envelope: e}
	m.measure()
	room := len(prefix) + m.size + suffix
	if over := q.size + room - limit - q.lent; q.size > 0 && over > 0 {
		if !lend(over) {
			return errFull
		}
		q.lent += over
	}
	block := q.block(room)
	before := len(*block)
	b, err := m.appendTo(*block, prefix)
	if err != nil {
		return err
	}
	*block = b
	q.size += len(b) - before
	return nil
}

// block returns a block with room for that many bytes.
func (q *queue) block(room int) *[]byte {
	if last := len(q.blocks) - 1; last > 0 || last == 0 && !q.writing {
		if b := &q.blocks[last]; cap(*b)-len(*b) >= room {
			return b
		}
	}
	var b []byte
	if room <= blockSize {
		b = blocks.Get().(*[blockSize]byte)[:0]
	} else {
		b = make([]byte, 0, room)
	}
	q.blocks = append(q.blocks, b)
	return &q.blocks[len(q.blocks)-1]
}

// next returns the first block for writing, nil when there is none. It counts until it is done.
func (q *queue) next() []byte {
	if q.size == 0 {
		return nil
	}
	if len(q.blocks[0]) == 0 { // a message for it could not be encoded
		q.done()
	}
	q.writing = true
	return q.blocks[0]
}

// done gives back the first block.
func (q *queue) done() {
	b := q.blocks[0]
	q.size -= len(b)
	q.writing = false
	q.blocks[0] = nil
	if len(q.blocks) > 1 {
		q.blocks = q.blocks[1:] // there may be thousands
	} else {
		q.blocks = q.blocks[:0]
	}
	if cap(b) == blockSize {
		blocks.Put((*[blockSize]byte)(b[:blockSize]))
	}
}

// spare returns how much of what is lent the queue needs no more, which is then for the caller to repay.
func (q *queue) spare(limit int) int {
	spare := q.lent - min(q.lent, max(0, q.size-limit))
	q.lent -= spare
	return spare
}

// each calls f with every message of which a byte is left behind the first written bytes.
func (q *queue) each(written int, f func(runtime.Envelope)) {
	for _, b := range q.blocks {
		r := bytes.NewReader(b)
		lines := bufio.NewReader(r)
		var h head
		var body []byte
		for end := 0; end < len(b); {
			var err error
			if err = h.readHead(lines, len(b)); err == nil {
				body, err = readBody(lines, &h, body[:0], len(b), nil)
			}
			if err != nil {
				panic("libprocess: a queue holds what it can not read: " + err.Error())
			}
			end = len(b) - r.Len() - lines.Buffered()
			if end > written {
				f(h.sent(body))
			}
		}
		written = max(0, written-len(b))
	}
}

// sent is the message that a head of ours announces.
func (h *head) sent(body []byte) runtime.Envelope {
	to, _ := parseTarget(string(h.target))
	id, addr, _ := strings.Cut(string(h.from), "@")
	return runtime.Envelope{
		From: runtime.PID{ID: id, Addr: addr}, To: runtime.PID{ID: to.id}, Name: to.name,
		Body: append([]byte{}, body...), Cause: traceparent.Cause(h.cause),
	}
}
