package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Log is a file to which records are added at the end, see [Batch.Append]. What a failed write or a crash has left
// behind its last record is cut off before the next is added, since a record behind it could not be found again. A Log
// is the only writer of its file.
type Log struct {
	name   string
	perm   fs.FileMode
	length int64 // bytes of records that are on the medium; unknownLength until they were counted
	own    bool  // they are, and so is the name of the file, since this log has seen to it
	scan   func(content []byte) (length int, err error)
}

const unknownLength = -1

// NewLog returns the log in a file that need not exist. scan returns how many bytes of a content are whole records; it
// is called off the actor's turn, before the first record is added to a file that exists. An error of scan keeps records
// from being added.
func NewLog(name string, perm fs.FileMode, scan func(content []byte) (length int, err error)) *Log {
	return &Log{name: name, perm: perm, length: unknownLength, scan: scan}
}

// Scanned tells l how many bytes of records its file has, if that is known already.
func (l *Log) Scanned(length int) { l.length = int64(length) }

// Name returns the name of the file; empty for a nil Log.
func (l *Log) Name() string {
	if l == nil {
		return ""
	}
	return l.name
}

// write opens the file and writes behind its last record. The result is not synced.
func (l *Log) write(d Disk, content []byte) (File, error) {
	f, err := d.OpenFile(l.name, os.O_CREATE|os.O_RDWR, l.perm)
	if err != nil {
		return nil, err
	}
	err = l.repair(f)
	if err == nil {
		_, err = f.WriteAt(content, l.length)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// entry returns what a journal keeps of content behind the last record.
func (l *Log) entry(d Disk, content []byte) (entry, error) {
	f, err := d.OpenFile(l.name, os.O_RDWR, l.perm)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.length, l.own = 0, false
	case err != nil:
		return entry{}, err
	default:
		size, err := f.Seek(0, io.SeekEnd)
		if err == nil {
			err = l.measure(f, size)
		}
		if err = errors.Join(err, l.inherit(f), f.Close()); err != nil {
			return entry{}, err
		}
	}
	return entry{kind: appendEntry, name: l.name, perm: l.perm, at: l.length, content: content}, nil
}

// inherit puts on the medium what this log has not written itself: the journal does not have it.
func (l *Log) inherit(f File) error {
	if l.own || l.length <= 0 {
		return nil
	}
	return f.Sync()
}

// repair cuts the file to its records, and puts on the medium what this log has not written itself. That is done before
// more is written: a record that survived a crash without what comes before it, or without the cut, would be lost behind
// a gap, or be followed by the rest of what was to be cut off.
func (l *Log) repair(f File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := l.measure(f, size); err != nil {
		return err
	}
	if size == l.length && (l.own || size == 0) {
		return nil
	}
	if size > l.length {
		if err := f.Truncate(l.length); err != nil {
			return err
		}
	}
	return f.Sync()
}

// measure determines where the next record belongs, in a file of size bytes.
func (l *Log) measure(f File, size int64) error {
	switch {
	case size == 0: // the file is new, or was removed in the meantime
		l.length, l.own = 0, false
	case size < l.length:
		return fmt.Errorf("%s has %d bytes of the %d that were written", l.name, size, l.length)
	case l.length == unknownLength:
		content := make([]byte, size)
		if _, err := f.ReadAt(content, 0); err != nil {
			return err
		}
		length, err := l.scan(content)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		l.length = int64(length)
	}
	return nil
}
