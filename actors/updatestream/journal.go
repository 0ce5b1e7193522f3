package updatestream

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/runtime/disk"
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
// torn last record, as a crash leaves it, is skipped, and so are zeros up to the end, which some file systems show where
// a crash has kept a record from the medium. If a record has an impossible length or use returns an error, Scan returns
// an error and the length of the records before it.
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
		if len(rest) < 4+n || n == 0 && isZero(rest) {
			return length, nil
		}
		if err := use(rest[4 : 4+n]); err != nil {
			return length, fmt.Errorf("%w (the record at byte %d)", err, length)
		}
		length += 4 + n
	}
}

func isZero(bytes []byte) bool {
	for _, b := range bytes {
		if b != 0 {
			return false
		}
	}
	return true
}

// newLog returns the log in the file at path, or nil if path is empty. Mesos makes these files with the same permissions.
func newLog(path string) *disk.Log {
	if path == "" {
		return nil
	}
	return disk.NewLog(path, 0o644, func(content []byte) (int, error) {
		return Scan(content, func([]byte) error { return nil })
	})
}
