package localfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"meseta/actors/registrar"
	"meseta/actors/registrar/localfile"
	"meseta/actors/registrar/registrartest"
)

func open(t *testing.T, path string) *localfile.Storage {
	t.Helper()
	s, err := localfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStorage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "made", "on", "demand", "registry.db")
	registrartest.Run(t, func(t *testing.T) registrar.Storage { return open(t, path) })
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("there is more than the registry: %v, %v", entries, err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "registry.db")
	first := open(t, path)
	defer func() { _ = first.Close() }()
	if _, err := localfile.Open(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("got %v", err)
	}
}

// written is the file of a registry of n agents, and what is in it. It was written in several commits.
func written(t *testing.T, n int) (path string, content []byte, records map[string]string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "registry.db")
	s := open(t, path)
	term, _, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records = map[string]string{"cluster": "the leader"}
	changes := []registrar.Change{{Key: "cluster", Value: []byte("the leader")}}
	for i := range n {
		key := fmt.Sprintf("agents/S%03d", i)
		records[key] = key + strings.Repeat(" and what it has", 12)
		changes = append(changes, registrar.Change{Key: key, Value: []byte(records[key])})
		if len(changes) == 4 || i == n-1 {
			if err := s.Commit(t.Context(), term, changes); err != nil {
				t.Fatal(err)
			}
			changes = nil
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, content, records
}

// read opens the file at path, reads what is in it, and writes into it.
func read(t *testing.T, path string) (map[string]string, error) {
	t.Helper()
	s, err := localfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	term, records, err := s.Lead(t.Context())
	if err != nil {
		return nil, err
	}
	got := map[string]string{}
	for key, value := range records {
		got[key] = string(value)
	}
	return got, s.Commit(t.Context(), term, []registrar.Change{{Key: "cluster", Value: []byte("the next leader")}})
}

// whole fails the test unless the file at path is refused with a word about it, or holds what was written. It tells whether
// it was refused.
func whole(t *testing.T, what, path string, content []byte, want map[string]string) bool {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := read(t, path)
	var damaged *localfile.DamagedError
	switch {
	case errors.As(err, &damaged):
		if damaged.Path != path || !strings.Contains(err.Error(), "restore") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error does not help: %q", what, err)
		}
		return true
	case err != nil:
		t.Errorf("%s: %v", what, err)
	case !maps.Equal(got, want):
		t.Errorf("%s: %d of %d records, or others, are read", what, len(got), len(want))
	}
	return false
}

// Whatever becomes of a file, the registry is what was written or is refused; nothing panics, hangs or is forgotten.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	for _, agents := range []int{1, 100} {
		t.Run(fmt.Sprint(agents, " agents"), func(t *testing.T) {
			t.Parallel()
			path, good, want := written(t, agents)
			random := rand.New(rand.NewPCG(1, uint64(agents)))
			size := os.Getpagesize()
			if whole(t, "the file as it was", path, good, want) {
				t.Error("the file as it was is refused")
			}
			for _, cut := range []int{0, 1, 100, size - 1, size, 2 * size, 3 * size, len(good) / 2} {
				if !whole(t, fmt.Sprint("cut at ", cut), path, good[:cut], want) {
					t.Errorf("a file cut at %d of %d is read", cut, len(good))
				}
			}
			whole(t, "cut at its end, which may not be in use", path, good[:len(good)-1], want)
			for name, content := range map[string][]byte{
				"zeroes": make([]byte, len(good)), "text": bytes.Repeat([]byte("hello\n"), 4000),
			} {
				if !whole(t, name, path, content, want) {
					t.Errorf("%s are a registry", name)
				}
			}
			for at := 0; at < len(good); at += size {
				content := slices.Clone(good)
				clear(content[at : at+size])
				whole(t, fmt.Sprint("zeroed page ", at/size), path, content, want)
				copy(content[at:at+size], good[len(good)-size:])
				whole(t, fmt.Sprint("overwritten page ", at/size), path, content, want)
			}
			for at, b := range good {
				often := 40
				if at%size < 128 { // where the numbers are
					often = 4
				}
				if (b != 0 || at%size < 128) && random.IntN(often*(agents+9)/10) == 0 {
					content := slices.Clone(good)
					content[at] ^= 1 << random.IntN(8)
					whole(t, fmt.Sprint("flip at ", at), path, content, want)
				}
			}
		})
	}
}

// A page that leads to itself, or to where another one leads, is not followed.
func TestPagesInCircles(t *testing.T) {
	t.Parallel()
	path, good, want := written(t, 100)
	size, circles := os.Getpagesize(), 0
	for at := 2 * size; at < len(good); at += size {
		const branch = 1
		if binary.NativeEndian.Uint16(good[at+8:]) != branch {
			continue
		}
		for to := range len(good) / size {
			content := slices.Clone(good)
			was := binary.NativeEndian.Uint64(content[at+16+8:])
			binary.NativeEndian.PutUint64(content[at+16+8:], uint64(to))
			refused := whole(t, fmt.Sprintf("page %d that leads to %d", at/size, to), path, content, want)
			if !refused && was != uint64(to) {
				continue // the page is not in use any more
			}
			circles++
		}
	}
	if circles == 0 {
		t.Fatal("there was no branch to change")
	}
}

// The first versions wrote no checksum. What they wrote is read, and has one from then on.
func TestFilesWithoutChecksum(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "registry.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("registry"))
		if err != nil {
			return err
		}
		return errors.Join(b.Put([]byte("cluster"), []byte("old")), b.Put([]byte("agents/S0"), []byte("old agent")))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"old", "the next leader"} {
		got, err := read(t, path)
		if err != nil || got["cluster"] != want || got["agents/S0"] != "old agent" {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.ReplaceAll(content, []byte("old agent"), []byte("new agent"))
	if !whole(t, "a change after that", path, changed, nil) {
		t.Error("a changed record is read")
	}
}

// A file that is cut under a master that uses it ends in an error, too.
func TestFileIsCutWhileOpen(t *testing.T) {
	t.Parallel()
	path, _, _ := written(t, 100)
	s := open(t, path)
	term, _, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	var damaged *localfile.DamagedError
	err = s.Commit(t.Context(), term, []registrar.Change{{Key: "agents/S050", Value: []byte("changed")}})
	if !errors.As(err, &damaged) {
		t.Errorf("a commit: %v", err)
	}
	if _, _, err := s.Lead(t.Context()); err == nil {
		t.Error("it is read again")
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func BenchmarkCommit(b *testing.B) {
	s, err := localfile.Open(filepath.Join(b.TempDir(), "registry.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	term, _, err := s.Lead(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	value := bytes.Repeat([]byte("an agent "), 60)
	for i := 0; b.Loop(); i++ {
		changes := make([]registrar.Change, 100)
		for j := range changes {
			changes[j] = registrar.Change{Key: fmt.Sprintf("agents/S%d", 100*i+j), Value: value}
		}
		if err := s.Commit(b.Context(), term, changes); err != nil {
			b.Fatal(err)
		}
	}
}
