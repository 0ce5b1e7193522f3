package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"meseta/runtime/disk"
)

// ErrPowerOff is what a node that has crashed is told by its disk.
var ErrPowerOff = errors.New("sim: the machine is off")

// Disk is the disk of a simulated machine. Nodes use it through [disk.Of]; its own methods, which implement
// [disk.Disk], let a test prepare and inspect it without being observed or failing. It outlives the incarnations of the
// node at its address. [World.Crash] loses what was not synced: of a directory's changes all from some point on, of a
// file's writes any, each whole or in part. [World.Kill] and [World.Exit] lose nothing, as a process that ends does not.
//
// Hard links, and renaming from one directory to another, do not exist.
type Disk struct {
	world    *World
	root     *inode
	capacity int64 // bytes; 0: no bound
	stalled  time.Duration
	crashes  int
	judges   []*func(Op) error
}

var _ disk.Disk = (*Disk)(nil)

// Op is what a node asks of its disk.
type Op struct {
	Kind OpKind
	Path string
}

// OpKind is a kind of operation.
type OpKind string

// The operations. A write to a file that was opened with O_SYNC is an OpWrite and an OpSync.
const (
	OpOpen     OpKind = "open"
	OpCreate   OpKind = "create" // of a file, or the emptying of one by O_TRUNC
	OpRead     OpKind = "read"   // also of a directory, a link, and what describes a file
	OpWrite    OpKind = "write"
	OpTruncate OpKind = "truncate"
	OpSync     OpKind = "sync" // of a file
	OpSyncDir  OpKind = "syncdir"
	OpMkdir    OpKind = "mkdir"
	OpRename   OpKind = "rename"
	OpSymlink  OpKind = "symlink"
	OpRemove   OpKind = "remove"
	OpChtimes  OpKind = "chtimes"
)

// Changes reports whether the operation changes what is on the disk, or what of it is on the medium.
func (k OpKind) Changes() bool { return k != OpOpen && k != OpRead }

// Disk returns the disk of the machine at addr. It is empty at first.
func (w *World) Disk(addr string) *Disk {
	d := w.disks[addr]
	if d == nil {
		d = &Disk{world: w, root: newDirectory(0o755, w.Now())}
		w.disks[addr] = d
	}
	return d
}

// SetCapacity bounds the bytes of all files together. 0: no bound. What does not fit fails with [syscall.ENOSPC], after
// as many bytes of a write as did.
func (d *Disk) SetCapacity(bytes int64) { d.capacity = bytes }

// Stall holds up the blocking work that the node begins within the time given, from now on, until that has passed.
func (d *Disk) Stall(within time.Duration) { d.stalled = d.world.now + within }

// Intercept asks judge about every operation of the node until remove is called. The first error is what the operation
// fails with; then it has no effect, except that a failed OpSync leaves the file's writes off the medium forever. judge
// may crash the node.
func (d *Disk) Intercept(judge func(Op) error) (remove func()) {
	j := &judge
	d.judges = append(d.judges, j)
	return func() {
		for i, other := range d.judges {
			if other == j {
				d.judges = append(d.judges[:i:i], d.judges[i+1:]...)
				return
			}
		}
	}
}

func (d *Disk) crash() {
	d.crashes++
	d.root.crash(d.world.rand)
}

// Boot implements [disk.Disk]: each crash of the machine ends one.
func (d *Disk) Boot() string { return "boot " + strconv.Itoa(d.crashes+1) }

// place is where a name leads: an inode, or none in an existing directory.
type place struct {
	parent *inode
	base   string
	inode  *inode
}

// maxLinks is how many symbolic links a name may lead through.
const maxLinks = 40

// find follows a name; at its end it follows a symbolic link only if follow is set.
func (d *Disk) find(op, name string, follow bool) (place, error) {
	p, errno := d.walk(filepath.Clean("/"+name), follow, maxLinks)
	if errno != 0 {
		return place{}, &fs.PathError{Op: op, Path: name, Err: errno}
	}
	return p, nil
}

