package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"
)

// Records are changes of the disk that are made together: one after another, and the first that fails is the last. The
// zero value is none.
type Records struct{ changes []change }

// change is one of them.
type change struct {
	path string // what an error names
	make func(Disk) error
	// lists is the directory to be synced afterwards; empty: none.
	lists string
}

func (r *Records) add(path, lists string, make func(Disk) error) {
	r.changes = append(r.changes, change{path: path, lists: lists, make: make})
}

// Message records m at path, as [Encode] writes it. m must not change any more.
func (r *Records) Message(path string, m proto.Message) {
	r.add(path, filepath.Dir(path), func(d Disk) error {
		content, err := Encode(m)
		if err != nil {
			return err
		}
		return d.Replace(path, content)
	})
}

// Text records a string as it is.
func (r *Records) Text(path, content string) {
	r.add(path, filepath.Dir(path), func(d Disk) error { return d.Replace(path, []byte(content)) })
}

// Flag records a truth, as 1 or 0.
func (r *Records) Flag(path string, b bool) {
	text := "0"
	if b {
		text = "1"
	}
	r.Text(path, text)
}

// Directory makes a directory and those above it.
func (r *Records) Directory(path string) {
	r.add(path, filepath.Dir(path), func(d Disk) error { return d.MkdirAll(path) })
}

// Link makes name a symbolic link to target, in place of one that is there.
func (r *Records) Link(target, name string) {
	r.add(name, filepath.Dir(name), func(d Disk) error { return d.Link(target, name) })
}

// Remove deletes path with all below it.
func (r *Records) Remove(path string) {
	r.add(path, filepath.Dir(path), func(d Disk) error { return d.Remove(path) })
}

// Touch makes path look as if it had changed at that time, if it is there.
func (r *Records) Touch(path string, at time.Time) {
	r.add(path, "", func(d Disk) error {
		_ = d.Touch(path, at) // one that is gone need not be old
		return nil
	})
}

// Empty reports whether there is nothing to be changed.
func (r *Records) Empty() bool { return len(r.changes) == 0 }

// write makes the changes. It returns the directories that list what was changed.
func (r *Records) write(d Disk) (directories []string, err error) {
	for _, c := range r.changes {
		if err := c.make(d); err != nil {
			return directories, fmt.Errorf("checkpoint %s: %w", c.path, err)
		}
		if c.lists != "" {
			directories = append(directories, c.lists)
		}
	}
	return directories, nil
}

// ErrTorn is what reading a record fails with that ends too early.
var ErrTorn = errors.New("the file ends too early")

// Encode writes a message in the form of Mesos: its length in four bytes, little-endian, and itself.
func Encode(m proto.Message) ([]byte, error) {
	body, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...), nil
}

// Decode reads what [Encode] wrote.
func Decode(file []byte, m proto.Message) error {
	if len(file) < 4 {
		return ErrTorn
	}
	n := binary.LittleEndian.Uint32(file)
	if uint64(len(file)-4) < uint64(n) {
		return ErrTorn
	}
	if err := proto.Unmarshal(file[4:4+n], m); err != nil {
		return fmt.Errorf("Failed to deserialize message: %w", err)
	}
	return nil
}
