package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
)

// committer makes batches of changes in groups.
type committer struct {
	mu   sync.Mutex // held while a group is written
	disk Disk
	// below begins the names of the directories that the committer looks after.
	below string
	// listed are the directories of which it is known that the one above lists them on the medium. One that is not in it
	// costs a sync more.
	listed  map[string]bool
	journal *journal // nil: changes are made, and synced, at once
}

// maxListed bounds how many directories a committer remembers.
const maxListed = 1 << 16

func newCommitter(d Disk, root string) *committer {
	below := strings.TrimSuffix(filepath.Clean(root), string(filepath.Separator)) + string(filepath.Separator)
	return &committer{disk: d, below: below, listed: map[string]bool{}}
}

// part is a change as a part of its batch. Once one part of a batch has failed, those behind it are not made.
type part struct {
	change
	err      *error // of the batch
	file     File   // to be synced; nil: none
	prepared bool
	syncs    []string // the directories that have to be synced
}

// portion is batches that are committed together, once.
type portion struct {
	batches []Batch
	errs    []error // of each batch
	begun   bool
}

// commit makes all changes of p, unless that was done, and returns the error of each batch. It blocks.
func (c *committer) commit(p *portion) []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.make(p)
}

// make is commit for those that hold mu.
func (c *committer) make(p *portion) []error {
	if p.begun {
		return p.errs
	}
	p.begun, p.errs = true, make([]error, len(p.batches))
	if c.journal != nil {
		c.byJournal(p.batches, p.errs)
	} else {
		c.inGroups(p.batches, p.errs)
	}
	return p.errs
}

// inGroups makes changes, and syncs what they have changed.
func (c *committer) inGroups(all []Batch, errs []error) {
	var g group
	for i, b := range all {
		for _, ch := range b.changes {
			if !g.takes(ch) {
				c.write(&g)
				g = group{}
			}
			g.add(ch, &errs[i])
		}
	}
	c.write(&g)
}

// group is a row of changes that do not depend on each other's files, so that these can be written first.
type group struct {
	parts []*part
	names map[string]bool
	alone bool
	fresh []string // directories that become listed with the group
}

// takes reports whether another change may be part of g.
func (g *group) takes(ch change) bool {
	return len(g.parts) == 0 || !g.alone && !ch.alone && !g.names[ch.name]
}

func (g *group) add(ch change, err *error) {
	if g.names == nil {
		g.names = map[string]bool{}
	}
	g.names[ch.name], g.alone = true, ch.alone
	g.parts = append(g.parts, &part{change: ch, err: err})
}

// write makes the changes of a group.
func (c *committer) write(g *group) {
	for _, p := range g.parts {
		p.step("", func() error { return c.prepare(g, p) })
	}
	c.syncFiles(g.parts)
	for _, p := range g.parts {
		if p.apply != nil {
			p.step("", func() error { return p.apply(c.disk) })
		}
		if *p.err != nil && p.prepared && p.undo != nil {
			p.undo(c.disk)
		}
	}
	c.syncDirectories(g)
}

// step does something for a part, unless its batch has failed.
func (p *part) step(of string, what func() error) {
	if *p.err != nil {
		return
	}
	if err := what(); err != nil {
		if of == "" {
			of = p.name
		}
		*p.err = fmt.Errorf("write %s: %w", of, err)
	}
}

func (c *committer) prepare(g *group, p *part) (err error) {
	if p.directory != "" {
		if err := c.makeDirectory(g, p, p.directory, cmp.Or(p.perm, usual)); err != nil {
			return err
		}
	}
	if p.change.prepare != nil {
		p.prepared = true
		if p.file, err = p.change.prepare(c.disk); err != nil {
			return err
		}
	}
	if p.lists != "" && (p.listed == nil || !p.listed()) {
		p.syncs = append(p.syncs, p.lists)
	}
	return nil
}

// usual are the permissions of directories.
const usual = 0o755

// makeDirectory makes a directory and those above it, and notes what has to be synced so that they are found again.
func (c *committer) makeDirectory(g *group, p *part, name string, perm fs.FileMode) error {
	_, err := c.disk.Lstat(name)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return err
	case err == nil && (c.listed[name] || !strings.HasPrefix(name, c.below)):
		return nil
	}
	if err := c.makeDirectory(g, p, filepath.Dir(name), usual); err != nil {
		return err
	}
	if missing {
		delete(c.listed, name)
		if err := c.disk.MkdirAll(name, perm); err != nil {
			return err
		}
	}
	p.syncs = append(p.syncs, filepath.Dir(name))
	g.fresh = append(g.fresh, name)
	return nil
}

// syncFiles puts the content of files on the medium.
func (c *committer) syncFiles(parts []*part) {
	var files []*part
	for _, p := range parts {
		if p.file != nil {
			files = append(files, p)
		}
	}
	errs := make([]error, len(files))
	together(c.disk, len(files), func(i int) { errs[i] = errors.Join(files[i].file.Sync(), files[i].file.Close()) })
	for i, p := range files {
		p.step("", func() error { return errs[i] })
	}
}

// syncDirectories puts on the medium what directories list, and completes the parts for which that went well.
func (c *committer) syncDirectories(g *group) {
	index, names := map[string]int{}, []string(nil)
	for _, p := range g.parts {
		for _, name := range p.syncs {
			if _, known := index[name]; !known {
				index[name] = len(names)
				names = append(names, name)
			}
		}
	}
	errs := make([]error, len(names))
	together(c.disk, len(names), func(i int) { errs[i] = syncDirectory(c.disk, names[i]) })
	for _, p := range g.parts {
		for _, name := range p.syncs {
			p.step(name, func() error { return errs[index[name]] })
		}
		if *p.err == nil && p.done != nil {
			p.done()
		}
	}
	c.remember(g.fresh, func(name string) bool { return errs[index[filepath.Dir(name)]] == nil })
}

// syncDirectory syncs a directory that may be gone.
func syncDirectory(d Disk, name string) error {
	err := d.SyncDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// remember notes that directories are listed on the medium.
func (c *committer) remember(names []string, synced func(string) bool) {
	if len(c.listed)+len(names) > maxListed {
		clear(c.listed)
	}
	for _, name := range names {
		if synced(name) {
			c.listed[name] = true
		}
	}
}

// together calls do for 0 to n-1. On this system's disk the calls run side by side.
func together(d Disk, n int, do func(i int)) {
	if side, ok := d.(interface{ together(int, func(int)) }); ok {
		side.together(n, do)
		return
	}
	for i := range n {
		do(i)
	}
}

// maxSideBySide bounds the calls of together that run at a time. More are not faster: they wait for one commit of the
// file system's journal.
const maxSideBySide = 32

func (Local) together(n int, do func(i int)) {
	var wg sync.WaitGroup
	places := make(chan struct{}, maxSideBySide)
	for i := range n {
		places <- struct{}{}
		wg.Add(1)
		go func() {
			defer wg.Done()
			do(i)
			<-places
		}()
	}
	wg.Wait()
}
