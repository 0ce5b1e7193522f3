package sim

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"slices"
	"time"
)

// inode is a file, a directory or a symbolic link, as the machine shows it and as it is on the medium.
type inode struct {
	mode    fs.FileMode
	changed time.Time

	content []byte
	safe    []byte  // the content on the medium
	writes  []write // what content has and safe has not, in order

	entries map[string]*inode
	listed  map[string]*inode // the entries on the medium
	changes []listing         // what entries has and listed has not, in order

	target string // of a symbolic link
}

// write is a change of a file's content. It may reach the medium whole, in part, or not at all.
type write struct {
	offset   int64
	data     []byte
	truncate bool // to offset
}

// listing is a change of a directory: names that are removed (nil) or point elsewhere. It is atomic.
type listing map[string]*inode

func newDirectory(perm fs.FileMode, now time.Time) *inode {
	return &inode{mode: fs.ModeDir | perm.Perm(), changed: now, entries: map[string]*inode{}, listed: map[string]*inode{}}
}

// change makes a change of a file's content.
func (f *inode) change(w write) {
	f.content = w.apply(f.content)
	f.writes = append(f.writes, w)
}

func (w write) apply(content []byte) []byte {
	end := w.offset + int64(len(w.data))
	if w.truncate && int64(len(content)) > end {
		content = content[:end]
	}
	if grow := end - int64(len(content)); grow > 0 {
		content = append(content, make([]byte, grow)...)
	}
	copy(content[w.offset:], w.data)
	return content
}

// sync puts a file's content on the medium.
func (f *inode) sync() {
	f.safe, f.writes = bytes.Clone(f.content), nil
}

// list makes a change of a directory.
func (f *inode) list(l listing) {
	l.apply(f.entries)
	f.changes = append(f.changes, l)
}

func (l listing) apply(entries map[string]*inode) {
	for name, to := range l {
		if to == nil {
			delete(entries, name)
		} else {
			entries[name] = to
		}
	}
}

// syncList puts what a directory lists on the medium.
func (f *inode) syncList() {
	for _, l := range f.changes {
		l.apply(f.listed)
	}
	f.changes = nil
}

// crash leaves of f what is on the medium, and of what is not synced as much as chance will have it: a directory some of
// its first changes, a file any of its writes, each whole or in part.
func (f *inode) crash(chance *rand.Rand) {
	if f.entries == nil {
		f.content = f.safe
		for _, w := range f.writes {
			f.content = w.survivor(chance).apply(f.content)
		}
		f.sync()
		return
	}
	f.changes = f.changes[:chance.IntN(len(f.changes)+1)]
	f.syncList()
	f.entries = map[string]*inode{}
	for _, name := range f.names(f.listed) {
		f.entries[name] = f.listed[name]
		f.entries[name].crash(chance)
	}
}

// survivor is what of w reaches the medium.
func (w write) survivor(chance *rand.Rand) write {
	switch chance.IntN(3) {
	case 0:
		return write{} // nothing
	case 1:
		w.data = w.data[:chance.IntN(len(w.data)+1)]
		w.truncate = false
	}
	return w
}

// names returns the names in a directory, sorted.
func (f *inode) names(entries map[string]*inode) []string {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// size counts the bytes in f and below.
func (f *inode) size() int64 {
	total := int64(len(f.content))
	for _, below := range f.entries {
		total += below.size()
	}
	return total
}