// existing is find of what has to be there.
func (d *Disk) existing(op, name string, follow bool) (*inode, error) {
	p, err := d.find(op, name, follow)
	if err == nil && p.inode == nil {
		err = &fs.PathError{Op: op, Path: name, Err: syscall.ENOENT}
	}
	return p.inode, err
}

func (d *Disk) walk(name string, follow bool, links int) (place, syscall.Errno) {
	at := place{inode: d.root}
	parts := strings.Split(strings.TrimPrefix(name, "/"), "/")
	for i, part := range parts {
		if part == "" {
			continue
		}
		switch {
		case at.inode == nil:
			return place{}, syscall.ENOENT
		case at.inode.entries == nil:
			return place{}, syscall.ENOTDIR
		}
		at = place{parent: at.inode, base: part, inode: at.inode.entries[part]}
		last := i == len(parts)-1
		if at.inode == nil || at.inode.mode.Type() != fs.ModeSymlink || last && !follow {
			continue
		}
		if links == 0 {
			return place{}, syscall.ELOOP
		}
		target := at.inode.target
		if !filepath.IsAbs(target) {
			target = filepath.Join("/", filepath.Join(parts[:i]...), target)
		}
		return d.walk(filepath.Join(target, filepath.Join(parts[i+1:]...)), follow, links-1)
	}
	return at, 0
}

// OpenFile implements [disk.Disk].
func (d *Disk) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	return d.open(name, flag, perm, func(OpKind) error { return nil })
}

// open opens a file. ask is asked before each thing that is done to it.
func (d *Disk) open(name string, flag int, perm fs.FileMode, ask func(OpKind) error) (disk.File, error) {
	fail := func(err error) (disk.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	const fresh = os.O_CREATE | os.O_EXCL
	p, err := d.find("open", name, flag&fresh != fresh)
	switch {
	case err != nil:
		return nil, err
	case p.inode == nil && flag&os.O_CREATE == 0:
		return fail(syscall.ENOENT)
	case p.inode != nil && flag&fresh == fresh:
		return fail(syscall.EEXIST)
	case p.inode != nil && p.inode.entries != nil && flag&(os.O_WRONLY|os.O_RDWR) != 0:
		return fail(syscall.EISDIR)
	}
	kind := OpOpen
	if p.inode == nil || flag&os.O_TRUNC != 0 {
		kind = OpCreate
	}
	if err := ask(kind); err != nil {
		return fail(err)
	}
	f := p.inode
	if f == nil {
		f = &inode{mode: perm.Perm(), changed: d.world.Now()}
		p.parent.list(listing{p.base: f})
	} else if flag&os.O_TRUNC != 0 {
		f.change(write{truncate: true})
	}
	return &handle{disk: d, file: f, name: name, flag: flag, ask: ask}, nil
}

// MkdirAll implements [disk.Disk].
func (d *Disk) MkdirAll(name string, perm fs.FileMode) error {
	fail := func(err error) error { return &fs.PathError{Op: "mkdir", Path: name, Err: err} }
	switch p, err := d.find("mkdir", name, true); {
	case err == nil && p.inode != nil && p.inode.entries != nil:
		return nil
	case err == nil && p.inode != nil:
		return fail(syscall.ENOTDIR)
	}
	if err := d.MkdirAll(filepath.Dir(filepath.Clean("/"+name)), perm); err != nil {
		return err
	}
	p, err := d.find("mkdir", name, false)
	switch {
	case err != nil:
		return err
	case p.inode != nil: // a link that leads nowhere
		return fail(syscall.EEXIST)
	}
	p.parent.list(listing{p.base: newDirectory(perm, d.world.Now())})
	return nil
}

// Rename implements [disk.Disk].
func (d *Disk) Rename(from, to string) error {
	fail := func(err error) error { return &os.LinkError{Op: "rename", Old: from, New: to, Err: err} }
	source, err := d.find("rename", from, false)
	if err != nil {
		return err
	}
	target, err := d.find("rename", to, false)
	if err != nil {
		return err
	}
	switch {
	case source.inode == nil:
		return fail(syscall.ENOENT)
	case source.parent != target.parent:
		return fail(errors.ErrUnsupported)
	case target.inode != nil && target.inode.entries != nil:
		return fail(syscall.EEXIST)
	case target.inode != nil && source.inode.entries != nil:
		return fail(syscall.ENOTDIR)
	case source.base != target.base:
		source.parent.list(listing{source.base: nil, target.base: source.inode})
	}
	return nil
}

// Symlink implements [disk.Disk].
func (d *Disk) Symlink(target, name string) error {
	p, err := d.find("symlink", name, false)
	if err != nil {
		return err
	}
	if p.inode != nil {
		return &os.LinkError{Op: "symlink", Old: target, New: name, Err: syscall.EEXIST}
	}
	p.parent.list(listing{p.base: &inode{mode: fs.ModeSymlink | 0o777, target: target, changed: d.world.Now()}})
	return nil
}

// Readlink implements [disk.Disk].
func (d *Disk) Readlink(name string) (string, error) {
	f, err := d.existing("readlink", name, false)
	if err == nil && f.mode.Type() != fs.ModeSymlink {
		err = &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
	}
	if err != nil {
		return "", err
	}
	return f.target, nil
}

// Lstat implements [disk.Disk].
func (d *Disk) Lstat(name string) (fs.FileInfo, error) {
	f, err := d.existing("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return info{inode: f, name: filepath.Base(name)}, nil
}

// ReadDir implements [disk.Disk].
func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := d.existing("open", name, true)
	if err == nil && f.entries == nil {
		err = &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	var all []fs.DirEntry
	for _, base := range f.names(f.entries) {
		all = append(all, fs.FileInfoToDirEntry(info{inode: f.entries[base], name: base}))
	}
	return all, nil
}

// Remove implements [disk.Disk].
func (d *Disk) Remove(name string) error {
	p, err := d.find("remove", name, false)
	switch {
	case err != nil:
		return err
	case p.inode == nil:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOENT}
	case len(p.inode.entries) > 0:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	case p.parent == nil:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.EBUSY}
	}
	p.parent.list(listing{p.base: nil})
	return nil
}

