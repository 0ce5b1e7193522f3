//go:build linux

package descent_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"meseta/runtime/disk/descent"
)

// dig makes a directory in one, another in that, and so on, and removes them in the end.
func dig(t *testing.T, in string, depth int) {
	t.Helper()
	var way []int
	at, err := unix.Open(in, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	name := strings.Repeat("d", 200)
	for range depth {
		if err == nil {
			err = unix.Mkdirat(at, name, 0o755)
		}
		way = append(way, at)
		if err == nil {
			at, err = unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(at)
	t.Cleanup(func() {
		for _, fd := range slices.Backward(way) {
			if err := unix.Unlinkat(fd, name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
				t.Error(err)
			}
			unix.Close(fd)
		}
	})
}

// A tree is visited to its end, deeper than any path can say, whatever its names are; links are not followed.
func TestWalk(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	const depth = 50
	dig(t, dir, depth)
	if err := os.WriteFile(filepath.Join(outside, "outside"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "no\xffname"), 0o700), os.WriteFile(filepath.Join(dir, "no\xffname", "f"), nil, 0o600),
		os.Symlink(outside, filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	var names, left []string
	entered := 0
	err := descent.Walk(dir, descent.Visitor{
		Enter: func(int) error { entered++; return nil },
		File:  func(_ int, name string) error { names = append(names, name); return nil },
		Leave: func(_ int, name string) error { left = append(left, name); return nil },
	})
	slices.Sort(names)
	if err != nil || entered != depth+2 || len(left) != depth+1 || len(names) != depth+3 || !slices.Contains(names, "f") || slices.Contains(names, "outside") {
		t.Errorf("%v; entered %d directories, left %d; names %q", err, entered, len(left), slices.Compact(names))
	}
}

// A directory that is moved out of the tree does not lead out of it.
func TestWalkMoved(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "a/b"), 0o700), os.Mkdir(filepath.Join(outside, "precious"), 0o700)); err != nil {
		t.Fatal(err)
	}
	depth := 0
	err := descent.Walk(dir, descent.Visitor{
		Enter: func(int) error {
			if depth++; depth == 2 {
				return os.Rename(filepath.Join(dir, "a"), filepath.Join(outside, "a"))
			}
			return nil
		},
		File: func(_ int, name string) error {
			if name == "precious" {
				t.Error("it visits what is outside")
			}
			return nil
		},
	})
	if !errors.Is(err, descent.ErrMoved) {
		t.Errorf("%v", err)
	}
	if err := descent.Walk(filepath.Join(dir, "none"), descent.Visitor{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
