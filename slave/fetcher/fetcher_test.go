package fetcher_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web/webtest"
	"meseta/slave/fetcher"
)

// stopwatch is a clock whose timers fire when the test says.
type stopwatch struct{ fire chan func() }

func (stopwatch) Now() time.Time { return time.Unix(0, 0) }

func (c stopwatch) AfterFunc(_ time.Duration, f func()) func() bool {
	select {
	case c.fire <- f:
	default:
	}
	return func() bool { return true }
}

var _ runtime.Clock = stopwatch{}

func uri(value string, change ...func(*mesospb.CommandInfo_URI)) *mesospb.CommandInfo_URI {
	u := &mesospb.CommandInfo_URI{Value: proto.String(value)}
	for _, c := range change {
		c(u)
	}
	return u
}

func executable(u *mesospb.CommandInfo_URI) { u.Executable = proto.Bool(true) }
func whole(u *mesospb.CommandInfo_URI)      { u.Extract = proto.Bool(false) }

func named(name string) func(*mesospb.CommandInfo_URI) {
	return func(u *mesospb.CommandInfo_URI) { u.OutputFile = proto.String(name) }
}

// kitchen serves files by path and over HTTP.
type kitchen struct{ home, sandbox, url string }

func newKitchen(t *testing.T, files map[string][]byte) kitchen {
	t.Helper()
	k := kitchen{home: t.TempDir(), sandbox: t.TempDir()}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(k.home, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(http.FileServer(http.Dir(k.home)))
	t.Cleanup(server.Close)
	k.url = server.URL
	return k
}

func (k kitchen) fetch(uris ...*mesospb.CommandInfo_URI) error {
	return k.fetchWith(context.Background(), fetcher.Options{FrameworksHome: k.home, Clock: stopwatch{}}, uris...)
}

func (k kitchen) fetchWith(ctx context.Context, o fetcher.Options, uris ...*mesospb.CommandInfo_URI) error {
	root, err := os.OpenRoot(k.sandbox)
	if err != nil {
		return err
	}
	defer root.Close()
	o.Sandbox, o.StallTimeout = root, time.Minute
	return fetcher.Fetch(ctx, uris, o)
}

func (k kitchen) holds(t *testing.T, name, want string) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(k.sandbox, name)); err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
	}
}

func tarball(t *testing.T, headers ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		content := []byte("content of " + h.Name)
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name string) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o750}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	k := newKitchen(t, map[string][]byte{"a": []byte("A"), "b": []byte("B"), "run": []byte("#!"), "x.tar": []byte("no archive")})
	err := k.fetch(
		uri(k.home+"/a"), uri("file://"+k.home+"/b"), uri("a", named("dir/c")),
		uri(k.url+"/a?version=1", named("d")), uri(k.url+"/run", executable), uri("x.tar", whole),
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "A", "b": "B", "dir/c": "A", "d": "A", "run": "#!", "x.tar": "no archive"} {
		k.holds(t, name, want)
	}
	if info, err := os.Stat(filepath.Join(k.sandbox, "run")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the program is %v (%v)", info.Mode(), err)
	}
}

// bzipped is what bzip2 made of a tar: d/f, e/g and a link to d/f.
const bzipped = "QlpoOTFBWSZTWViCO/8AAKh7gcqAEABAAP+AAAZvrZ4AAACICCAAkoZRDTQaADQB6nqCKU0mmjTRp6gep6mgNNK07xgWkEWSsRZakFMpz9PJwGRiF7eokA" +
	"wGB8KvgmXCFzArQpJXta8zLXiUMmwtdEMFBka0GwqI10qyYblAweo5Mw4PCBCpeFYNCs0Q/i7kinChILEEd/4="

// compressed makes of a tar what other programs make of it, by the names they give it.
func compressed(t *testing.T, plain []byte) map[string][]byte {
	t.Helper()
	bz2, err := base64.StdEncoding.DecodeString(bzipped)
	if err != nil {
		t.Fatal(err)
	}
	by := func(open func(io.Writer) (io.WriteCloser, error)) []byte {
		var b bytes.Buffer
		w, err := open(&b)
		if err == nil {
			_, err = w.Write(plain)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	return map[string][]byte{
		"": plain, "gzip": gzipped(t, plain), "bzip2": bz2,
		"xz":   by(func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }),
		"lzma": by(func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) }),
		"zstd": by(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
	}
}

// The end of a name says that it is an archive; what it says of the compression does not count.
func TestArchives(t *testing.T) {
	t.Parallel()
	plain := tarball(t, &tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755}, file("d/f"), file("e/g"),
		&tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "d/f"})
	for how, archive := range compressed(t, plain) {
		for _, end := range []string{".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip"} {
			t.Run(how+end, func(t *testing.T) {
				t.Parallel()
				k := newKitchen(t, map[string][]byte{"x" + end: archive})
				if err := k.fetch(uri("x" + end)); err != nil {
					t.Fatal(err)
				}
				k.holds(t, "d/f", "content of d/f")
				k.holds(t, "e/g", "content of e/g")
				k.holds(t, "link", "content of d/f")
			})
		}
	}
}

