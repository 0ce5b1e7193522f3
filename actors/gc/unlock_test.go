package gc

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What a task has put where its folders were is neither followed nor changed.
func TestUnlockFollowsNoLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside, sandbox := filepath.Join(dir, "outside"), filepath.Join(dir, "sandbox")
	for _, folder := range []string{outside, filepath.Join(sandbox, "locked", "deep")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]fs.FileMode{outside: 0o750, filepath.Join(sandbox, "locked"): 0o500} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{filepath.Join(sandbox, "link"), filepath.Join(sandbox, "locked", "deep", "link"), filepath.Join(dir, "path")} {
		if err := os.Symlink(outside, link); err != nil {
			t.Fatal(err)
		}
	}
	unlock(sandbox)
	unlock(filepath.Join(dir, "path"))
	unlock(filepath.Join(dir, "nowhere"))
	for path, want := range map[string]fs.FileMode{outside: 0o750, filepath.Join(sandbox, "locked"): 0o700, filepath.Join(sandbox, "locked", "deep"): 0o700} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}
