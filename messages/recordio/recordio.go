// Package recordio frames records in streams as Mesos's HTTP APIs do: the length in decimal digits, a newline, the
// record. An endless response, such as a scheduler's events, is a sequence of such records.
package recordio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
)

// Append appends record to b as a frame.
func Append(b, record []byte) []byte {
	b = strconv.AppendInt(b, int64(len(record)), 10)
	b = append(b, '\n')
	return append(b, record...)
}

// Collect returns a record that arrives in pieces as a frame, without the garbage of a growing buffer. It copies the
// pieces, each of which may be overwritten when the next one arrives.
func Collect(record iter.Seq[[]byte]) []byte {
	var pieces [][]byte
	length := 0
	for piece := range record {
		pieces, length = append(pieces, bytes.Clone(piece)), length+len(piece)
	}
	b := make([]byte, 0, maxDigits+1+length)
	b = strconv.AppendInt(b, int64(length), 10)
	b = append(b, '\n')
	for _, piece := range pieces {
		b = append(b, piece...)
	}
	return b
}

// maxDigits is the largest number of digits of a record's length, enough for 64 bits.
const maxDigits = 20

// The errors of a Decoder, possibly wrapped.
var (
	ErrTooLong = errors.New("record is longer than allowed")
	ErrHeader  = errors.New("record does not begin with its length and a newline")
)

// Decoder splits a stream that arrives in pieces into records. It must not be used after an error. The zero Decoder
// accepts records of any length; set Limit for streams from untrusted peers.
type Decoder struct {
	Limit int // the longest record allowed, in bytes; 0 means no limit

	header []byte // digits of the next record's length that have arrived
	body   []byte // bytes of the record that have arrived
	left   int    // bytes of the record still to come
	inBody bool
	err    error
}

// Write decodes the next piece of the stream and calls record for each record that it completes, in order. The callee
// may keep the record.
func (d *Decoder) Write(piece []byte, record func([]byte)) error {
	for len(piece) > 0 && d.err == nil {
		if d.inBody {
			piece = d.takeBody(piece)
		} else {
			piece, d.err = d.takeHeader(piece)
		}
		if d.inBody && d.left == 0 {
			record(d.body)
			d.body, d.inBody = nil, false
		}
	}
	return d.err
}

// Partial reports whether the stream is in the middle of a record, so that its end here would be an error.
func (d *Decoder) Partial() bool { return d.inBody || len(d.header) > 0 }

func (d *Decoder) takeHeader(piece []byte) (rest []byte, err error) {
	for i, c := range piece {
		switch {
		case c == '\n':
			return piece[i+1:], d.begin()
		case c < '0' || c > '9' || len(d.header) == maxDigits:
			return nil, ErrHeader
		}
		d.header = append(d.header, c)
	}
	return nil, nil
}

// begin starts the record whose length has been read. It allocates no memory in advance, because the length is not to
// be trusted.
func (d *Decoder) begin() error {
	length, err := parseLength(d.header, d.Limit)
	d.header = d.header[:0]
	d.left, d.inBody, d.body = length, err == nil, []byte{}
	return err
}

func parseLength(digits []byte, limit int) (int, error) {
	length, err := strconv.Atoi(string(digits))
	switch {
	case len(digits) == 0:
		return 0, ErrHeader
	case err != nil:
		return 0, fmt.Errorf("%w: %s bytes", ErrTooLong, digits)
	case limit > 0 && length > limit:
		return 0, fmt.Errorf("%w: %d bytes of %d", ErrTooLong, length, limit)
	}
	return length, nil
}

func (d *Decoder) takeBody(piece []byte) (rest []byte) {
	n := min(d.left, len(piece))
	d.body = append(d.body, piece[:n]...)
	d.left -= n
	return piece[n:]
}

// Reader reads records from a blocking stream.
type Reader struct {
	from  *bufio.Reader
	limit int
}

// NewReader returns a Reader of records up to limit bytes long; 0 means of any length.
func NewReader(from io.Reader, limit int) *Reader {
	return &Reader{bufio.NewReader(from), limit}
}

// Next returns the next record, or io.EOF if the stream ended after one, or io.ErrUnexpectedEOF if it ended within one.
func (r *Reader) Next() ([]byte, error) {
	length, err := r.length()
	if err != nil {
		return nil, err
	}
	record, err := io.ReadAll(io.LimitReader(r.from, int64(length)))
	if err == nil && len(record) < length {
		err = io.ErrUnexpectedEOF
	}
	return record, err
}

func (r *Reader) length() (int, error) {
	var digits []byte
	for {
		c, err := r.from.ReadByte()
		switch {
		case err == io.EOF && len(digits) > 0:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case c == '\n':
			return parseLength(digits, r.limit)
		case c < '0' || c > '9' || len(digits) == maxDigits:
			return 0, ErrHeader
		}
		digits = append(digits, c)
	}
}