// Other names are not those of archives, as in Mesos.
func TestNoArchives(t *testing.T) {
	t.Parallel()
	for how, archive := range compressed(t, tarball(t, file("d/f"))) {
		for _, end := range []string{".tar.zst", ".tar.lzma", ".jar", ".war", ".bz2", ".xz", ".tbz", ".7z", ".TAR", ".tar.gz?x=1"} {
			k := newKitchen(t, map[string][]byte{"x" + end: archive})
			if err := k.fetch(uri("x" + end)); err != nil {
				t.Fatal(err)
			}
			k.holds(t, "x"+end, string(archive))
			if _, err := os.Lstat(filepath.Join(k.sandbox, "d")); err == nil {
				t.Errorf("%s of %s was unpacked", how, end)
			}
		}
	}
}

// A tar that begins as another format does is a tar.
func TestOddFirstName(t *testing.T) {
	t.Parallel()
	k := newKitchen(t, map[string][]byte{"x.tar": tarball(t, file("]"), file("d/f"))})
	if err := k.fetch(uri("x.tar")); err != nil {
		t.Fatal(err)
	}
	k.holds(t, "d/f", "content of d/f")
}

func TestZipAndGzip(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("d/f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("zipped")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	k := newKitchen(t, map[string][]byte{"x.zip": b.Bytes(), "one.txt.gz": gzipped(t, []byte("one"))})
	if err := k.fetch(uri("x.zip"), uri("one.txt.gz")); err != nil {
		t.Fatal(err)
	}
	k.holds(t, "d/f", "zipped")
	k.holds(t, "one.txt", "one")
}

// Nothing gets out of the sandbox, and what cannot be fetched is said.
func TestRefusals(t *testing.T) {
	t.Parallel()
	k := newKitchen(t, map[string][]byte{
		"out.tar":  tarball(t, file("../outside")),
		"link.tar": tarball(t, &tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/tmp"}, file("l/outside")),
		"bad.tgz":  []byte("no archive"),
		"a":        nil,
	})
	for _, c := range []struct {
		uri  *mesospb.CommandInfo_URI
		want string
	}{
		{uri("out.tar"), "contains '..'"},
		{uri("link.tar"), "escapes"},
		{uri("bad.tgz"), "Failed to extract archive 'bad.tgz'"},
		{uri("a", named("../outside")), "sandbox"},
		{uri("a", named("/outside")), "relative path"},
		{uri("a", named("dir/")), "sandbox"},
		{uri("a'b"), "Illegal characters"},
		{uri("http://host"), "missing path"},
		{uri("file://a/b"), "absolute"},
		{uri("/dev/zero"), "not a regular file"},
		{uri(k.home), "directory"},
		{uri("missing"), "no such file"},
		{uri(k.url + "/missing"), "404"},
		{uri("hdfs://name/file"), "hdfs"},
		{uri("/"), "no name"},
	} {
		err := k.fetch(c.uri)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a word of %q", c.uri.GetValue(), err, c.want)
		}
	}
	if _, err := os.Stat(filepath.Join(k.sandbox, "../outside")); !os.IsNotExist(err) {
		t.Errorf("something was written outside of the sandbox: %v", err)
	}
	err := k.fetchWith(context.Background(), fetcher.Options{Clock: stopwatch{}}, uri("a"))
	if err == nil || !strings.Contains(err.Error(), "framework home was not specified") {
		t.Errorf("a relative path without a home: %v", err)
	}
}

// Servers are told what caused a download, if that is traced, and so are those to which they redirect.
func TestDownloadsNameTheirCause(t *testing.T) {
	t.Parallel()
	k := kitchen{sandbox: t.TempDir()}
	answer := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/here", http.StatusFound)
		}
	}
	webtest.CheckCauses(t, answer, func(_ context.Context, url string) error { return k.fetch(uri(url + "/moved")) })
}

// A server that sends nothing more is given up.
func TestStall(t *testing.T) {
	t.Parallel()
	clock := stopwatch{fire: make(chan func(), 10)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		(<-clock.fire)() // the time is over
		<-r.Context().Done()
	}))
	defer server.Close()
	k := kitchen{sandbox: t.TempDir()}
	err := k.fetchWith(t.Context(), fetcher.Options{Clock: clock}, uri(server.URL+"/file"))
	if err == nil || !strings.Contains(err.Error(), "stands still") {
		t.Errorf("the download ended with %v", err)
	}
}
