// Package localfile keeps the registry of a single master in a local bbolt file, a copy-on-write B+tree whose commits
// are atomic and synced. A crash at any moment leaves the last committed registry.
//
// Files that were truncated or modified by anything else are refused. A checksum covers all records, and the pages are
// checked before bbolt follows them, because bbolt trusts them. The operator then restores the file or decides to
// start without it. A registry that silently lost agents would cause those agents to be forgotten.
package localfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"meseta/actors/registrar"
)

// Storage is a [registrar.Storage] in one file.
type Storage struct {
	path   string
	file   *os.File // bbolt's
	db     *bbolt.DB
	term   registrar.Term
	failed bool // bbolt has panicked and may still hold its own locks
}

var (
	records  = []byte("registry")
	checksum = []byte("checksum")
	sumKey   = []byte("records")
)

// Open opens the file at path, and creates it and its parent directories if they do not exist. It fails if another
// process has the file open, or if the file is damaged or empty. A file that Open creates is never empty, not even for
// a moment.
func Open(path string) (*Storage, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create the directory of the registry: %w", err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("create the registry %s: %w", path, err)
		}
	}
	return open(path)
}

// create makes a registry without records in a temporary file next to path and then links it to path.
func create(path string) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	if err := temporary.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(temporary.Name(), 0o600, boltOptions(os.OpenFile))
	if err != nil {
		return err
	}
	db.NoSync = true // one sync at the end is enough
	err = db.Update(func(tx *bbolt.Tx) error { return commit(tx, nil) })
	if err := errors.Join(err, db.Sync(), db.Close()); err != nil {
		return err
	}
	// Link does not replace an existing file: another master may have created it first.
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func boltOptions(openFile func(string, int, os.FileMode) (*os.File, error)) *bbolt.Options {
	return &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, OpenFile: openFile}
}

// open opens an existing file. The file is checked while the file lock that bbolt also takes is held. If another
// process holds the lock, bbolt waits briefly for it; the file was not checked then, and open starts over.
func open(path string) (*Storage, error) {
	for {
		s, late := &Storage{path: path}, false
		openFile := func(path string, flag int, mode os.FileMode) (file *os.File, err error) {
			if s.file, err = os.OpenFile(path, flag&^os.O_CREATE, mode); err != nil {
				return nil, err
			}
			if late = unix.Flock(int(s.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil; !late {
				err = errors.Join(s.damagedBy(checkFile(s.file)), s.file.Sync()) // a master that was killed may not have synced it
			}
			return s.file, err
		}
		err := s.guarded(func() (err error) {
			s.db, err = bbolt.Open(path, 0, boltOptions(openFile))
			return err
		})
		if err == nil && !late {
			if err = s.check(); err == nil {
				return s, nil
			}
		}
		if s.file != nil {
			err = errors.Join(err, s.Close())
		}
		switch {
		case errors.Is(err, bolterrors.ErrTimeout):
			return nil, fmt.Errorf("open registry %s: another process has it open", path)
		case err != nil:
			return nil, fmt.Errorf("open registry: %w", err)
		}
	}
}

// checkFile validates the parts of the file that bbolt relies on unchecked.
func checkFile(file *os.File) error {
	data, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return errors.New("it is empty")
	}
	return checkPages(data)
}

// check runs bbolt's own consistency check: each page is in use or free, and the keys are in order.
func (s *Storage) check() error {
	return s.view(func(tx *bbolt.Tx) error {
		var first error
		for err := range tx.Check() { // drained to the end, or bbolt's goroutine would block forever
			if first == nil {
				first = s.damagedBy(err)
			}
		}
		return first
	})
}

// DamagedError reports that a registry file is not what was written.
type DamagedError struct {
	Path string
	Err  error // what is wrong with it
}

// Error describes the damage and how to recover.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("registry %s is damaged: %v; restore the file from a copy, "+
		"or remove it to begin with a registry that knows of no agents", e.Path, e.Err)
}

// Unwrap returns e.Err.
func (e *DamagedError) Unwrap() error { return e.Err }

func (s *Storage) damagedBy(err error) error {
	if err == nil {
		return nil
	}
	return &DamagedError{s.path, err}
}

