package replicatedlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"
	"golang.org/x/sys/unix"
)

const (
	// current is the file that names the manifest of a LevelDB. Its presence tells a LevelDB from other directories.
	current = "CURRENT"
	// maxSize bounds what is read of a directory, in bytes. A registry of 100,000 agents takes some 100 MB.
	maxSize = 1 << 30
)

// Exists reports whether dir holds a replica of a log.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, current))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// load reads the files of a LevelDB into memory, where the library can recover what a killed master has left. The
// directory itself is never changed.
func load(dir string) (storage.Storage, error) {
	if err := unused(filepath.Join(dir, "LOCK")); err != nil {
		return nil, err
	}
	manifest, err := os.ReadFile(filepath.Join(dir, current))
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	memory, size, named, newest := storage.NewMemStorage(), int64(0), false, newestJournal(entries)
	for _, e := range entries {
		fd, ok := describe(e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if size += info.Size(); size > maxSize {
			return nil, fmt.Errorf("it has more than %d bytes, which is too much for a registry", maxSize)
		}
		if err := copyInto(memory, fd, filepath.Join(dir, e.Name()), fd == newest); err != nil {
			return nil, err
		}
		if e.Name() == strings.TrimSuffix(string(manifest), "\n") && fd.Type == storage.TypeManifest {
			named = true
			if err := memory.SetMeta(fd); err != nil {
				return nil, err
			}
		}
	}
	if !named {
		return nil, fmt.Errorf("%s names %.40q, which is not there", current, manifest)
	}
	return memory, nil
}

// unused fails if another process holds the lock of a LevelDB, as a running master does.
func unused(lock string) error {
	f, err := os.Open(lock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a copy
	}
	if err != nil {
		return err
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l); err != nil {
		return err
	}
	if l.Type != unix.F_UNLCK {
		return fmt.Errorf("process %d uses it; stop the master first", l.Pid)
	}
	return nil
}

// describe returns which file of a LevelDB has that name.
func describe(name string) (storage.FileDesc, bool) {
	if number, ok := strings.CutPrefix(name, "MANIFEST-"); ok {
		n, err := strconv.ParseInt(number, 10, 64)
		return storage.FileDesc{Type: storage.TypeManifest, Num: n}, err == nil
	}
	base, kind, _ := strings.Cut(name, ".")
	n, err := strconv.ParseInt(base, 10, 64)
	if err != nil {
		return storage.FileDesc{}, false
	}
	switch kind {
	case "log":
		return storage.FileDesc{Type: storage.TypeJournal, Num: n}, true
	case "ldb", "sst":
		return storage.FileDesc{Type: storage.TypeTable, Num: n}, true
	}
	return storage.FileDesc{}, false
}

// newestJournal returns the journal that was written last.
func newestJournal(entries []os.DirEntry) (newest storage.FileDesc) {
	for _, e := range entries {
		if fd, ok := describe(e.Name()); ok && fd.Type == storage.TypeJournal && fd.Num >= newest.Num {
			newest = fd
		}
	}
	return newest
}

// copyInto copies a file into memory, without the unfinished end that a journal may have.
func copyInto(memory storage.Storage, fd storage.FileDesc, path string, unfinished bool) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if unfinished {
		data = finished(data)
	}
	w, err := memory.Create(fd)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Close()
}

// each calls use with all keys and values of the LevelDB in dir, in order. The slices are valid until use returns.
func each(dir string, use func(key, value []byte) error) (err error) {
	memory, err := load(dir)
	if err != nil {
		return err
	}
	defer func() {
		if reason := recover(); reason != nil { // the library trusts lengths in files
			err = fmt.Errorf("the LevelDB is damaged: %v", reason)
		}
	}()
	db, err := leveldb.Open(memory, &opt.Options{ErrorIfMissing: true, Strict: opt.StrictAll})
	if err != nil {
		return fmt.Errorf("the LevelDB is damaged: %w", err)
	}
	defer db.Close()
	i := db.NewIterator(nil, nil)
	defer i.Release()
	for i.Next() {
		if err := use(i.Key(), i.Value()); err != nil {
			return err
		}
	}
	if err := i.Error(); err != nil {
		return fmt.Errorf("the LevelDB is damaged: %w", err)
	}
	return nil
}
