package disk

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// entry is a change in the form in which a journal keeps it. Making it again, after it and others behind it were made,
// followed by those others, changes nothing.
type entry struct {
	kind    entryKind
	name    string
	perm    fs.FileMode
	at      int64  // of an appendEntry: where the content belongs; of a touchEntry: nanoseconds since 1970
	content []byte // of a linkEntry: the target; of a bootEntry: the boot
	create  bool   // a replaceEntry that may make its file in its place; not in the journal
}

type entryKind byte

const (
	replaceEntry entryKind = 'r'
	appendEntry  entryKind = 'a'
	mkdirEntry   entryKind = 'd'
	linkEntry    entryKind = 'l'
	touchEntry   entryKind = 't'
	bootEntry    entryKind = 'b' // no change: names the boot in which those behind it were made
	fileEntry    entryKind = 's' // a file that is changed without being in the journal
	listEntry    entryKind = 'm' // a directory that is
)

var errEntry = errors.New("not an entry of a journal")

// below returns the entry with a name that is relative to root, which may be moved before the journal is read.
func (e entry) below(root string) entry {
	if name, ok := strings.CutPrefix(e.name, root+string(filepath.Separator)); ok {
		e.name = name
	}
	return e
}

// in is the reverse of below.
func (e entry) in(root string) entry {
	if !filepath.IsAbs(e.name) {
		e.name = filepath.Join(root, e.name)
	}
	return e
}

// encode appends an entry to the content of a record.
func (e entry) encode(to []byte) []byte {
	to = append(to, byte(e.kind))
	to = binary.AppendUvarint(to, uint64(e.perm))
	to = binary.AppendVarint(to, e.at)
	to = append(binary.AppendUvarint(to, uint64(len(e.name))), e.name...)
	return append(binary.AppendUvarint(to, uint64(len(e.content))), e.content...)
}

// decodeEntry decodes the first entry of a record, and returns the rest.
func decodeEntry(record []byte) (e entry, rest []byte, err error) {
	if len(record) == 0 {
		return e, nil, errEntry
	}
	e.kind, rest = entryKind(record[0]), record[1:]
	perm, n := binary.Uvarint(rest)
	if n <= 0 {
		return e, nil, errEntry
	}
	e.perm, rest = fs.FileMode(perm), rest[n:]
	if e.at, n = binary.Varint(rest); n <= 0 {
		return e, nil, errEntry
	}
	name, rest, ok := field(rest[n:])
	if !ok {
		return e, nil, errEntry
	}
	e.name = string(name)
	if e.content, rest, ok = field(rest); !ok {
		return e, nil, errEntry
	}
	return e, rest, nil
}

func field(from []byte) (content, rest []byte, ok bool) {
	size, n := binary.Uvarint(from)
	if n <= 0 || size > uint64(len(from)-n) {
		return nil, nil, false
	}
	end := n + int(size)
	return from[n:end:end], from[end:], true
}

// make makes the change. Nothing of it is synced.
func (e entry) make(d Disk) error {
	switch e.kind {
	case mkdirEntry:
		return e.mkdir(d)
	case fileEntry, listEntry:
		return nil
	case touchEntry:
		at := time.Unix(0, e.at)
		_ = d.Chtimes(e.name, at, at) // what is gone need not be old
		return nil
	case appendEntry:
		return e.add(d)
	case replaceEntry, linkEntry:
		if err := e.furnish(d); err != nil {
			return err
		}
		if e.kind == linkEntry {
			return Link(d, string(e.content), e.name)
		}
		return e.replace(d)
	}
	return errEntry
}

// furnish makes the directory of a change that is made by way of a journal, or the one that it is about.
func (e entry) furnish(d Disk) error {
	switch e.kind {
	case mkdirEntry:
		return e.mkdir(d)
	case appendEntry:
		if e.at > 0 { // it was deleted if it does not exist
			return nil
		}
		fallthrough
	case replaceEntry, linkEntry:
		return d.MkdirAll(filepath.Dir(e.name), usual)
	}
	return nil
}

// mkdir makes a directory. Entries of earlier versions have no permissions.
func (e entry) mkdir(d Disk) error {
	err := d.MkdirAll(filepath.Dir(e.name), usual)
	if err == nil {
		err = d.MkdirAll(e.name, cmp.Or(e.perm, usual))
	}
	return err
}

func (e entry) replace(d Disk) error {
	if e.create {
		if err := Put(d, e.name, e.content, e.perm); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	fresh := freshName(e.name)
	f, err := create(d, fresh, e.content, e.perm)
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = d.Rename(fresh, e.name)
	}
	if err != nil {
		_ = d.Remove(fresh) // it may not have been made
	}
	return err
}

// add puts records behind others. A file without those was deleted after it was written. Where they are already, what is
// behind them stays: an agent without a journal may have written it since.
func (e entry) add(d Disk) error {
	if _, err := d.Lstat(e.name); e.at > 0 && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.MkdirAll(filepath.Dir(e.name), usual); err != nil {
		return err
	}
	f, err := d.OpenFile(e.name, os.O_CREATE|os.O_RDWR, e.perm)
	if err != nil {
		return err
	}
	if e.isIn(f) {
		return f.Close()
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size > e.at {
		err = f.Truncate(e.at)
	}
	if err == nil && len(e.content) > 0 {
		_, err = f.WriteAt(e.content, e.at)
	}
	return errors.Join(err, f.Close())
}

// outlived reports whether the entry replaces a file or link that was changed long after the journal was, which a writer does at once.
func (e entry) outlived(d Disk, written time.Time) bool {
	if e.kind != replaceEntry && e.kind != linkEntry {
		return false
	}
	about, err := d.Lstat(e.name)
	return err == nil && about.ModTime().After(written.Add(settleAfter))
}

// isIn reports whether a file has the content where it belongs.
func (e entry) isIn(f File) bool {
	there := make([]byte, len(e.content))
	n, _ := f.ReadAt(there, e.at)
	return n == len(there) && n > 0 && bytes.Equal(there, e.content)
}

// touches calls use for every name that has to be synced for the change to be on the medium: the file, if it has
// content, and the directories that may list something new, up to root or to one for which use returns false.
func (e entry) touches(root string, use func(name string, directory bool) (goOn bool)) {
	switch e.kind {
	case touchEntry:
		return
	case replaceEntry, appendEntry, fileEntry:
		use(e.name, false)
	case mkdirEntry, listEntry:
		use(e.name, true)
	}
	for dir := filepath.Dir(e.name); len(dir) >= len(root); dir = filepath.Dir(dir) {
		if !use(dir, true) || dir == root {
			return
		}
	}
}
