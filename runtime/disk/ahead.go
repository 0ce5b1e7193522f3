package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// byJournal makes changes after they were written to the journal. Batches that have others than plain changes are made in
// groups, when nothing is left in the journal.
func (c *committer) byJournal(all []Batch, errs []error) {
	for begin := 0; begin < len(all); {
		plain, end := all[begin].plain(), begin+1
		for end < len(all) && all[end].plain() == plain {
			end++
		}
		row, failed := all[begin:end], errs[begin:end]
		if plain {
			c.ahead(row, failed)
		} else {
			c.directly(row, failed)
		}
		begin = end
	}
}

// directly makes changes in groups, after what is in the journal.
func (c *committer) directly(all []Batch, errs []error) {
	if c.journal.isAhead() {
		if err := c.settleNow(); err != nil {
			join(errs, err)
			return
		}
	}
	_ = c.journal.mark(all) // a disk that takes no mark may still take the changes
	c.inGroups(all, errs)
}

// join adds an error to those of all batches.
func join(errs []error, err error) {
	for i := range errs {
		errs[i] = errors.Join(errs[i], err)
	}
}

// settleNow syncs what was changed, and empties the journal. The caller holds mu.
func (c *committer) settleNow() error {
	done, err := settle(c.disk, c.journal.rotate())
	c.journal.settled(done)
	return err
}

// written is a change that is in the journal.
type written struct {
	change
	entry entry
	batch int
}

// ahead writes plain changes to the journal and makes them. If the journal cannot be written, they are made in groups, so
// that each batch has the error that concerns it.
func (c *committer) ahead(all []Batch, errs []error) {
	rows, record := c.entries(all, errs)
	on := furnished{c.disk, map[string]bool{}}
	if len(record) > 0 {
		if err := c.put(record, on, rows); err != nil {
			c.journal.rotate() // nothing may follow what is perhaps on the medium
			clear(errs)
			c.directly(all, errs)
			return
		}
	}
	failed := false
	for _, w := range rows {
		if errs[w.batch] != nil {
			continue
		}
		if err := w.entry.make(on); err != nil {
			errs[w.batch], failed = fmt.Errorf("write %s: %w", w.name, err), true
			continue
		}
		c.journal.current.note(filepath.Clean(c.journal.root), w.entry)
		if w.done != nil {
			w.done()
		}
	}
	if failed { // what was not made must not be made later
		if err := c.settleNow(); err != nil {
			join(errs, err)
		}
	}
}

// put puts a record on the medium, and meanwhile makes the directories of its changes: empty ones mean nothing to whoever reads
// them. That takes as long as the sync on a fast disk. The first record of a journal is put alone, since the root may not exist:
// one that exists is taken to be on the medium.
func (c *committer) put(record []byte, on furnished, rows []written) (err error) {
	if !c.journal.isAhead() {
		return c.journal.add(record)
	}
	together(c.disk, 2, func(i int) {
		if i == 1 {
			err = c.journal.add(record)
			return
		}
		for _, w := range rows {
			_ = w.entry.furnish(on) // make tries again, and has the error
		}
	})
	return err
}

// furnished is a disk of which some directories are known to exist.
type furnished struct {
	Disk
	made map[string]bool
}

// MkdirAll implements [Disk].
func (f furnished) MkdirAll(name string, perm fs.FileMode) error {
	if f.made[name] {
		return nil
	}
	err := f.Disk.MkdirAll(name, perm)
	f.made[name] = err == nil
	return err
}

// entries returns the changes up to the first of each batch that fails, and the record for the journal.
func (c *committer) entries(all []Batch, errs []error) (rows []written, record []byte) {
	for i, b := range all {
		for _, ch := range b.changes {
			e, err := ch.entry(c.disk)
			if err != nil {
				errs[i] = fmt.Errorf("write %s: %w", ch.name, err)
				break
			}
			rows = append(rows, written{ch, e, i})
			record = e.below(c.journal.root).encode(record)
		}
	}
	return rows, record
}

// settle is settleNow beside changes.
func (c *committer) settle() error {
	c.mu.Lock()
	all := c.journal.rotate()
	c.mu.Unlock()
	done, err := settle(c.disk, all)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.journal.settled(done)
	return err
}

// finish makes last changes, one portion after the other, and empties the journal.
func (c *committer) finish(portions ...*portion) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range portions {
		c.make(p)
	}
	if c.journal == nil {
		return nil
	}
	return c.settleNow()
}

// unsettled returns the size of the journal in bytes.
func (c *committer) unsettled() (size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.journal == nil {
		return 0
	}
	for _, s := range c.journal.rows() {
		size += s.length
	}
	return size
}
