package updatestream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"
)

// maxRecord is the longest record, in bytes, that Scan accepts. No real update is that long.
const maxRecord = 64 << 20

// Encode returns record framed as Mesos frames it: its length in four little-endian bytes, followed by the message.
//
// Mesos: protobuf::write.
func Encode(record proto.Message) ([]byte, error) {
	framed, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 4), record)
	if err != nil {
		return nil, fmt.Errorf("encode update record: %w", err)
	}
	binary.LittleEndian.PutUint32(framed, uint32(len(framed)-4))
	return framed, nil
}

// Scan calls use for each record of a file, in order, and returns the number of bytes that the whole records take. A
// torn last record, as a crash leaves it, is skipped. If a record has an impossible length or use returns an error,
// Scan returns an error and the length of the records before it.
func Scan(file []byte, use func(record []byte) error) (length int, err error) {
	for {
		rest := file[length:]
		if len(rest) < 4 {
			return length, nil
		}
		n := int(binary.LittleEndian.Uint32(rest))
		if n > maxRecord {
			return length, fmt.Errorf("update record at byte %d claims %d bytes", length, n)
		}
		if len(rest) < 4+n {
			return length, nil
		}
		if err := use(rest[4 : 4+n]); err != nil {
			return length, fmt.Errorf("update record at byte %d: %w", length, err)
		}
		length += 4 + n
	}
}

// File is the part of a file that Streams needs. [os.File] implements it.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Seeker
	Truncate(size int64) error
	Close() error
}

// OpenFile opens the file at path for reading and writing. It creates the file and its parent directories if they do
// not exist.
func OpenFile(path string) (File, error) {
	const flags, mode = os.O_CREATE | os.O_RDWR, 0o644
	f, err := os.OpenFile(path, flags, mode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(path, flags, mode)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// journal is a file of records. Only one goroutine may use it at a time.
type journal struct {
	path   string // empty: nothing is written
	length int64  // bytes of confirmed records; unknownLength until measured
}

const unknownLength = -1

// append writes a framed record after the confirmed ones. Anything behind those, such as the beginning of a record
// left by a failed write or a crash, is truncated first, because a record behind it could never be found again.
func (j *journal) append(open func(string) (File, error), record []byte) (err error) {
	f, err := open(j.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := j.measure(f, size); err != nil {
		return err
	}
	if size > j.length {
		if err := f.Truncate(j.length); err != nil {
			return err
		}
	}
	if _, err := f.WriteAt(record, j.length); err != nil {
		return err
	}
	j.length += int64(len(record))
	return nil
}

// measure determines the offset at which the next record belongs, in a file of size bytes.
func (j *journal) measure(f File, size int64) error {
	switch {
	case size == 0: // the file is new, or was removed in the meantime
		j.length = 0
	case size < j.length:
		return fmt.Errorf("%s has %d bytes of the %d that were written", j.path, size, j.length)
	case j.length == unknownLength:
		content := make([]byte, size)
		if _, err := f.ReadAt(content, 0); err != nil {
			return err
		}
		length, err := Scan(content, func([]byte) error { return nil })
		if err != nil {
			return fmt.Errorf("%s: %w", j.path, err)
		}
		j.length = int64(length)
	}
	return nil
}
