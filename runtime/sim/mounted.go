package sim

import (
	"io/fs"
	"time"

	"meseta/runtime/disk"
)

// mounted is the disk of a machine as one incarnation of its node sees it: it can fail, and is gone with the node.
type mounted host

var _ disk.Disk = (*mounted)(nil)

func (m *mounted) disk() *Disk { return m.world.Disk(m.addr) }

// ask is asked before an operation.
func (m *mounted) ask(kind OpKind, path string) error {
	if m.dead {
		return ErrPowerOff
	}
	for _, judge := range m.disk().judges {
		if err := (*judge)(Op{Kind: kind, Path: path}); err != nil && !m.dead {
			return err
		}
		if m.dead { // the judge has crashed it
			return ErrPowerOff
		}
	}
	return nil
}

// do asks, and then does what an error names op.
func (m *mounted) do(kind OpKind, path string, what func(*Disk) error) error {
	if err := m.ask(kind, path); err != nil {
		return &fs.PathError{Op: string(kind), Path: path, Err: err}
	}
	return what(m.disk())
}

// OpenFile implements [disk.Disk].
func (m *mounted) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	return m.disk().open(name, flag, perm, func(kind OpKind) error { return m.ask(kind, name) })
}

// MkdirAll implements [disk.Disk].
func (m *mounted) MkdirAll(name string, perm fs.FileMode) error {
	return m.do(OpMkdir, name, func(d *Disk) error { return d.MkdirAll(name, perm) })
}

// Rename implements [disk.Disk].
func (m *mounted) Rename(from, to string) error {
	return m.do(OpRename, to, func(d *Disk) error { return d.Rename(from, to) })
}

// Symlink implements [disk.Disk].
func (m *mounted) Symlink(target, name string) error {
	return m.do(OpSymlink, name, func(d *Disk) error { return d.Symlink(target, name) })
}

// Readlink implements [disk.Disk].
func (m *mounted) Readlink(name string) (target string, err error) {
	err = m.do(OpRead, name, func(d *Disk) (err error) { target, err = d.Readlink(name); return err })
	return target, err
}

// Lstat implements [disk.Disk].
func (m *mounted) Lstat(name string) (info fs.FileInfo, err error) {
	err = m.do(OpRead, name, func(d *Disk) (err error) { info, err = d.Lstat(name); return err })
	return info, err
}

// ReadDir implements [disk.Disk].
func (m *mounted) ReadDir(name string) (all []fs.DirEntry, err error) {
	err = m.do(OpRead, name, func(d *Disk) (err error) { all, err = d.ReadDir(name); return err })
	return all, err
}

// Remove implements [disk.Disk].
func (m *mounted) Remove(name string) error {
	return m.do(OpRemove, name, func(d *Disk) error { return d.Remove(name) })
}

// RemoveAll implements [disk.Disk].
func (m *mounted) RemoveAll(name string) error {
	return m.do(OpRemove, name, func(d *Disk) error { return d.RemoveAll(name) })
}

// Chtimes implements [disk.Disk].
func (m *mounted) Chtimes(name string, used, changed time.Time) error {
	return m.do(OpChtimes, name, func(d *Disk) error { return d.Chtimes(name, used, changed) })
}

// SyncDir implements [disk.Disk].
func (m *mounted) SyncDir(name string) error {
	return m.do(OpSyncDir, name, func(d *Disk) error { return d.SyncDir(name) })
}

// Boot implements [disk.Disk].
func (m *mounted) Boot() string { return m.disk().Boot() }
