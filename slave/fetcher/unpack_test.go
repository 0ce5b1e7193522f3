package fetcher_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"meseta/slave/fetcher"
)

func (k kitchen) lstat(t *testing.T, name string) fs.FileInfo {
	t.Helper()
	info, err := os.Lstat(filepath.Join(k.sandbox, name))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func symlink(name, target string) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}
}

func hardlink(name, target string) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target, Mode: 0o644}
}

func directory(name string, mode int64) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: mode}
}

// Modes and times are the archive's, those of folders also when something comes into them later.
func TestModesAndTimes(t *testing.T) {
	t.Parallel()
	then := time.Unix(1e9, 0)
	headers := []*tar.Header{directory("d", 0o500), file("d/f"), symlink("d/l", "f"), directory("kept", 0o700), file("setuid"), directory(".", 0o700)}
	headers[4].Mode = 0o6755
	for _, h := range headers {
		h.ModTime = then
	}
	k := newKitchen(t, map[string][]byte{"x.tar": tarball(t, headers...)})
	if err := os.Mkdir(filepath.Join(k.sandbox, "kept"), 0o750); err != nil {
		t.Fatal(err)
	}
	before := k.lstat(t, ".").Mode()
	if err := k.fetch(uri("x.tar")); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{
		"d": fs.ModeDir | 0o500, "d/f": 0o750, "kept": fs.ModeDir | 0o750, "setuid": 0o755, ".": before,
	} {
		if info := k.lstat(t, name); info.Mode() != mode || !info.ModTime().Equal(then) {
			t.Errorf("%s has mode %v of %v, want %v of %v", name, info.Mode(), info.ModTime(), mode, then)
		}
	}
	if info := k.lstat(t, "d/l"); !info.ModTime().Equal(then) {
		t.Errorf("the link is of %v", info.ModTime())
	}
}

// What is there gives way to what an archive holds, links too, but for a folder with something in it.
func TestOverwriting(t *testing.T) {
	t.Parallel()
	first := tarball(t, file("f"), symlink("l", "f"), hardlink("h", "f"), file("was-file"), directory("was-empty", 0o755),
		symlink("was-link", "f"), directory("full", 0o755), file("full/f"), symlink("to-folder", "full"))
	second := tarball(t, file("f"), symlink("l", "other"), hardlink("h", "f"), file("was-file/f"), file("was-empty"),
		file("was-link"), directory("to-folder", 0o755), file("to-folder/g"))
	k := newKitchen(t, map[string][]byte{"1.tar": first, "2.tar": second, "3.tar": tarball(t, file("full"))})
	if err := k.fetch(uri("1.tar"), uri("1.tar"), uri("2.tar"), uri("2.tar")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"f": "content of f", "h": "content of f", "was-file/f": "content of was-file/f", "was-empty": "content of was-empty",
		"was-link": "content of was-link", "full/f": "content of full/f", "full/g": "content of to-folder/g",
	} {
		k.holds(t, name, want)
	}
	if target, err := os.Readlink(filepath.Join(k.sandbox, "l")); err != nil || target != "other" {
		t.Errorf("the link leads to %q (%v)", target, err)
	}
	if err := k.fetch(uri("3.tar")); err == nil {
		t.Error("a folder with something in it was replaced")
	}
}

// Names are taken as they are, and end in the sandbox; what a sandbox cannot hold is left out.
func TestOddNames(t *testing.T) {
	t.Parallel()
	names := []string{"/absolute", "//twice", "./dot/./f", "a//b", " ", "new\nline", "*", "-rf", "é", strings.Repeat("long/", 50) + "f"}
	headers := []*tar.Header{
		{Name: "pipe", Typeflag: tar.TypeFifo, Mode: 0o666}, {Name: "zero", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5, Mode: 0o666},
	}
	for _, name := range names {
		headers = append(headers, file(name))
	}
	k := newKitchen(t, map[string][]byte{"x.tar": tarball(t, headers...), "x.zip": zipped(t, names...)})
	for _, source := range []string{"x.tar", "x.zip"} {
		if err := k.fetch(uri(source)); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			k.holds(t, filepath.Join("./", name), "content of "+name)
			if err := os.Remove(filepath.Join(k.sandbox, name)); err != nil {
				t.Error(err)
			}
		}
	}
	for _, name := range []string{"pipe", "zero"} {
		if _, err := os.Lstat(filepath.Join(k.sandbox, name)); err == nil {
			t.Errorf("%s was made", name)
		}
	}
}