// RemoveAll implements [disk.Disk].
func (d *Disk) RemoveAll(name string) error {
	p, err := d.find("remove", name, false)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && p.inode == nil:
		return nil
	case err != nil:
		return err
	case p.parent == nil:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.EBUSY}
	}
	p.parent.list(listing{p.base: nil})
	return nil
}

// Chtimes implements [disk.Disk].
func (d *Disk) Chtimes(name string, _, changed time.Time) error {
	f, err := d.existing("chtimes", name, true)
	if err == nil {
		f.changed = changed
	}
	return err
}

// SyncDir implements [disk.Disk].
func (d *Disk) SyncDir(name string) error {
	f, err := d.existing("open", name, true)
	if err == nil && f.entries == nil {
		err = &fs.PathError{Op: "sync", Path: name, Err: syscall.ENOTDIR}
	}
	if err == nil {
		f.syncList()
	}
	return err
}

// Tree lists the disk as the machine shows it, one path a line: directories with a slash at the end, links with an arrow,
// files with their size.
func (d *Disk) Tree() string {
	var b strings.Builder
	d.root.tree(&b, "/")
	return b.String()
}

func (f *inode) tree(b *strings.Builder, path string) {
	for _, name := range f.names(f.entries) {
		switch below := f.entries[name]; {
		case below.entries != nil:
			fmt.Fprintf(b, "%s%s/\n", path, name)
			below.tree(b, path+name+"/")
		case below.target != "":
			fmt.Fprintf(b, "%s%s → %s\n", path, name, below.target)
		default:
			fmt.Fprintf(b, "%s%s %d\n", path, name, len(below.content))
		}
	}
}

// info describes an inode.
type info struct {
	*inode
	name string
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return int64(len(i.content)) }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.changed }
func (i info) IsDir() bool        { return i.entries != nil }
func (i info) Sys() any           { return nil }
