package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/actors/updatestream"
	"meseta/runtime/disk"
)

// The permissions with which Mesos makes files: those that it writes beside their place and then renames are private.
const (
	private = 0o600
	public  = 0o644
)

// Records are changes of a work directory, to be given to a [disk.Writer]: a batch with the forms that Mesos gives its
// records. The zero value is none.
type Records struct{ disk.Batch }

// Message records m at path, as [Encode] writes it. m must not change any more.
func (r *Records) Message(path string, m proto.Message) {
	r.Replace(path, private, func() ([]byte, error) { return Encode(m) })
}

// Messages records a list of messages at path, each as [Encode] writes it. They must not change any more.
func Messages[M proto.Message](r *Records, path string, all []M) {
	r.Replace(path, private, func() ([]byte, error) {
		var content []byte
		for _, m := range all {
			one, err := Encode(m)
			if err != nil {
				return nil, err
			}
			content = append(content, one...)
		}
		return content, nil
	})
}

// Text records a string as it is.
func (r *Records) Text(path, content string) {
	r.Replace(path, private, func() ([]byte, error) { return []byte(content), nil })
}

// Flag records a truth, as 1 or 0.
func (r *Records) Flag(path string, b bool) {
	text := "0"
	if b {
		text = "1"
	}
	r.Text(path, text)
}

// Marker records that something is so, as an empty file.
func (r *Records) Marker(path string) {
	r.Replace(path, public, func() ([]byte, error) { return nil, nil })
}

// ErrTorn is what reading a record fails with that ends too early.
var ErrTorn = errors.New("the file ends too early")

// Encode writes a message in the form of Mesos: its length in four bytes, little-endian, and itself.
func Encode(m proto.Message) ([]byte, error) { return updatestream.Encode(m) }

// Decode reads what [Encode] wrote.
func Decode(file []byte, m proto.Message) error {
	_, err := decodeFirst(file, m)
	return err
}

// decodeFirst reads the first record of a file and returns what follows it.
func decodeFirst(file []byte, m proto.Message) (rest []byte, err error) {
	if len(file) < 4 {
		return nil, ErrTorn
	}
	n := binary.LittleEndian.Uint32(file)
	if uint64(len(file)-4) < uint64(n) {
		return nil, ErrTorn
	}
	if err := proto.Unmarshal(file[4:4+n], m); err != nil {
		return nil, fmt.Errorf("Failed to deserialize message: %w", err)
	}
	return file[4+n:], nil
}
