package libprocess

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// badRequest is what is wrong with foreign bytes. It is answered with its status. If it is about where the request ends, it
// ends the connection; if the end is known, the connection goes on with the next request.
type badRequest struct {
	status int
	why    string
}

func (e *badRequest) Error() string { return e.why }

// Status implements [web.StatusError].
func (e *badRequest) Status() int { return e.status }

func bad(why string, args ...any) error {
	return &badRequest{http.StatusBadRequest, fmt.Sprintf(why, args...)}
}

// noLength is a body whose end is not told: there is none, in a request.
const noLength = -1

// head is the request line and the headers of one request. It points into the connection's buffers and is good until
// the next one is read.
type head struct {
	raw    []byte // all lines, without the empty one
	method []byte
	target []byte
	fields []byte // the header lines

	from      []byte // of Libprocess-From, or of a User-Agent that names a process; nil: not a message
	cause     []byte
	named     bool  // from is of Libprocess-From
	length    int64 // of the body, or noLength
	chunked   bool
	close     bool // the client wants the connection closed after the answer
	expecting bool // the client waits for 100 Continue before it sends the body
	gzip      bool // it takes a compressed answer
	old       bool // HTTP/1.0
	records   bool // the body is a row of records
	zipped    bool // the body is compressed

	refused error // why the request will not be served, though its end is known
}

// readHead reads up to the empty line. io.EOF means that there is no further request.
func (h *head) readHead(r *bufio.Reader, limit int) error {
	raw := h.raw[:0]
	for {
		start := len(raw)
		var err error
		if raw, err = appendLine(raw, r, limit); err != nil {
			h.raw = raw
			if err == io.EOF && len(raw) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if len(raw) > start {
			raw = append(raw, '\n')
			continue
		}
		if start > 0 { // before the request line, empty lines are to be forgiven
			break
		}
	}
	*h = head{raw: raw, length: noLength}
	return h.parse()
}

// appendLine appends one line without its end. The whole head may not exceed limit.
func appendLine(raw []byte, r *bufio.Reader, limit int) ([]byte, error) {
	start := len(raw)
	raw, err := appendRaw(raw, r, limit)
	if n := len(raw); err == nil && n > start && raw[n-1] == '\r' {
		raw = raw[:n-1]
	}
	return raw, err
}

// appendRaw is appendLine that leaves a carriage return.
func appendRaw(raw []byte, r *bufio.Reader, limit int) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(raw)+len(part) > limit {
			return raw, &badRequest{http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("more than %d bytes of headers", limit)}
		}
		raw = append(raw, part...)
		if err == nil {
			return raw[:len(raw)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return raw, err
		}
	}
}

// chunkLine reads a line of a chunk's framing, whose end is not a matter of taste: again waits for it.
func chunkLine(line []byte, r *bufio.Reader, limit int) ([]byte, error) {
	line, err := appendRaw(line, r, limit)
	if err != nil {
		return line, unexpected(err)
	}
	line, ok := bytes.CutSuffix(line, []byte{'\r'})
	if !ok {
		return line, bad("a chunk's line does not end in CRLF")
	}
	return line, nil
}

func (h *head) parse() error {
	line, fields, _ := bytes.Cut(h.raw, []byte{'\n'})
	h.fields = fields
	var version []byte
	var ok bool
	if h.method, line, ok = bytes.Cut(line, []byte{' '}); !ok || len(h.method) == 0 {
		return bad("the request line has no target")
	}
	if h.target, version, ok = bytes.Cut(line, []byte{' '}); !ok || len(h.target) == 0 {
		return bad("the request line has no version")
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.old, h.close = true, true
	default:
		return &badRequest{http.StatusHTTPVersionNotSupported, fmt.Sprintf("version %.20q is not HTTP/1.1", version)}
	}
	if bytes.IndexByte(h.raw, '\r') >= 0 || bytes.IndexByte(h.raw, 0) >= 0 {
		return bad("a carriage return or a NUL amid a line")
	}
	if err := h.eachField(h.field); err != nil {
		return err
	}
	return h.framing()
}

// framing refuses what two readers could cut into requests at different places.
func (h *head) framing() error {
	switch {
	case h.chunked && h.length != noLength:
		return bad("both Content-Length and Transfer-Encoding")
	case h.chunked && h.old:
		return bad("Transfer-Encoding in HTTP/1.0")
	}
	return nil
}

// eachField calls f with every header, its value trimmed.
func (h *head) eachField(f func(name, value []byte) error) error {
	for rest := h.fields; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || !isToken(name) {
			return bad("header %.40q has no name", line)
		}
		if err := f(name, bytes.TrimSpace(value)); err != nil {
			return err
		}
	}
	return nil
}

