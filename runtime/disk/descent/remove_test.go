//go:build linux

package descent_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"meseta/runtime/disk/descent"
)

// fewFiles is set for a test process that may have only a few files open.
const fewFiles = "MESETA_TEST_FEW_FILES"

// A tree that is deeper than the process may have files open is removed with one directory open at a time.
func TestRemoveDeepTree(t *testing.T) {
	const depth, files = 500, 64
	if os.Getenv(fewFiles) != "" {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}); err != nil {
			t.Fatal(err)
		}
		if err := descent.Remove(os.Getenv(fewFiles)); err != nil {
			t.Error(err)
		}
		return
	}
	t.Parallel()
	top := filepath.Join(t.TempDir(), "top")
	if err := os.Mkdir(top, 0o700); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Open(top, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	for range depth {
		if err != nil {
			t.Fatal(err)
		}
		err = unix.Mkdirat(at, "d", 0o700)
		if err == nil {
			var below int
			below, err = unix.Openat(at, "d", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			unix.Close(at)
			at = below
		}
	}
	unix.Close(at)
	c := exec.Command(os.Args[0], "-test.run=^TestRemoveDeepTree$")
	c.Env = append(os.Environ(), fewFiles+"="+top)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Lstat(top); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// Everything in a tree goes, and nothing that links of it lead to. Files go, too, and what is not there is no error.
func TestRemove(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	tree := filepath.Join(dir, "tree")
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(tree, "a/b/c"), 0o700), os.MkdirAll(filepath.Join(tree, strings.Repeat("x", 255)), 0o700),
		os.WriteFile(filepath.Join(tree, "a/b/no\xffname"), nil, 0o600), os.WriteFile(filepath.Join(outside, "kept"), nil, 0o600),
		os.Symlink(outside, filepath.Join(tree, "a/link")), os.Symlink(outside, filepath.Join(dir, "link")),
		os.WriteFile(filepath.Join(dir, "file"), nil, 0o600), unix.Mkfifo(filepath.Join(tree, "a/pipe"), 0o600))
	for i := range 1000 { // more than the kernel lists at once
		must(os.WriteFile(filepath.Join(tree, "a/b", strings.Repeat("f", 20)+string(rune('a'+i%26))+strings.Repeat("g", i/26)), nil, 0o600))
	}
	for _, name := range []string{"tree", "tree", "link", "file", "none/below"} {
		if err := descent.Remove(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	left, err := os.ReadDir(dir)
	if _, kept := os.Lstat(filepath.Join(outside, "kept")); err != nil || len(left) > 0 || kept != nil {
		t.Errorf("%v; left are %v; outside: %v", err, left, kept)
	}
}

// In an open directory, a name is removed whatever the directory is called meanwhile.
func TestRemoveIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "old/tree/a"), 0o700); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(filepath.Join(dir, "old"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := errors.Join(os.Rename(filepath.Join(dir, "old"), filepath.Join(dir, "new")), descent.RemoveIn(in, "tree")); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "new/tree")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// What must not be removed stays, with the error that says so; the rest goes.
func TestRemoveWithoutPermission(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may remove everything")
	}
	dir := t.TempDir()
	locked := filepath.Join(dir, "tree/locked")
	if err := errors.Join(os.MkdirAll(filepath.Join(locked, "a"), 0o700), os.MkdirAll(filepath.Join(dir, "tree/open/b"), 0o700), os.Chmod(locked, 0)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(locked, 0o700) })
	if err := descent.Remove(filepath.Join(dir, "tree")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "tree")); len(left) != 1 || left[0].Name() != "locked" {
		t.Errorf("left are %v", left)
	}
}