func zipped(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte("content of " + name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What an archive is is told by its content; nothing is an archive of nothing.
func TestFormatsByContent(t *testing.T) {
	t.Parallel()
	plain := tarball(t, file("f"))
	k := newKitchen(t, map[string][]byte{
		"plain.tgz": plain, "zip.tar": zipped(t, "f"), "twice.tar": gzipped(t, gzipped(t, plain)), "none.tar.gz": nil,
		"cut.tgz": gzipped(t, plain)[:60], "text.zip": []byte(strings.Repeat("no archive at all ", 100)),
	})
	for _, source := range []string{"plain.tgz", "zip.tar", "twice.tar"} {
		if err := k.fetch(uri(source)); err != nil {
			t.Fatal(err)
		}
		k.holds(t, "f", "content of f")
		if err := os.Remove(filepath.Join(k.sandbox, "f")); err != nil {
			t.Error(err)
		}
	}
	if err := k.fetch(uri("none.tar.gz")); err != nil {
		t.Error(err)
	}
	for _, source := range []string{"cut.tgz", "text.zip"} {
		if err := k.fetch(uri(source)); err == nil {
			t.Errorf("%s was unpacked", source)
		}
	}
}

// A file with holes has its size and not its blocks, also if it is of GNU tar's own kind.
func TestHoles(t *testing.T) {
	t.Parallel()
	k := newKitchen(t, map[string][]byte{"holes": nil})
	const size = 1 << 26
	path := filepath.Join(k.home, "holes")
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	for i, flags := range []string{"-Scf", "-cf"} {
		name := fmt.Sprintf("%d.tar", i)
		cmd := exec.Command("tar", flags, name, "holes")
		cmd.Dir = k.home
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := k.fetch(uri(name)); err != nil {
			t.Fatal(err)
		}
		info := k.lstat(t, "holes")
		if blocks := info.Sys().(*syscall.Stat_t).Blocks; info.Size() != size || blocks > 1000 {
			t.Errorf("tar %s: %d bytes in %d blocks", flags, info.Size(), blocks)
		}
	}
}

func TestLinksInZip(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range []struct {
		name, text string
		mode       fs.FileMode
	}{{"z/f", "x", 0o640}, {"z/l", "f", fs.ModeSymlink | 0o777}, {"z/d/", "", fs.ModeDir | 0o700}} {
		h := &zip.FileHeader{Name: e.name, Modified: time.Unix(1e9, 0)}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(e.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	k := newKitchen(t, map[string][]byte{"x.zip": b.Bytes()})
	if err := k.fetch(uri("x.zip")); err != nil {
		t.Fatal(err)
	}
	k.holds(t, "z/l", "x")
	for name, mode := range map[string]fs.FileMode{"z/f": 0o640, "z/d": fs.ModeDir | 0o700} {
		if info := k.lstat(t, name); info.Mode() != mode || !info.ModTime().Equal(time.Unix(1e9, 0)) {
			t.Errorf("%s has mode %v of %v", name, info.Mode(), info.ModTime())
		}
	}
	if info := k.lstat(t, "z/l"); info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("z/l is %v", info.Mode())
	}
}

// outside describes what is in a folder around a sandbox, but not in the sandbox.
func outside(t testing.TB, around, sandbox string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(around, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if path == sandbox {
			return filepath.SkipDir
		}
		content := []byte(nil)
		if info.Mode().IsRegular() {
			content, err = os.ReadFile(path)
		}
		s := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%s %v %d:%d %d names, %v %q\n", path, info.Mode(), s.Uid, s.Gid, s.Nlink, info.ModTime(), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// guarded is a sandbox in a folder with things that must not be touched.
func guarded(t testing.TB) (k kitchen, untouched func()) {
	t.Helper()
	around := t.TempDir()
	k = kitchen{home: t.TempDir(), sandbox: filepath.Join(around, "sandbox")}
	for _, dir := range []string{"sandbox", "secret"} {
		if err := os.Mkdir(filepath.Join(around, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(around, "secret/file"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := outside(t, around, k.sandbox)
	return k, func() {
		t.Helper()
		if after := outside(t, around, k.sandbox); after != before {
			t.Errorf("outside of the sandbox there was\n%sand now is\n%s", before, after)
		}
	}
}

// Whatever archives hold, in a storm of links to everywhere, nothing outside of the sandbox is touched.
func TestStormOfLinks(t *testing.T) {
	t.Parallel()
	for seed := range int64(10) {
		r := rand.New(rand.NewSource(seed))
		k, untouched := guarded(t)
		names := []string{"a", "b", "a/b", "a/c", "b/a", "b/c/d", "c", ".", "a/b/file", "/a", "c/secret/file"}
		targets := []string{
			"a", "b", "..", "../secret", "../secret/file", "/", filepath.Dir(k.sandbox) + "/secret", k.sandbox, "../../..", ".", "a/../..",
			"../sandbox", "c", filepath.Dir(k.sandbox) + "/secret/file", "../new",
		}
		pick := func(all []string) string { return all[r.Intn(len(all))] }
		var uris []string
		for n := range 4 {
			var headers []*tar.Header
			for range 12 {
				switch r.Intn(5) {
				case 0:
					headers = append(headers, directory(pick(names), int64(r.Intn(0o1000))))
				case 1:
					headers = append(headers, hardlink(pick(names), pick(append(names, targets...))))
				case 2:
					headers = append(headers, file(pick(names)))
				default:
					headers = append(headers, symlink(pick(names), pick(targets)))
				}
			}
			for i, h := range headers { // each alone: what is refused does not keep the others away
				name := fmt.Sprintf("%d-%d.tar", n, i)
				if err := os.WriteFile(filepath.Join(k.home, name), tarball(t, h), 0o600); err != nil {
					t.Fatal(err)
				}
				uris = append(uris, name)
			}
		}
		for _, u := range uris {
			_ = k.fetch(uri(u, named(pick(names)+".tar")))     // may be refused
			_ = k.fetch(uri(u, whole, named(pick(names[:8])))) // over what is there, links too
		}
		untouched()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// FuzzUnpack gives any bytes for an archive.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	var t testing.T
	plain := tarball(&t, directory("d", 0o755), file("d/f"), symlink("l", "../secret"), hardlink("h", "d/f"), file("l/f"))
	for _, seed := range [][]byte{plain, gzipped(&t, plain), zipped(&t, "a", "../b", "/c"), []byte("BZh9"), []byte("\xfd7zXZ\x00"), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		k, untouched := guarded(t)
		if err := os.WriteFile(filepath.Join(k.home, "x.tar"), archive, 0o600); err != nil {
			t.Fatal(err)
		}
		o := fetcher.Options{FrameworksHome: k.home, Clock: stopwatch{}, Room: full}
		_ = k.fetchWith(t.Context(), o, uri("x.tar")) // may be refused
		untouched()
	})
}
