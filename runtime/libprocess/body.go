package libprocess

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// readBody reads the body that h announces. It allocates as the bytes arrive, not as they are promised.
func readBody(r *bufio.Reader, h *head, buffer []byte, limit int, b *budget) ([]byte, error) {
	switch {
	case h.chunked:
		return readChunks(r, buffer, limit, b)
	case h.length > 0:
		return readExactly(r, buffer, h.length, limit, b)
	}
	return buffer, nil
}

func tooLarge(limit int) error {
	return &badRequest{http.StatusRequestEntityTooLarge, fmt.Sprintf("more than %d bytes of body", limit)}
}

// step is how many bytes of a body are read at once.
const step = 64 << 10

func readExactly(r *bufio.Reader, buffer []byte, n int64, limit int, b *budget) ([]byte, error) {
	if n > int64(limit-len(buffer)) {
		return buffer, tooLarge(limit)
	}
	for n > 0 {
		start, part := len(buffer), int(min(n, step))
		if err := b.take(part); err != nil {
			return buffer, err
		}
		buffer = append(buffer, make([]byte, part)...)
		if _, err := io.ReadFull(r, buffer[start:]); err != nil {
			return buffer[:start], unexpected(err)
		}
		n -= int64(part)
	}
	return buffer, nil
}

func readChunks(r *bufio.Reader, buffer []byte, limit int, b *budget) ([]byte, error) {
	for {
		size, err := beginChunk(r)
		if err != nil || size == 0 {
			return buffer, err
		}
		if buffer, err = readExactly(r, buffer, size, limit, b); err != nil {
			return buffer, err
		}
		if err := endChunk(r); err != nil {
			return buffer, err
		}
	}
}

// gunzip decompresses a body, which may become as long as one that was not compressed. Mesos: StreamingRequestDecoder.
func gunzip(body []byte, limit int, b *budget) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, bad("the body is not compressed with gzip: %v", err)
	}
	var plain []byte
	part := make([]byte, 32<<10)
	for {
		n, err := z.Read(part)
		if len(plain)+n > limit {
			return nil, tooLarge(limit)
		}
		if full := b.take(n); full != nil {
			return nil, full
		}
		plain = append(plain, part[:n]...)
		switch {
		case err == io.EOF:
			return plain, nil
		case err != nil:
			return nil, bad("the body is not compressed with gzip: %v", err)
		}
	}
}

// What the values of a document in JSON take while it is decoded, in bytes: an object, and any other value.
const (
	perObject = 200
	perValue  = 64
)

// decoded returns what a body may take while it is decoded if it is JSON, in addition to its own length: about a hundred times
// that for one that consists of nothing but brackets.
func decoded(body []byte) int {
	text := bytes.TrimLeft(body, " \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return 0
	}
	return perObject*bytes.Count(text, []byte("{")) + perValue*(bytes.Count(text, []byte("["))+bytes.Count(text, []byte(",")))
}

// budget is what the body of one request holds of what all bodies together may take.
type budget struct {
	total  *atomic.Int64
	most   int64
	spared int // bytes that are not counted

	mu       sync.Mutex
	held     int64
	released bool
}

// budget returns that of a new request. It must be released.
func (w *Wire) budget() *budget {
	return &budget{total: &w.bodies, most: int64(w.options.MaxBodies)}
}

// take holds n bytes more, if there are as many left. A nil budget has no bound; one that was released holds nothing.
func (b *budget) take(n int) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.released {
		return nil
	}
	uncounted := min(n, b.spared)
	b.spared -= uncounted
	more := int64(n - uncounted)
	if more > 0 && b.total.Add(more) > b.most {
		b.total.Add(-more)
		return &badRequest{http.StatusServiceUnavailable, fmt.Sprintf("the bodies of all requests take more than %d bytes", b.most)}
	}
	b.held += more
	return nil
}

// takeDecoded holds what a body may take while it is decoded.
func (b *budget) takeDecoded(body []byte) error {
	n := decoded(body)
	if int64(n) > b.most {
		return &badRequest{http.StatusRequestEntityTooLarge, fmt.Sprintf("to decode the body takes more than %d bytes", b.most)}
	}
	return b.take(n)
}

// release gives all of it back.
func (b *budget) release() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total.Add(-b.held)
	b.held, b.released = 0, true
}
