// Package localfile keeps the registry of a single master in a file of its own disk, through bbolt: a copy-on-write
// B+tree whose commits are atomic and synced, so that a crash at any moment leaves the last committed registry.
//
// A file that was cut or changed by anything else is refused: a checksum goes over all records, and the pages are checked
// before bbolt, which trusts them, follows them. Whoever operates the master then restores the file, or decides to begin
// without it; a registry that has silently lost agents would let them be forgotten.
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
	failed bool // bbolt has panicked, and may hold locks of its own
}

var (
	records  = []byte("registry")
	checksum = []byte("checksum")
	sumKey   = []byte("records")
)

// Open opens the file at path, and makes it and its folders if they do not exist. It fails if another process has the
// file open, and if the file is damaged or empty: those that Open makes never are, not even for a moment.
func Open(path string) (*Storage, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the registry's folder: %w", err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("make the registry %s: %w", path, err)
		}
	}
	return open(path)
}

// create makes a registry without records beside path and then moves it there.
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
	db.NoSync = true // once, at the end, is enough
	err = db.Update(func(tx *bbolt.Tx) error { return commit(tx, nil) })
	if err := errors.Join(err, db.Sync(), db.Close()); err != nil {
		return err
	}
	// A link replaces nothing: another master may have been faster.
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

// open opens a file that exists. It is checked under the lock that bbolt takes as well. While another process has the
// lock, bbolt waits a moment for it; then the check comes too late, and everything begins anew.
func open(path string) (*Storage, error) {
	for {
		s, late := &Storage{path: path}, false
		openFile := func(path string, flag int, mode os.FileMode) (file *os.File, err error) {
			if s.file, err = os.OpenFile(path, flag&^os.O_CREATE, mode); err != nil {
				return nil, err
			}
			if late = unix.Flock(int(s.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil; !late {
				err = s.damagedBy(checkFile(s.file))
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

// checkFile checks what bbolt relies on without looking.
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

// check has bbolt check what it can: that each page is in use or free, and that the keys are in order.
func (s *Storage) check() error {
	return s.view(func(tx *bbolt.Tx) error {
		var first error
		for err := range tx.Check() { // to the end, or it waits for ever
			if first == nil {
				first = s.damagedBy(err)
			}
		}
		return first
	})
}

// DamagedError says that a file is not what was written.
type DamagedError struct {
	Path string
	Err  error // what is wrong with it
}

// Error says what is wrong, and what to do.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("registry %s is damaged: %v; restore the file from a copy, "+
		"or remove it to begin with a registry that knows of no agents", e.Path, e.Err)
}

// Unwrap returns what is wrong.
func (e *DamagedError) Unwrap() error { return e.Err }

func (s *Storage) damagedBy(err error) error {
	if err == nil {
		return nil
	}
	return &DamagedError{s.path, err}
}

// guarded calls use, which uses bbolt, and makes an error of a panic, even of one because the mapped file was cut.
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

// load returns all records, after it has compared them with their checksum. Files of earlier versions have none until
// something is committed.
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

// checkBuckets reports whether there are the buckets that belong into a registry, and nothing else.
func checkBuckets(tx *bbolt.Tx) error {
	var names []string
	err := tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		names = append(names, string(name))
		if b == nil {
			return fmt.Errorf("%q is no bucket", name)
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

// sumOf returns the checksum of the records in b, which is computed if the file has none.
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
	if s.db == nil || s.failed { // bbolt's locks may be taken for ever; the file's goes with the file
		err := s.file.Close()
		if errors.Is(err, fs.ErrClosed) {
			return nil
		}
		return err
	}
	return s.db.Close()
}
