package layer_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"meseta/slave/provisioner/layer"
)

var then = time.Unix(1_500_000_000, 0)

// entry returns an entry of an archive. What is written after an arrow is the target of a link, after a colon the content.
func entry(text string) (tar.Header, string) {
	h := tar.Header{Name: text, Mode: 0o644, ModTime: then, Typeflag: tar.TypeReg}
	content := ""
	switch {
	case strings.Contains(text, " -> "):
		h.Typeflag = tar.TypeSymlink
		h.Name, h.Linkname, _ = strings.Cut(text, " -> ")
	case strings.Contains(text, " = "):
		h.Typeflag = tar.TypeLink
		h.Name, h.Linkname, _ = strings.Cut(text, " = ")
	case strings.HasSuffix(text, "/"):
		h.Typeflag, h.Mode = tar.TypeDir, 0o755
	default:
		h.Name, content, _ = strings.Cut(text, ":")
		h.Size = int64(len(content))
	}
	return h, content
}

func archive(t testing.TB, edit func(*tar.Header), entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, text := range entries {
		h, content := entry(text)
		h.Uid, h.Gid = os.Getuid(), os.Getgid()
		if edit != nil {
			edit(&h)
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func folder(t testing.TB) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

var small = layer.Limits{Bytes: 1 << 20, Entries: 100}

func extract(t testing.TB, w layer.Whiteouts, archives ...[]byte) (string, error) {
	t.Helper()
	root, dir := folder(t)
	for _, a := range archives {
		if err := layer.Extract(context.Background(), bytes.NewReader(a), root, w, small); err != nil {
			return dir, err
		}
	}
	return dir, nil
}

// list returns what is in a directory: names, and the contents of files and links.
func list(t testing.TB, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, dir+"/")
		switch {
		case err != nil || path == dir:
			return err
		case d.IsDir():
			name += "/"
			if n, _ := unix.Getxattr(path, "trusted.overlay.opaque", make([]byte, 1)); n == 1 {
				name += " opaque"
			}
		case d.Type()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			name += " -> " + target
		case d.Type()&fs.ModeCharDevice != 0:
			name += " device"
		case d.Type()&fs.ModeNamedPipe != 0:
			name += " pipe"
		default:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name += ":" + string(content)
		}
		all = append(all, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestExtract(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ entries, want []string }{
		"all kinds":           {[]string{"a/", "a/f:x", "a/l -> f", "a/h = a/f"}, []string{"a/", "a/f:x", "a/h:x", "a/l -> f"}},
		"names from the root": {[]string{"./", "/a/", "./a/f:x", "/h = /a/f"}, []string{"a/", "a/f:x", "h:x"}},
		"missing directories": {[]string{"a/b/c:x"}, []string{"a/", "a/b/", "a/b/c:x"}},
		"links that lead out": {[]string{"a -> /etc/passwd", "b -> ../../x"}, []string{"a -> /etc/passwd", "b -> ../../x"}},
		"the later wins":      {[]string{"a:1", "a:2", "b/", "b/x:1", "b -> c", "d -> a", "d:3"}, []string{"a:2", "b -> c", "d:3"}},
		"directories twice":   {[]string{"a/", "a/b:1", "a/"}, []string{"a/", "a/b:1"}},
		"whiteouts are kept":  {[]string{".wh.x:", "a/.wh..wh..opq:"}, []string{".wh.x:", "a/", "a/.wh..wh..opq:"}},
	} {
		dir, err := extract(t, layer.Keep, archive(t, nil, test.entries...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, list(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Nothing is created outside of the directory, and nothing outside is changed.
func TestEscapes(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]string{
		"dots":                     {"../x:1"},
		"dots in the middle":       {"a/", "a/../../x:1"},
		"through a link":           {"a -> ..", "a/x:1"},
		"through an absolute link": {"a -> /tmp", "a/x:1"},
		"hard link to dots":        {"a = ../secret"},
		"hard link through a link": {"a -> ..", "b = a/secret", "b:1"},
		"directory through a link": {"a -> ..", "a/b/"},
		"whiteout through a link":  {"a -> ..", "a/.wh.secret:"},
		"whiteout of dots":         {".wh...:"},
		"opaque through a link":    {"a -> ..", "a/.wh..wh..opq:"},
		"link through a link":      {"a -> ..", "a/b -> c"},
	} {
		for _, w := range []layer.Whiteouts{layer.Keep, layer.Overlay, layer.Apply} {
			around, dir := folder(t)
			if err := around.WriteFile("secret", []byte("s"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := around.Mkdir("layer", 0o755); err != nil {
				t.Fatal(err)
			}
			root, err := around.OpenRoot("layer")
			if err != nil {
				t.Fatal(err)
			}
			err = layer.Extract(context.Background(), bytes.NewReader(archive(t, nil, entries...)), root, w, small)
			root.Close()
			if err == nil && (w != layer.Keep || !strings.HasPrefix(name, "whiteout of")) {
				t.Errorf("%s: extracted with whiteouts %d", name, w)
			}
			if err := around.RemoveAll("layer"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"secret:s"}, list(t, dir)); diff != "" {
				t.Errorf("%s, outside of the layer: %s", name, diff)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint(i, ":")
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(archive(t, nil, "zeros:"+strings.Repeat("0", 2<<20))); err != nil {
		t.Fatal(err)
	}
	z.Close()
	var cut bytes.Buffer
	z.Reset(&cut)
	if _, err := z.Write(archive(t, nil, "a:x")); err != nil {
		t.Fatal(err)
	}
	z.Close()
	whole := archive(t, nil, "a:"+strings.Repeat("x", 2000))
	var other bytes.Buffer
	z = gzip.NewWriter(&other)
	if _, err := z.Write(whole); err != nil {
		t.Fatal(err)
	}
	z.Close()
	other.Bytes()[other.Len()-8] ^= 1
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"a large file":       {archive(t, nil, "a:"+strings.Repeat("x", 1<<20+1)), "larger than it may be"},
		"many files":         {archive(t, nil, many...), "more files than it may have"},
		"a bomb":             {bomb.Bytes(), "larger than it may be"},
		"cut in a file":      {whole[:1000], "unexpected EOF"},
		"no archive":         {bytes.Repeat([]byte("x"), 1024), "read the archive"},
		"no compression":     {[]byte{0x1f, 0x8b, 1, 2}, "decompress the archive"},
		"cut in compression": {cut.Bytes()[:cut.Len()-20], "unexpected EOF"},
		"cut at its end":     {cut.Bytes()[:cut.Len()-4], "unexpected EOF"},
		"another checksum":   {other.Bytes(), "invalid checksum"},
	} {
		if _, err := extract(t, layer.Keep, test.content); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// Zeros take no room on the disk: neither those of an archive, nor those of a layer that is copied.
func TestZeros(t *testing.T) {
	t.Parallel()
	content := "begin" + strings.Repeat("\x00", 700_000) + "end" + strings.Repeat("\x00", 200_000)
	first, err := extract(t, layer.Keep, archive(t, nil, "a:"+content))
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.OpenRoot(first)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, second := folder(t)
	if err := layer.Copy(t.Context(), from, to, small); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{first, second} {
		got, err := os.ReadFile(filepath.Join(dir, "a"))
		if err != nil || string(got) != content {
			t.Errorf("%d bytes, want %d; %v", len(got), len(content), err)
		}
		var about unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, "a"), &about); err != nil || about.Blocks*512 > 128<<10 {
			t.Errorf("%d bytes take %d on the disk; %v", len(content), about.Blocks*512, err)
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	plain := archive(t, nil, "a:x")
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	s, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{g, s} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	for name, content := range map[string][]byte{"none": plain, "gzip": gz.Bytes(), "zstd": zs.Bytes()} {
		dir, err := extract(t, layer.Keep, content)
		if got := list(t, dir); err != nil || len(got) != 1 || got[0] != "a:x" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	modes := map[string]int64{"d/": 0o1777, "d/f:": 0o4755, "d/g:": 0, "r/": 0o500, "r/f:": 0o444}
	dir, err := extract(t, layer.Keep, archive(t, func(h *tar.Header) {
		for text, mode := range modes {
			if strings.TrimSuffix(text, ":") == h.Name {
				h.Mode = mode
			}
		}
	}, "d/", "d/f:", "d/g:", "r/", "r/f:", "r/l -> f"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range modes {
		var stat unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, strings.TrimSuffix(text, ":")), &stat); err != nil || int64(stat.Mode&0o7777) != want {
			t.Errorf("%s has mode %o, want %o; %v", text, stat.Mode, want, err)
		}
		if stat.Mtim.Sec != then.Unix() {
			t.Errorf("%s is of %d", text, stat.Mtim.Sec)
		}
	}
}

func asRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can create devices, and give files to others")
	}
}

func TestOwnersDevicesAttributes(t *testing.T) {
	asRoot(t)
	t.Parallel()
	dir, err := extract(t, layer.Keep, archive(t, func(h *tar.Header) {
		h.Uid, h.Gid = 1234, 5678
		switch h.Name {
		case "null":
			h.Typeflag, h.Devmajor, h.Devminor = tar.TypeChar, 1, 3
		case "pipe":
			h.Typeflag = tar.TypeFifo
		case "f":
			h.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b", "SCHILY.xattr.trusted.overlay.redirect": "/etc"}
		}
	}, "null", "pipe", "f:x", "l -> f", "d/"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"d/", "f:x", "l -> f", "null device", "pipe pipe"}, list(t, dir)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"null", "pipe", "f", "l", "d"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); s.Uid != 1234 || s.Gid != 5678 || name == "null" && s.Rdev != unix.Mkdev(1, 3) {
			t.Errorf("%s has owner %d:%d, device %d", name, s.Uid, s.Gid, s.Rdev)
		}
	}
	value := make([]byte, 10)
	if n, err := unix.Getxattr(filepath.Join(dir, "f"), "user.a", value); err == nil && string(value[:n]) != "b" {
		t.Errorf("user.a is %q", value[:n])
	}
	if _, err := unix.Getxattr(filepath.Join(dir, "f"), "trusted.overlay.redirect", value); !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
		t.Errorf("an image tells overlayfs where files are: %v", err)
	}
}

func TestOverlayWhiteouts(t *testing.T) {
	asRoot(t)
	t.Parallel()
	for name, test := range map[string]struct{ entries, want []string }{
		"a file":                  {[]string{".wh.x:"}, []string{"x device"}},
		"a directory's content":   {[]string{"d/", "d/.wh..wh..opq:", "d/f:1"}, []string{"d/ opaque", "d/f:1"}},
		"a new file":              {[]string{".wh.x:", "x:1"}, []string{"x:1"}},
		"a new file before":       {[]string{"x:1", ".wh.x:"}, []string{"x:1"}},
		"a new directory":         {[]string{".wh.x:", "x/", "x/f:1"}, []string{"x/ opaque", "x/f:1"}},
		"a new directory before":  {[]string{"x/", "x/f:1", ".wh.x:"}, []string{"x/ opaque", "x/f:1"}},
		"in a missing directory":  {[]string{"a/b/.wh.x:"}, []string{"a/", "a/b/", "a/b/x device"}},
		"what is only about aufs": {[]string{".wh..wh.plnk:", "a:1"}, []string{"a:1"}},
	} {
		dir, err := extract(t, layer.Overlay, archive(t, nil, test.entries...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, list(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Layers that are copied one onto the other show what overlayfs shows.
func TestCopy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lower, upper, want []string
	}{
		"more":                      {[]string{"a:1"}, []string{"b:2"}, []string{"a:1", "b:2"}},
		"newer":                     {[]string{"a:1", "d/", "d/a:1"}, []string{"a:2", "d/", "d/b:2"}, []string{"a:2", "d/", "d/a:1", "d/b:2"}},
		"hidden":                    {[]string{"a:1", "b:1"}, []string{".wh.a:"}, []string{"b:1"}},
		"hidden directory":          {[]string{"d/", "d/a:1"}, []string{".wh.d:"}, nil},
		"opaque":                    {[]string{"d/", "d/a:1", "d/.z:1"}, []string{"d/", "d/.b:2", "d/.wh..wh..opq:", "d/c:2"}, []string{"d/", "d/.b:2", "d/c:2"}},
		"hidden and new":            {[]string{"d/", "d/a:1"}, []string{"d/", "d/b:2", ".wh.d:"}, []string{"d/", "d/b:2"}},
		"directory over a link":     {[]string{"a -> /etc"}, []string{"a/", "a/b:2"}, []string{"a/", "a/b:2"}},
		"opaque over a link":        {[]string{"a -> .."}, []string{"a/", "a/.wh..wh..opq:"}, []string{"a/"}},
		"file over a link":          {[]string{"a -> b", "b:1"}, []string{"a:2"}, []string{"a:2", "b:1"}},
		"file over a directory":     {[]string{"a/", "a/b:1"}, []string{"a:2"}, []string{"a:2"}},
		"hard links stay together":  {nil, []string{"a:1", "b = a", "c = a"}, []string{"a:1", "b:1", "c:1"}},
		"link over a hard link":     {[]string{"a:1", "b = a"}, []string{"b:2"}, []string{"a:1", "b:2"}},
		"nothing to hide":           {[]string{"a:1"}, []string{".wh.b:", "c/", "c/.wh..wh..opq:"}, []string{"a:1", "c/"}},
		"links that lead elsewhere": {[]string{"a -> /x"}, []string{"b -> ../y"}, []string{"a -> /x", "b -> ../y"}},
	} {
		to, dir := folder(t)
		for _, entries := range [][]string{test.lower, test.upper} {
			source, err := extract(t, layer.Keep, archive(t, nil, entries...))
			if err != nil {
				t.Fatal(err)
			}
			from, err := os.OpenRoot(source)
			if err != nil {
				t.Fatal(err)
			}
			if err := layer.Copy(context.Background(), from, to, small); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			from.Close()
		}
		if diff := cmp.Diff(test.want, list(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if strings.HasPrefix(name, "hard") {
			info, err := os.Stat(filepath.Join(dir, "a"))
			if err != nil || info.Sys().(*syscall.Stat_t).Nlink != 3 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	root, dir := folder(t)
	if err := layer.Extract(ctx, bytes.NewReader(archive(t, nil, "a:x")), root, layer.Keep, small); !errors.Is(err, context.Canceled) {
		t.Errorf("extracted: %v", err)
	}
	source, err := extract(t, layer.Keep, archive(t, nil, "a:x"))
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.OpenRoot(source)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if err := layer.Copy(ctx, from, root, small); !errors.Is(err, context.Canceled) {
		t.Errorf("copied: %v", err)
	}
	if got := list(t, dir); got != nil {
		t.Errorf("there is %v", got)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(archive(f, nil, "a/", "a/f:x", "l -> ..", "h = a/f", ".wh.x:", "a/.wh..wh..opq:"))
	f.Add(archive(f, nil, "a -> /etc", "b/"))
	f.Fuzz(func(t *testing.T, content []byte) {
		around, dir := folder(t)
		if err := around.Mkdir("layer", 0o755); err != nil {
			t.Fatal(err)
		}
		root, err := around.OpenRoot("layer")
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		for _, w := range []layer.Whiteouts{layer.Keep, layer.Overlay, layer.Apply} {
			_ = layer.Extract(context.Background(), bytes.NewReader(content), root, w, small) // it may be anything
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
			t.Fatalf("outside of the layer: %v, %v", names, err)
		}
	})
}