// guarded calls use, which uses bbolt, and turns a panic into an error, even a fault because the mapped file was
// truncated.
func (s *Storage) guarded(use func() error) (err error) {
	if s.failed {
		return fmt.Errorf("registry %s: it was found damaged before", s.path)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			s.failed = true
			err = s.damagedBy(fmt.Errorf("%v", reason))
		}
	}()
	return use()
}

func (s *Storage) view(use func(*bbolt.Tx) error) error {
	return s.guarded(func() error { return s.db.View(use) })
}

// Lead implements [registrar.Storage].
func (s *Storage) Lead(context.Context) (registrar.Term, map[string][]byte, error) {
	var all map[string][]byte
	err := s.view(func(tx *bbolt.Tx) (err error) {
		all, err = s.load(tx)
		return s.damagedBy(err)
	})
	if err != nil {
		return 0, nil, fmt.Errorf("read registry: %w", err)
	}
	s.term++
	return s.term, all, nil
}

// load returns all records after checking them against their checksum. Files of earlier versions have no checksum
// until the first commit.
func (s *Storage) load(tx *bbolt.Tx) (map[string][]byte, error) {
	if err := checkBuckets(tx); err != nil {
		return nil, err
	}
	all, found := map[string][]byte{}, sum{}
	err := tx.Bucket(records).ForEach(func(key, value []byte) error {
		all[string(key)] = bytes.Clone(value)
		found.add(key, value)
		return nil
	})
	if b := tx.Bucket(checksum); err == nil && b != nil {
		var want sum
		if want, err = decodeSum(b.Get(sumKey)); err == nil && want != found {
			err = fmt.Errorf("it has %d records that do not have the checksum of the %d that were written", found.count, want.count)
		}
	}
	return all, err
}

// checkBuckets returns an error unless the file has exactly the buckets of a registry.
func checkBuckets(tx *bbolt.Tx) error {
	var names []string
	err := tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		names = append(names, string(name))
		if b == nil {
			return fmt.Errorf("%q is not a bucket", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if got := fmt.Sprintf("%q", names); got != `["checksum" "registry"]` && got != `["registry"]` {
		return fmt.Errorf("it holds %s", got)
	}
	return nil
}

// Commit implements [registrar.Storage].
func (s *Storage) Commit(_ context.Context, term registrar.Term, changes []registrar.Change) error {
	if term != s.term {
		return registrar.ErrLost
	}
	err := s.guarded(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error { return commit(tx, changes) })
	})
	if err != nil {
		return fmt.Errorf("write registry %s: %w", s.path, err)
	}
	return nil
}

func commit(tx *bbolt.Tx, changes []registrar.Change) error {
	b, err := tx.CreateBucketIfNotExists(records)
	if err != nil {
		return err
	}
	total, err := sumOf(tx, b)
	if err != nil {
		return err
	}
	for _, c := range changes {
		key := []byte(c.Key)
		if old := b.Get(key); old != nil {
			total.remove(key, old)
		}
		if c.Value == nil {
			err = b.Delete(key)
		} else {
			total.add(key, c.Value)
			err = b.Put(key, c.Value)
		}
		if err != nil {
			return err
		}
	}
	check, err := tx.CreateBucketIfNotExists(checksum)
	if err != nil {
		return err
	}
	return check.Put(sumKey, total.encode())
}

// sumOf returns the stored checksum of the records in b, or computes it if the file has none.
func sumOf(tx *bbolt.Tx, b *bbolt.Bucket) (total sum, err error) {
	if check := tx.Bucket(checksum); check != nil {
		return decodeSum(check.Get(sumKey))
	}
	err = b.ForEach(func(key, value []byte) error {
		total.add(key, value)
		return nil
	})
	return total, err
}

// Replicas implements [registrar.Replicated]: the file is the only copy.
func (s *Storage) Replicas() int { return 1 }

// Close implements [registrar.Storage].
func (s *Storage) Close() error {
	if s.db == nil || s.failed { // bbolt's locks may never be released; closing the file releases its lock
		err := s.file.Close()
		if errors.Is(err, fs.ErrClosed) {
			return nil
		}
		return err
	}
	return s.db.Close()
}
