// Package disk is a node's way to files that have to survive it. On a real machine the files are the system's; in the
// simulator every machine has a disk of its own, which follows from the seed, and loses in a crash what was not synced.
//
// Code that writes through a [Disk] says what it relies on: nothing is on the medium before [File.Sync] has returned for
// what a file holds, and [Disk.SyncDir] for what a directory lists. The functions of this package do so in the usual
// order: [Replace] puts a whole file in place of another, and a reader, after a crash too, sees the one or the other.
//
// The methods of Disk and File block, so an actor calls them in [runtime.Go], or gives what it wants to have written to a
// [Writer], which writes for many actors at once.
package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"meseta/runtime"
)

// Disk is a tree of files. Names are absolute paths. Errors are those of package os: they satisfy [errors.Is] with
// [fs.ErrNotExist] and the like, and name the file. A Disk may be used from several goroutines.
type Disk interface {
	// OpenFile opens a file as [os.OpenFile] does.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// MkdirAll makes a directory and those above it that do not exist.
	MkdirAll(name string, perm fs.FileMode) error
	// Rename moves a file, in place of one that has the new name.
	Rename(from, to string) error
	// Symlink makes name a symbolic link to target.
	Symlink(target, name string) error
	// Readlink returns the target of a symbolic link.
	Readlink(name string) (string, error)
	// Lstat describes a file, and of a symbolic link the link itself.
	Lstat(name string) (fs.FileInfo, error)
	// ReadDir lists a directory, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// RemoveAll removes name with everything below it. A name that does not exist is no error.
	RemoveAll(name string) error
	// Chtimes changes when a file was last used and last changed.
	Chtimes(name string, used, changed time.Time) error
	// SyncDir puts what a directory lists on the medium.
	SyncDir(name string) error
	// Boot identifies the time since the machine started, in which everything that was written can be read, synced or not.
	// Empty: unknown.
	Boot() string
}

// File is an open file. Opened with [os.O_SYNC], its writes are on the medium when they return. [os.File] is one.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Seeker
	io.Closer
	// Truncate changes the size of the file.
	Truncate(size int64) error
	// Sync puts the content of the file on the medium.
	Sync() error
}

// installed is the disk of a node.
type installed struct{ disk Disk }

// Of returns the disk of a node: [Local] unless [Install] gave it another one.
func Of(n *runtime.Node) Disk {
	return runtime.Extension(n, func(*runtime.Node) *installed { return &installed{Local{}} }).disk
}

// Install makes d the disk of a node. It panics if the node's disk is in use already.
func Install(n *runtime.Node, d Disk) {
	if kept := runtime.Extension(n, func(*runtime.Node) *installed { return &installed{d} }); kept.disk != d {
		panic("disk: the node at " + n.Addr() + " uses a disk already")
	}
}

// ReadFile returns the content of a file.
func ReadFile(d Disk, name string) ([]byte, error) {
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}

// Replace makes name a file with that content, in place of one that is there. The content is on the medium when Replace
// returns; the name is when [Disk.SyncDir] has returned for its directory. A reader sees the old file or the new one,
// whole, after a crash too. The directory has to exist.
func Replace(d Disk, name string, content []byte, perm fs.FileMode) error {
	fresh := freshName(name)
	f, err := create(d, fresh, content, perm)
	if err == nil {
		err = f.Sync()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err == nil {
		err = d.Rename(fresh, name)
	}
	if err != nil {
		_ = d.Remove(fresh) // it may not have been made
	}
	return err
}

// atOnce is the number of bytes that the kernel writes without being interrupted, even if the process is killed.
const atOnce = 4096

// Put makes a small file that does not exist yet, in its place, for readers to whom an empty file is a missing one: those that
// come before the end of Put, or after a kill in between, see it empty. Nothing is synced. The error is [fs.ErrExist] for a
// file that exists, and for one that is not small, which is not made.
func Put(d Disk, name string, content []byte, perm fs.FileMode) error {
	if len(content) > atOnce {
		return fs.ErrExist
	}
	f, err := d.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = d.Remove(name)
	}
	return err
}

// Settle puts on the medium what files hold, which need not exist, and what their directories list. A process that reads
// what an earlier one has left sees what that one was about to sync, and calls Settle before it relies on that.
func Settle(d Disk, files ...string) error {
	names := map[string]bool{}
	for _, name := range files {
		names[name], names[filepath.Dir(name)] = false, true
	}
	return syncNames(d, names)
}

// freshName is the name of a file or link until it takes the place of name.
func freshName(name string) string {
	return filepath.Join(filepath.Dir(name), ".new-"+filepath.Base(name))
}

// create makes a file that does not exist yet, or that a crash has left. The file is not synced.
func create(d Disk, name string, content []byte, perm fs.FileMode) (File, error) {
	f, err := d.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, perm)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(content); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Link makes name a symbolic link to target, in place of one that is there: a reader sees the old link or the new one.
// The directory has to exist.
func Link(d Disk, target, name string) error {
	if err := d.Symlink(target, name); !errors.Is(err, fs.ErrExist) {
		return err
	}
	fresh := freshName(name)
	if err := d.RemoveAll(fresh); err != nil { // a crash may have left it
		return err
	}
	if err := d.Symlink(target, fresh); err != nil {
		return err
	}
	if err := d.Rename(fresh, name); err != nil {
		_ = d.Remove(fresh)
		return err
	}
	return nil
}
