package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// Batch is a list of changes of a disk. A [Writer] makes them in order, and makes none after one that fails. The zero
// Batch has no changes.
type Batch struct{ changes []change }

// change is a change of one name. It is made in two steps, between which the files of a whole group are synced.
type change struct {
	name string
	// prepare writes a file and returns it, to be synced and closed before apply; nil: there is nothing to write.
	prepare func(Disk) (File, error)
	// apply makes the change visible; nil: prepare did.
	apply func(Disk) error
	// undo removes what prepare made, if apply is not called or fails; nil: nothing.
	undo func(Disk)
	// done is called when the change is on the medium; nil: nothing.
	done func()
	// directory has to exist before prepare; empty: it need not.
	directory string
	perm      fs.FileMode // of directory; 0: the usual ones
	// lists is the directory whose list changes; empty: none.
	lists string
	// listed reports, after prepare, that the directory lists the name on the medium already; nil: it does not.
	listed func() bool
	// alone keeps the change out of groups, since other changes may depend on when it is made.
	alone bool
	// entry returns what a journal keeps of the change; nil: it is not made by way of a journal.
	entry func(Disk) (entry, error)
}

// mark returns an entry that says what the change has to have synced, if it is not made by way of a journal.
func (ch change) mark() (e entry, changes bool) {
	switch {
	case ch.prepare != nil:
		return entry{kind: fileEntry, name: ch.name}, true
	case ch.lists != "":
		return entry{kind: listEntry, name: ch.lists}, true
	case ch.directory != "":
		return entry{kind: listEntry, name: ch.directory}, true
	}
	return entry{}, false
}

// Empty reports whether b has no changes.
func (b *Batch) Empty() bool { return len(b.changes) == 0 }

// plain reports whether all changes of b can be made by way of a journal. Those that remove something cannot: made again,
// they might remove what came after them.
func (b *Batch) plain() bool {
	return !slices.ContainsFunc(b.changes, func(c change) bool { return c.entry == nil })
}

// Make makes the changes of b at once, which may only be of files and directories that are made. A process that begins later
// sees them; nothing is synced, so that a machine which crashes may lose or tear them. Make blocks.
func (b *Batch) Make(d Disk) error {
	for _, c := range b.changes {
		e, err := c.entry(d)
		if err == nil {
			err = e.make(d)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", c.name, err)
		}
	}
	return nil
}

// Names returns the names that b changes, in order.
func (b *Batch) Names() []string {
	names := make([]string, 0, len(b.changes))
	for _, c := range b.changes {
		names = append(names, c.name)
	}
	return names
}

// Replace makes name a file in place of one that is there, as the function [Replace] does. The directory is made if it
// does not exist. content is called off the actor's turn.
func (b *Batch) Replace(name string, perm fs.FileMode, content func() ([]byte, error)) {
	fresh := freshName(name)
	b.changes = append(b.changes, change{
		name: name, directory: filepath.Dir(name), lists: filepath.Dir(name),
		prepare: func(d Disk) (File, error) {
			bytes, err := content()
			if err != nil {
				return nil, err
			}
			return create(d, fresh, bytes, perm)
		},
		apply: func(d Disk) error { return d.Rename(fresh, name) },
		undo:  func(d Disk) { _ = d.Remove(fresh) },
		entry: func(Disk) (entry, error) {
			bytes, err := content()
			return entry{kind: replaceEntry, name: name, perm: perm, content: bytes}, err
		},
	})
}

// Create is Replace for a file that those who read it take for missing while it is empty. One that is new is made in its
// place, without another name before, which takes fewer system calls: a process that is killed in between leaves it empty.
func (b *Batch) Create(name string, perm fs.FileMode, content func() ([]byte, error)) {
	b.Replace(name, perm, content)
	last := &b.changes[len(b.changes)-1]
	replaced := last.entry
	last.entry = func(d Disk) (entry, error) {
		e, err := replaced(d)
		e.create = true
		return e, err
	}
}

// Append adds records to l, whose directory is made if it does not exist. content is called off the actor's turn. No
// other change of l may be under way.
func (b *Batch) Append(l *Log, content func() ([]byte, error)) {
	dir := filepath.Dir(l.name)
	added := 0
	b.changes = append(b.changes, change{
		name: l.name, directory: dir, lists: dir,
		prepare: func(d Disk) (File, error) {
			bytes, err := content()
			if err != nil {
				return nil, err
			}
			added = len(bytes)
			return l.write(d, bytes)
		},
		listed: func() bool { return l.own },
		done:   func() { l.length, l.own = l.length+int64(added), true },
		entry: func(d Disk) (entry, error) {
			bytes, err := content()
			if err != nil {
				return entry{}, err
			}
			added = len(bytes)
			return l.entry(d, bytes)
		},
	})
}

// Mkdir makes a directory with these permissions. Those above it that do not exist get the usual ones.
func (b *Batch) Mkdir(name string, perm fs.FileMode) {
	e := entry{kind: mkdirEntry, name: name, perm: perm}
	b.changes = append(b.changes, change{name: name, directory: name, perm: perm, entry: always(e)})
}

// Link makes name a symbolic link to target in place of one that is there, as the function [Link] does. The directory is
// made if it does not exist.
func (b *Batch) Link(target, name string) {
	dir := filepath.Dir(name)
	b.changes = append(b.changes, change{
		name: name, directory: dir, lists: dir, apply: func(d Disk) error { return Link(d, target, name) },
		entry: always(entry{kind: linkEntry, name: name, content: []byte(target)}),
	})
}

// Rename moves a file within its directory, in place of one that has the new name.
func (b *Batch) Rename(from, to string) {
	b.changes = append(b.changes, change{
		name: to, lists: filepath.Dir(to), apply: func(d Disk) error { return d.Rename(from, to) },
	})
}

// Remove removes name with everything below it. A name that does not exist is no error.
func (b *Batch) Remove(name string) {
	b.changes = append(b.changes, change{
		name: name, lists: filepath.Dir(name), alone: true, apply: func(d Disk) error { return d.RemoveAll(name) },
	})
}

// Clear removes everything in a directory, which stays. A directory that does not exist is no error.
func (b *Batch) Clear(name string) {
	b.changes = append(b.changes, change{
		name: name, lists: name, alone: true, apply: func(d Disk) error { return clearDirectory(d, name) },
	})
}

func clearDirectory(d Disk, name string) error {
	entries, err := d.ReadDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if err == nil {
			err = d.RemoveAll(filepath.Join(name, e.Name()))
		}
	}
	return err
}

// Barrier has what follows be made only after everything before it is on the medium, so that a crash cannot keep the one
// and lose the other.
func (b *Batch) Barrier() { b.changes = append(b.changes, change{alone: true}) }

// Touch makes name look as if it had last changed at that time. A name that does not exist is no error. The time may
// reach the medium later than the batch.
func (b *Batch) Touch(name string, at time.Time) {
	touch := entry{kind: touchEntry, name: name, at: at.UnixNano()}
	b.changes = append(b.changes, change{name: name, apply: touch.make, entry: always(touch)})
}

func always(e entry) func(Disk) (entry, error) { return func(Disk) (entry, error) { return e, nil } }