// field takes what the wire itself needs to know.
func (h *head) field(name, value []byte) error {
	switch {
	case is(name, "Libprocess-From"):
		if h.named && !bytes.Equal(h.from, value) {
			h.refuse(bad("two senders, %.40q and %.40q", h.from, value))
		}
		h.from, h.named = value, true
	case is(name, "User-Agent"):
		if pid, ok := bytes.CutPrefix(value, []byte("libprocess/")); ok && h.from == nil {
			h.from = pid
		}
	case is(name, causeHeader):
		if h.cause != nil {
			value = []byte{} // two causes are none
		}
		h.cause = value
	case is(name, "Content-Length"):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || h.length != noLength && h.length != int64(n) {
			return bad("Content-Length %.40q is not one number", value)
		}
		h.length = int64(n)
	case is(name, "Transfer-Encoding"):
		if !is(value, "chunked") || h.chunked {
			return &badRequest{http.StatusNotImplemented, fmt.Sprintf("transfer encoding %.40q is not chunked, once", value)}
		}
		h.chunked = true
	case is(name, "Connection"):
		h.connection(value)
	case is(name, "Expect"):
		h.expecting = is(value, "100-continue")
	case is(name, "Content-Type"):
		h.records = is(value, "application/recordio")
	case is(name, "Content-Encoding"):
		h.encoding(value)
	case is(name, "Accept-Encoding"):
		h.gzip = h.gzip || acceptsGzip(string(value))
	}
	return nil
}

// encoding takes the one that libprocess knows.
//
// Differs: others are refused, where libprocess takes the body as it is.
func (h *head) encoding(value []byte) {
	switch {
	case is(value, "gzip") && !h.zipped:
		h.zipped = true
	case !is(value, "identity"):
		h.refuse(&badRequest{http.StatusUnsupportedMediaType, fmt.Sprintf("content encoding %.40q is not gzip, once", value)})
	}
}

// refuse notes the first reason.
func (h *head) refuse(err error) {
	if h.refused == nil {
		h.refused = err
	}
}

// connection reads a list of options, of which others than these two are for somebody else.
func (h *head) connection(value []byte) {
	for option := range bytes.SplitSeq(value, []byte{','}) {
		switch option = bytes.TrimSpace(option); {
		case is(option, "close"):
			h.close = true
		case is(option, "keep-alive"):
			h.close = false
		}
	}
}

// acceptsGzip reads an Accept-Encoding: what it says of gzip, or else of *. Mesos: Request::acceptsEncoding.
func acceptsGzip(value string) bool {
	for _, coding := range [...]string{"gzip", "*"} {
		for item := range strings.SplitSeq(value, ",") {
			name, parameter, _ := strings.Cut(item, ";")
			if strings.EqualFold(strings.TrimSpace(name), coding) {
				q, ok := strings.CutPrefix(strings.ReplaceAll(parameter, " ", ""), "q=")
				weight, err := strconv.ParseFloat(q, 64)
				return !ok || err == nil && weight > 0
			}
		}
	}
	return false
}

// isToken reports whether b can be the name of a header.
func isToken(b []byte) bool {
	for _, c := range b {
		if !tokens[c] {
			return false
		}
	}
	return len(b) > 0
}

var tokens = func() (table [256]bool) {
	for c := range table {
		table[c] = c > ' ' && c < 0x7f && !strings.ContainsRune("\"(),/:;<=>?@[\\]{}", rune(c))
	}
	return table
}()

// is compares a header's name, or a token, in any case.
func is(b []byte, name string) bool { return len(b) == len(name) && strings.EqualFold(string(b), name) }

// message reports whether the request is a message between processes.
func (h *head) message() bool {
	return (h.named || h.from != nil) && string(h.method) == http.MethodPost
}

// header copies the fields for an actor's route.
func (h *head) header() http.Header {
	fields := http.Header{}
	h.eachField(func(name, value []byte) error { //nolint:errcheck // they have been read once
		key := textproto.CanonicalMIMEHeaderKey(string(name))
		fields[key] = append(fields[key], string(value))
		return nil
	})
	return fields
}

// beginChunk reads how long the next chunk is: 0, with all that follows the last.
func beginChunk(r *bufio.Reader) (int64, error) {
	var line [64]byte
	text, err := chunkLine(line[:0], r, 4<<10)
	if err != nil {
		return 0, err
	}
	size, err := chunkSize(text)
	if err == nil && size == 0 {
		err = skipTrailer(r)
	}
	return size, err
}

func endChunk(r *bufio.Reader) error {
	var line [64]byte
	end, err := chunkLine(line[:0], r, 16)
	if err == nil && len(end) > 0 {
		err = bad("a chunk is longer than it says")
	}
	return err
}

func chunkSize(text []byte) (int64, error) {
	text, _, _ = bytes.Cut(text, []byte{';'}) // extensions
	text = bytes.TrimSpace(text)
	size, err := strconv.ParseUint(string(text), 16, 63)
	if err != nil || size > math.MaxInt64/2 {
		return 0, bad("chunk size %.40q is not a hexadecimal number", text)
	}
	return int64(size), nil
}

func skipTrailer(r *bufio.Reader) error {
	var line [64]byte
	for range 64 {
		text, err := chunkLine(line[:0], r, 4<<10)
		if err != nil {
			return err
		}
		if len(text) == 0 {
			return nil
		}
	}
	return bad("more than 64 lines of trailer")
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
