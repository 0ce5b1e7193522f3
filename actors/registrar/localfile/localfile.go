// Package localfile keeps the registry of a single master in a file of its own disk, through bbolt: a copy-on-write
// B+tree whose commits are atomic and synced, so that a crash at any moment leaves the last committed registry.
package localfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"meseta/actors/registrar"
)

// Storage is a [registrar.Storage] in one file.
type Storage struct{ db *bbolt.DB }

var bucket = []byte("registry")

// Open opens the file at path, and makes it and its folders if they do not exist. It fails if another process has the
// file open.
func Open(path string) (*Storage, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the registry's folder: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open registry %s: another process has it open", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open registry %s: %w", path, err)
	}
	return &Storage{db}, nil
}

// Load implements [registrar.Storage].
func (s *Storage) Load(context.Context) (map[string][]byte, error) {
	records := map[string][]byte{}
	err := s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		if b == nil {
			return nil
		}
		return b.ForEach(func(key, value []byte) error {
			records[string(key)] = append([]byte{}, value...)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read registry %s: %w", s.db.Path(), err)
	}
	return records, nil
}

// Commit implements [registrar.Storage].
func (s *Storage) Commit(_ context.Context, changes []registrar.Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if c.Value == nil {
				err = b.Delete([]byte(c.Key))
			} else {
				err = b.Put([]byte(c.Key), c.Value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write registry %s: %w", s.db.Path(), err)
	}
	return nil
}

// Close implements [registrar.Storage].
func (s *Storage) Close() error { return s.db.Close() }
