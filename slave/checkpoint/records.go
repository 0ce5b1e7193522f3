package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"meseta/actors/updatestream"
	"meseta/runtime/disk"
)

// The permissions of Mesos's files. Those that are first written under another name and then renamed are private.
const (
	private = 0o600
	public  = 0o644
)

// The permissions of Mesos's directories: the users of sandboxes, which have the same names, are not to read those of others.
const (
	ofRuns   = 0o750
	ofOthers = 0o755
)

// Records is a batch of changes of a work directory, in Mesos's format, for a [disk.Writer]. The zero value is empty.
type Records struct{ disk.Batch }

// Message writes m to path, encoded by [Encode]. m must not change any more.
func (r *Records) Message(path string, m proto.Message) {
	r.Replace(path, private, func() ([]byte, error) { return Encode(m) })
}

// Create is Message for a file that every agent takes for missing while it is empty, as a kill may leave it if it is new.
func (r *Records) Create(path string, m proto.Message) {
	r.Batch.Create(path, private, func() ([]byte, error) { return Encode(m) })
}

// Run makes the directory of checkpoints of a run, with that for ForkedPID.
func (r *Records) Run(dir Run) {
	r.Mkdir(string(dir), ofRuns)
	r.Mkdir(filepath.Dir(dir.ForkedPID()), ofOthers)
}

// Make makes the directory of checkpoints of a run, with that for ForkedPID, at once.
func (r Run) Make(on disk.Disk) error {
	for _, dir := range []struct {
		name string
		perm fs.FileMode
	}{{filepath.Dir(string(r)), ofOthers}, {string(r), ofRuns}, {filepath.Dir(r.ForkedPID()), ofOthers}} {
		if err := on.MkdirAll(dir.name, dir.perm); err != nil {
			return err
		}
	}
	return nil
}

// Messages writes a list of messages to path, each encoded by [Encode]. They must not change any more.
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

// Text writes a string to path.
func (r *Records) Text(path, content string) {
	r.Replace(path, private, func() ([]byte, error) { return []byte(content), nil })
}

// PID writes how to reach an executor. Every agent takes the file for missing while it is empty.
func (r *Records) PID(path, content string) {
	r.Batch.Create(path, private, func() ([]byte, error) { return []byte(content), nil })
}

// Flag writes a boolean to path, as 1 or 0.
func (r *Records) Flag(path string, b bool) {
	text := "0"
	if b {
		text = "1"
	}
	r.Text(path, text)
}

// Marker writes an empty file to path.
func (r *Records) Marker(path string) {
	r.Replace(path, public, func() ([]byte, error) { return nil, nil })
}

// ErrTorn is the error for a record that is truncated.
var ErrTorn = errors.New("the file ends too early")

// Encode returns a message in Mesos's format: its length as four little-endian bytes, and its encoding.
func Encode(m proto.Message) ([]byte, error) { return updatestream.Encode(m) }

// Decode decodes the result of [Encode].
func Decode(file []byte, m proto.Message) error {
	_, err := decodeFirst(file, m)
	return err
}

// decodeFirst decodes the first record of a file and returns the rest.
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
