package recordio_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"

	"meseta/messages/recordio"
)

func TestAFrameIsLengthNewlineRecord(t *testing.T) {
	t.Parallel()
	got := recordio.Append([]byte("x"), []byte("hello"))
	if got := recordio.Append(got, nil); string(got) != "x5\nhello0\n" {
		t.Errorf("got %q", got)
	}
}

func TestARecordInPiecesIsOneFrame(t *testing.T) {
	t.Parallel()
	for want, record := range map[string][]string{"0\n": nil, "3\nabc": {"abc"}, "6\nabcdef": {"ab", "", "cdef"}} {
		frame := recordio.Collect(func(yield func([]byte) bool) {
			var reused []byte
			for _, piece := range record {
				if reused = append(reused[:0], piece...); !yield(reused) {
					return
				}
			}
		})
		if got := string(frame); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRecordsSurviveAnyCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 40)).Draw(t, "records")
		var stream []byte
		for _, record := range records {
			stream = recordio.Append(stream, record)
		}
		var got [][]byte
		var d recordio.Decoder
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			if err := d.Write(rest[:n], func(record []byte) { got = append(got, record) }); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if d.Partial() || !equal(got, records) {
			t.Fatalf("got %q, want %q", got, records)
		}
		if read, err := readAll(stream, 0); err != io.EOF || !equal(read, records) {
			t.Fatalf("read %q, %v", read, err)
		}
	})
}

func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func readAll(stream []byte, limit int) (records [][]byte, err error) {
	for r := recordio.NewReader(bytes.NewReader(stream), limit); ; {
		record, err := r.Next()
		if err != nil {
			return records, err
		}
		records = append(records, record)
	}
}

func TestWhatIsNoFrameIsRefused(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string]error{
		"5x\nhello":                recordio.ErrHeader,
		"\n":                       recordio.ErrHeader,
		"-1\n":                     recordio.ErrHeader,
		"000000000000000000001\nx": recordio.ErrHeader,
		"99999999999999999999\n":   recordio.ErrTooLong,
		"11\nhello world":          recordio.ErrTooLong,
	} {
		d := recordio.Decoder{Limit: 10}
		err := d.Write([]byte(stream), func(record []byte) { t.Errorf("%q gives %q", stream, record) })
		if !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", stream, err, want)
		}
		if again := d.Write([]byte("1\nx"), func([]byte) {}); again != err {
			t.Errorf("%q: the decoder went on: %v", stream, again)
		}
		if _, err := readAll([]byte(stream), 10); !errors.Is(err, want) {
			t.Errorf("%q: read %v, want %v", stream, err, want)
		}
	}
}

func TestAStreamMayNotEndWithinARecord(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"5", "5\n", "5\nhell"} {
		var d recordio.Decoder
		if err := d.Write([]byte(stream), func([]byte) {}); err != nil || !d.Partial() {
			t.Errorf("%q: partial %v, %v", stream, d.Partial(), err)
		}
		if _, err := readAll([]byte(stream), 0); err != io.ErrUnexpectedEOF {
			t.Errorf("%q: read %v", stream, err)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte("5\nhello0\n3\nabc"))
	f.Add([]byte("9223372036854775807\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var whole, pieces [][]byte
		one, many := recordio.Decoder{Limit: 100}, recordio.Decoder{Limit: 100}
		err := one.Write(stream, func(record []byte) { whole = append(whole, record) })
		var last error
		for i := range stream {
			last = many.Write(stream[i:i+1], func(record []byte) { pieces = append(pieces, record) })
		}
		if (err == nil) != (last == nil) || !equal(whole, pieces) {
			t.Fatalf("whole %q, %v; in pieces %q, %v", whole, err, pieces, last)
		}
	})
}
