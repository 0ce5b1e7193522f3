package disk

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A journal keeps changes on the medium before they are made: one sync of one file for all changes of a group, where the
// files and directories themselves would take one each. Those are synced later, many together, and then the journal is
// removed. What a crash has kept from the medium in between, [Recover] makes again.
//
// The journal is a row of segments, files that are written one after the other.
type journal struct {
	disk    Disk
	root    string
	number  uint64     // of the latest segment
	current *segment   // nil: the next record begins one
	old     []*segment // to be settled, the oldest first
}

// segment is a file of a journal: a row of records, each the changes of one group.
type segment struct {
	name     string
	file     File
	length   int64
	reserved int64           // up to where the file has records or zeros
	dirty    map[string]bool // the names that are to be synced before the segment may go; true: directories
	ahead    bool            // it has changes that are not synced, and is on the medium itself

	settling sync.Mutex // held while the segment is settled
}

// prefix begins the names of segments, which are in the root of the disk's part that a writer changes.
const prefix = ".journal-"

// maxSegment is the size in bytes from which on a segment is to be settled.
const maxSegment = 4 << 20

// reserve is how many bytes of zeros are written at a time.
const reserve = 64 << 10

// header is what is before the content of a record: its length and its checksum.
const header = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// add puts a record on the medium.
func (j *journal) add(content []byte) error {
	if err := j.write(content); err != nil {
		return err
	}
	if err := syncData(j.current.file); err != nil {
		return err
	}
	if !j.current.ahead {
		if err := j.disk.SyncDir(j.root); err != nil {
			return err
		}
		j.current.ahead = true
	}
	return nil
}

// mark notes what will be changed and synced without being in the journal. If the node ends in between, the next one
// sees the changes, and has to put them on the medium before it relies on them. The mark itself need not be there: it is
// lost only together with them.
func (j *journal) mark(all []Batch) error {
	var record []byte
	for _, b := range all {
		for _, ch := range b.changes {
			if e, changes := ch.mark(); changes {
				record = e.below(j.root).encode(record)
			}
		}
	}
	if len(record) == 0 {
		return nil
	}
	return j.write(record)
}

// write writes a record, which is not synced.
func (j *journal) write(content []byte) error {
	if j.current == nil {
		if err := j.begin(); err != nil {
			return err
		}
	}
	return j.current.write(content)
}

// isAhead reports whether the journal has changes that are not synced.
func (j *journal) isAhead() bool { return len(j.old) > 0 || j.current != nil && j.current.ahead }

// write writes a record behind the others.
func (s *segment) write(content []byte) error {
	record := make([]byte, header, header+len(content))
	binary.LittleEndian.PutUint32(record, uint32(len(content)))
	binary.LittleEndian.PutUint32(record[4:], crc32.Checksum(content, castagnoli))
	record = append(record, content...)
	if _, err := s.file.WriteAt(record, s.length); err != nil {
		return err
	}
	s.length += int64(len(record))
	s.reserve()
	return nil
}

// reserve writes zeros behind the records, unless there are some. While records are written over them, a sync of the file
// need not write what the file system knows of it, its size and its places on the medium, which takes as long again, and holds
// up those who make files meanwhile. Without them the journal is merely slower.
func (s *segment) reserve() {
	if s.length < s.reserved {
		return
	}
	if _, err := s.file.WriteAt(make([]byte, reserve), s.length); err != nil {
		_ = s.file.Truncate(s.length) // the disk is full; others may need what is left
		return
	}
	s.reserved = s.length + reserve
}

// begin begins a segment, behind those that others may have left.
func (j *journal) begin() error {
	if j.number == 0 {
		names, err := segments(j.disk, j.root)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			j.number = numberOf(names[len(names)-1])
		}
	}
	j.number++
	s := &segment{name: filepath.Join(j.root, prefix+strconv.FormatUint(j.number, 10)), dirty: map[string]bool{}}
	var err error
	if s.file, err = j.disk.OpenFile(s.name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := s.write(entry{kind: bootEntry, content: []byte(j.disk.Boot())}.encode(nil)); err != nil {
		return errors.Join(err, s.file.Close(), j.disk.Remove(s.name))
	}
	j.current = s
	return nil
}

// note notes what an entry has changed, so that it will be synced.
func (s *segment) note(root string, e entry) {
	e.touches(root, func(name string, directory bool) bool {
		known := s.dirty[name]
		s.dirty[name] = directory
		return !known // those above it are known, too
	})
}

// rotate has the next record begin a segment, and returns those before it.
func (j *journal) rotate() []*segment {
	if j.current != nil {
		j.old = append(j.old, j.current)
		j.current = nil
	}
	return slices.Clone(j.old)
}

// settled forgets segments that were settled.
func (j *journal) settled(all []*segment) {
	j.old = slices.DeleteFunc(j.old, func(s *segment) bool { return slices.Contains(all, s) })
}

