package input_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"meseta/cmd/mesos-mapreduce/mapreduce/input"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
)

func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"b.go": "1", "a/x.go": "22", "a/y.txt": "333", "a/empty.go": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	links := t.TempDir()
	for link, to := range map[string]string{
		filepath.Join(dir, "link.go"): "b.go", filepath.Join(links, "file"): filepath.Join(dir, "b.go"), filepath.Join(links, "folder"): dir,
	} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	names := func(roots []string, pattern string) string {
		files, err := input.Find(roots, pattern)
		if err != nil {
			return "error"
		}
		var out []string
		for _, f := range files {
			out = append(out, fmt.Sprintf("%s %d", strings.TrimPrefix(f.Path, dir+"/"), f.Size))
		}
		return strings.Join(out, ", ")
	}
	for _, c := range []struct {
		roots   []string
		pattern string
		want    string
	}{
		{[]string{dir}, "", "a/empty.go 0, a/x.go 2, a/y.txt 3, b.go 1"},
		{[]string{dir}, "*.go", "a/empty.go 0, a/x.go 2, b.go 1"},
		{[]string{dir + "/b.go", dir + "/a/y.txt"}, "*.go", "b.go 1, a/y.txt 3"},
		{[]string{links + "/folder", links + "/file"}, "x.go", "a/x.go 2, b.go 1"},
		{[]string{dir + "/nowhere"}, "", "error"},
		{[]string{dir}, "[", "error"},
	} {
		if got := names(c.roots, c.pattern); got != c.want {
			t.Errorf("%v %q: got %q, want %q", c.roots, c.pattern, got, c.want)
		}
	}
}

func TestWhatCannotBeReadIsRefusedBeforeTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("text"), 0o200); err != nil {
		t.Fatal(err)
	}
	err := asNobody(t, filepath.Dir(dir), func() error {
		_, err := input.Find([]string{dir}, "")
		return err
	})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
}

// asNobody calls look without the capabilities with which root reads everything. It makes the test's directories
// visible to others.
func asNobody(t *testing.T, folders string, look func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		return look()
	}
	if err := os.Chmod(folders, 0o755); err != nil {
		t.Fatal(err)
	}
	looked := make(chan error, 1)
	go func() {
		goruntime.LockOSThread() // not unlocked, so that the thread, which has no rights any more, ends
		if err := unix.Setfsuid(65534); err != nil {
			looked <- err
			return
		}
		looked <- look()
	}()
	return <-looked
}

// However files are divided, every line is read once, and no split exceeds its size.
func TestEveryLineOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	number := 0
	rapid.Check(t, func(rt *rapid.T) {
		var files []input.File
		want := map[string]int{}
		for range rapid.IntRange(1, 4).Draw(rt, "files") {
			number++
			content := rapid.StringOf(rapid.RuneFrom([]rune("ab\n"))).Draw(rt, "content")
			if rapid.Bool().Draw(rt, "long") {
				content += strings.Repeat("x", 100_000) + "\nend"
			}
			path := filepath.Join(dir, fmt.Sprint(number))
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				rt.Fatal(err)
			}
			files = append(files, input.File{Path: path, Size: int64(len(content))})
			offset := 0
			for line := range strings.Lines(content) {
				want[fmt.Sprintf("%s %d %s", path, offset, strings.TrimSuffix(line, "\n"))]++
				offset += len(line)
			}
		}
		size := rapid.Int64Range(1, 50).Draw(rt, "size")
		if total(files) > 1000 {
			size *= 1000
		}
		got := map[string]int{}
		for _, s := range input.Cut(files, size) {
			if s.Bytes > size || s.Bytes == 0 {
				rt.Fatalf("a split of %d bytes", s.Bytes)
			}
			err := input.Read(context.Background(), s, func(l job.Line) { got[fmt.Sprintf("%s %d %s", l.File, l.Offset, l.Text)]++ })
			if err != nil {
				rt.Fatal(err)
			}
		}
		for line, n := range want {
			if got[line] != n {
				rt.Fatalf("%.80q was read %d times", line, got[line])
			}
		}
		if len(got) != len(want) {
			rt.Fatalf("%d lines were read, there are %d", len(got), len(want))
		}
	})
}

func total(files []input.File) (n int64) {
	for _, f := range files {
		n += f.Size
	}
	return n
}