// settle syncs what the records of segments have changed, and removes these. It returns those with which it succeeded.
func settle(d Disk, all []*segment) (done []*segment, err error) {
	for _, s := range all {
		if err := s.settle(d); err != nil {
			return done, err
		}
		done = append(done, s)
	}
	return done, nil
}

// settle may be called more than once, also at the same time.
func (s *segment) settle(d Disk) error {
	s.settling.Lock()
	defer s.settling.Unlock()
	if s.file == nil {
		return nil
	}
	if err := syncNames(d, s.dirty); err != nil {
		return err
	}
	if err := d.Remove(s.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.SyncDir(filepath.Dir(s.name)); err != nil {
		return err
	}
	_ = s.file.Close() // nobody needs it any more
	s.file = nil
	return nil
}

// rows returns all segments, the oldest first.
func (j *journal) rows() []*segment {
	if j.current == nil {
		return j.old
	}
	return append(slices.Clone(j.old), j.current)
}

// syncNames syncs files and directories, as far as they still exist.
func syncNames(d Disk, names map[string]bool) error {
	if all, ok := d.(interface {
		syncMany(map[string]bool) (bool, error)
	}); ok {
		if done, err := all.syncMany(names); done {
			return err
		}
	}
	sorted := slices.Sorted(maps.Keys(names))
	errs := make([]error, len(sorted))
	together(d, len(sorted), func(i int) { errs[i] = syncName(d, sorted[i], names[sorted[i]]) })
	return errors.Join(errs...)
}

func syncName(d Disk, name string, directory bool) error {
	if directory {
		return syncDirectory(d, name)
	}
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// segments returns the names of the segments in root, the oldest first.
func segments(d Disk, root string) ([]string, error) {
	entries, err := d.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && numberOf(e.Name()) > 0 {
			names = append(names, filepath.Join(root, e.Name()))
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(numberOf(a), numberOf(b)) })
	return names, nil
}

// numberOf returns the number of a segment, or 0 if name is none of a segment.
func numberOf(name string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(filepath.Base(name), prefix), 10, 64)
	return n
}

// Recover puts on the medium the changes below root that a journaled [Writer] has left in its journal, because its node or
// its machine crashed. It has to be called before anything below root is read, and before such a writer is used again.
// Changes of which the writer had said that they are on the medium are there afterwards. They are made again only if the
// machine has crashed: while it has not, see [Disk.Boot], they are still there, and what else was changed after them stays.
func Recover(d Disk, root string) error {
	names, err := segments(d, root)
	if err != nil || len(names) == 0 {
		return err
	}
	all := &segment{dirty: map[string]bool{}}
	for _, name := range names {
		if err := replay(d, root, name, all); err != nil {
			return fmt.Errorf("make the changes in %s: %w", name, err)
		}
	}
	if err := syncNames(d, all.dirty); err != nil {
		return err
	}
	for _, name := range names {
		if err := d.Remove(name); err != nil {
			return err
		}
	}
	return d.SyncDir(root)
}

// replay makes the changes in a segment that an earlier boot has left, up to the first record that is not whole, which nobody
// was promised. It leaves files alone that somebody else has replaced long after: an agent of Mesos, which knows nothing of
// journals.
func replay(d Disk, root, name string, all *segment) error {
	about, err := d.Lstat(name)
	if err != nil {
		return err
	}
	content, err := ReadFile(d, name)
	if err != nil {
		return err
	}
	made := false
	return eachEntry(content, func(e entry) error {
		if e.kind == bootEntry {
			made = len(e.content) > 0 && string(e.content) == d.Boot()
			return nil
		}
		if e = e.in(root); !made {
			if e.outlived(d, about.ModTime()) {
				return nil
			}
			if err := e.make(d); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
		}
		all.note(root, e)
		return nil
	})
}

// eachEntry calls do for the entries of whole records, up to the first error.
func eachEntry(content []byte, do func(entry) error) error {
	for {
		var record []byte
		if record, content = wholeRecord(content); record == nil {
			return nil
		}
		for len(record) > 0 {
			var e entry
			var err error
			if e, record, err = decodeEntry(record); err != nil {
				return err
			}
			if err := do(e); err != nil {
				return err
			}
		}
	}
}

// wholeRecord returns the content of the first record and the rest, or nil if the first record is torn.
func wholeRecord(from []byte) (record, rest []byte) {
	if len(from) < header {
		return nil, nil
	}
	n := uint64(binary.LittleEndian.Uint32(from))
	if n == 0 || n > uint64(len(from)-header) {
		return nil, nil
	}
	record, rest = from[header:header+n], from[header+n:]
	if crc32.Checksum(record, castagnoli) != binary.LittleEndian.Uint32(from[4:]) {
		return nil, nil
	}
	return record, rest
}
