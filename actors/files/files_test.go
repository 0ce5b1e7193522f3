package files

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/web"
)

// house is a node that shows a sandbox and a log.
type house struct {
	t       *testing.T
	node    *runtime.Node
	dir     string // has all of it, and what is not shown
	sandbox string
}

func build(t *testing.T) *house {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, node: runtimetest.Node(t), dir: dir, sandbox: filepath.Join(dir, "run")}
	for name, content := range map[string]string{
		"run/stdout": "hello\n\"world\"\n", "run/stderr": "", "run/sub/deep.txt": "deep", "run/page.html": "<html>",
		"secret": "secret", "run2/secret": "secret", "log.INFO": "one\ntwo\n",
	} {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
	}
	must(t, os.Symlink("stdout", filepath.Join(h.sandbox, "inside")))
	must(t, os.Symlink(filepath.Join(h.sandbox, "stdout"), filepath.Join(h.sandbox, "inside-absolute")))
	must(t, os.Symlink("../secret", filepath.Join(h.sandbox, "outside")))
	must(t, os.Symlink(filepath.Join(dir, "run2"), filepath.Join(h.sandbox, "sibling")))
	must(t, os.Symlink("nowhere", filepath.Join(h.sandbox, "broken")))
	must(t, os.Symlink("loop", filepath.Join(h.sandbox, "loop")))
	must(t, unix.Mkfifo(filepath.Join(h.sandbox, "pipe"), 0o644))
	if _, err := Spawn(h.node, "", nil); err != nil {
		t.Fatal(err)
	}
	h.attach(Attachment{Path: h.sandbox, Virtual: "/sandbox"})
	h.attach(Attachment{Path: filepath.Join(dir, "log.INFO"), Virtual: "/master/log"})
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) attach(a Attachment) {
	h.t.Helper()
	_, err := runtimetest.Wait(h.t, Attach(h.node, a))
	must(h.t, err)
}

func (h *house) get(target string) (*web.Response, string) {
	h.t.Helper()
	u, err := url.ParseRequestURI(target)
	must(h.t, err)
	r, err := runtimetest.Wait(h.t, web.Serve(h.node, &web.Request{
		Method: http.MethodGet, URL: u, Header: http.Header{}, Body: strings.NewReader(""),
	}))
	must(h.t, err)
	return r, string(r.Bytes())
}

func TestRequests(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, c := range []struct {
		target string
		status int
		body   string
	}{
		{"/files/read?path=/sandbox/stdout&offset=0&length=5", 200, `{"data":"hello","offset":0}`},
		{"/files/read?path=/sandbox/stdout&offset=6", 200, `{"data":"\"world\"\n","offset":6}`},
		{"/files/read?path=/sandbox/stdout&offset=6&length=-1", 200, `{"data":"\"world\"\n","offset":6}`},
		{"/files/read?path=/sandbox/stdout&offset=100", 200, `{"data":"","offset":100}`},
		{"/files/read?path=/sandbox/stdout", 200, `{"data":"","offset":14}`},
		{"/files/read?path=/sandbox/stdout&offset=-1&length=3", 200, `{"data":"","offset":14}`},
		{"/files/read?path=/sandbox/stdout&offset=2&length=0", 200, `{"data":"","offset":2}`},
		{"/files/read?path=/sandbox/stderr&offset=0", 200, `{"data":"","offset":0}`},
		{"/files/read?path=/sandbox/stdout&jsonp=f", 200, `f({"data":"","offset":14});`},
		{"/files/read?path=/sandbox/stdout/", 200, `{"data":"","offset":14}`},
		{"/files/read?path=file:///sandbox/stdout", 200, `{"data":"","offset":14}`},
		{"/files/read?path=%2Fsandbox%2Fsub%2Fdeep.txt&offset=0", 200, `{"data":"deep","offset":0}`},
		{"/files/read?path=/sandbox//sub/../stdout", 200, `{"data":"","offset":14}`},
		{"/files/read?path=/master/log&offset=4&length=3", 200, `{"data":"two","offset":4}`},
		{"/files/read?path=/sandbox/inside&offset=0&length=5", 200, `{"data":"hello","offset":0}`},
		{"/files/read?path=/sandbox/inside-absolute&offset=0&length=5", 200, `{"data":"hello","offset":0}`},

		{"/files/read", 400, "Expecting 'path=value' in query.\n"},
		{"/files/read?path=", 400, "Expecting 'path=value' in query.\n"},
		{"/files/read?path=/sandbox/stdout&offset=x", 400, "Failed to parse offset: Failed to convert 'x' to number.\n"},
		{"/files/read?path=/sandbox/stdout&offset=-2", 400, "Negative offset provided: -2.\n"},
		{"/files/read?path=/sandbox/stdout&offset=0&length=y", 400, "Failed to parse length: Failed to convert 'y' to number.\n"},
		{"/files/read?path=/sandbox/stdout&offset=0&length=-9", 400, "Negative length provided: -9.\n"},
		{"/files/read?path=/sandbox", 400, "Cannot read a directory.\n"},
		{"/files/read?path=/sandbox/pipe&offset=0", 400, "'" + h.sandbox + "/pipe' is not a regular file.\n"},
		{"/files/read?path=/no/such", 404, ""},
		{"/files/read?path=sandbox/stdout", 404, ""},
		{"/files/read?path=/sandbox/none", 404, ""},
		{"/files/read?path=/sandbox/stdout/below", 404, ""},
		{"/files/read?path=/master/log/below", 404, ""},
		{"/files/read?path=/sandbox/broken", 404, ""},
		{"/files/read?path=/secret", 404, ""},
		{"/files/read?path=/sandbox/../secret", 400, "'" + h.sandbox + "/../secret' is inaccessible.\n"},
		{"/files/read?path=/sandbox/%2e%2e/secret", 400, "'" + h.sandbox + "/../secret' is inaccessible.\n"},
		{"/files/read?path=/sandbox/../run2/secret", 400, "'" + h.sandbox + "/../run2/secret' is inaccessible.\n"},
		{"/files/read?path=/sandbox/outside", 400, "'" + h.sandbox + "/outside' is inaccessible.\n"},
		{"/files/read?path=/sandbox/sibling/secret", 400, "'" + h.sandbox + "/sibling/secret' is inaccessible.\n"},

		{"/files/browse", 400, "Expecting 'path=value' in query.\n"},
		{"/files/browse?path=/no/such", 404, ""},
		{"/files/browse?path=/sandbox/stdout", 200, "[]"},
		{"/files/browse?path=/master/log", 200, "[]"},
		{"/files/browse?path=/sandbox/..", 400, "'" + h.sandbox + "/..' is inaccessible.\n"},
		{"/files/browse?path=/sandbox/sibling", 400, "'" + h.sandbox + "/sibling' is inaccessible.\n"},

		{"/files/download", 400, "Expecting 'path=value' in query.\n"},
		{"/files/download?path=/sandbox", 400, "Cannot download a directory.\n"},
		{"/files/download?path=/sandbox/none", 404, ""},
		{"/files/download?path=/sandbox/outside", 400, "'" + h.sandbox + "/outside' is inaccessible.\n"},

		{"/files/debug", 200, `{"/master/log":"` + h.dir + `/log.INFO","/sandbox":"` + h.sandbox + `"}`},
		{"/files", 404, "404 Not Found."},
	} {
		if r, body := h.get(c.target); r.Status != c.status || body != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.target, r.Status, body, c.status, c.body)
		}
	}
}

func TestPathsThatTheSystemRefuses(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, path := range []string{"/sandbox/loop", "/sandbox/a%00b"} {
		if r, body := h.get("/files/read?path=" + path); r.Status != 400 || !strings.Contains(body, "Failed to determine canonical path") {
			t.Errorf("%s: %d %s", path, r.Status, body)
		}
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	h := build(t)
	must(t, os.Chmod(filepath.Join(h.sandbox, "page.html"), 0o640))
	must(t, unix.Lutimes(filepath.Join(h.sandbox, "page.html"), []unix.Timeval{{Sec: 1}, {Sec: 1795237350, Usec: 500000}}))
	all, err := runtimetest.Wait(t, Browse(h.node, "/sandbox/", nil))
	must(t, err)
	var names []string
	for _, info := range all {
		names = append(names, modeString(info.GetMode())+" "+info.GetPath())
	}
	want := "-rw-r--r-- /sandbox/inside\n-rw-r--r-- /sandbox/inside-absolute\n-rw-r----- /sandbox/page.html\nprw-r--r-- /sandbox/pipe\n" +
		"-rw-r--r-- /sandbox/stderr\n-rw-r--r-- /sandbox/stdout\ndrwxr-xr-x /sandbox/sub"
	if got := strings.Join(names, "\n"); got != want {
		t.Errorf("listed\n%s\nwant\n%s", got, want)
	}
	_, body := h.get("/files/browse?path=/sandbox")
	if part := `"mode":"-rw-r-----","mtime":1795237350.0,"nlink":1,"path":"/sandbox/page.html","size":6,"uid":"`; !strings.Contains(body, part) {
		t.Errorf("%s lacks %s", body, part)
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	h := build(t)
	large := strings.Repeat("0123456789abcdef", 3*piece/16+1)
	must(t, os.WriteFile(filepath.Join(h.sandbox, "large.2644"), []byte(large), 0o644))
	for target, want := range map[string]struct{ name, contentType, body string }{
		"/sandbox/stdout":     {"stdout", "application/octet-stream", "hello\n\"world\"\n"},
		"/sandbox/inside":     {"stdout", "application/octet-stream", "hello\n\"world\"\n"},
		"/sandbox/stderr":     {"stderr", "application/octet-stream", ""},
		"/sandbox/page.html":  {"page.html", "text/html", "<html>"},
		"/sandbox/large.2644": {"large.2644", "application/octet-stream", large},
		"/master/log":         {"log.INFO", "application/octet-stream", "one\ntwo\n"},
	} {
		r, body := h.get("/files/download?path=" + target)
		if r.Status != 200 || body != want.body || r.Header.Get("Content-Type") != want.contentType ||
			r.Header.Get("Content-Disposition") != "attachment; filename="+want.name {
			t.Errorf("%s: %d %v, %d bytes", target, r.Status, r.Header, len(body))
		}
	}
}

func TestADownloadEndsWhereTheFileEndedAndWithTheClient(t *testing.T) {
	t.Parallel()
	h := build(t)
	path := filepath.Join(h.sandbox, "growing")
	must(t, os.WriteFile(path, make([]byte, 3*piece), 0o644))
	r, _ := h.get("/files/download?path=/sandbox/stderr")
	if body := r.Bytes(); len(body) != 0 {
		t.Errorf("%q", body)
	}
	u, _ := url.ParseRequestURI("/files/download?path=/sandbox/growing")
	r, err := runtimetest.Wait(t, web.Serve(h.node, &web.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: strings.NewReader("")}))
	must(t, err)
	taken, pieces := 0, 0
	for p := range r.Content {
		if pieces++; pieces == 1 {
			must(t, os.WriteFile(path, make([]byte, 5*piece), 0o644))
		}
		taken += len(p)
	}
	if taken != 3*piece || pieces != 3 {
		t.Errorf("%d bytes in %d pieces", taken, pieces)
	}
	for range r.Content {
		break // the client hangs up
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	n := runtimetest.Node(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "stdout"), []byte("x"), 0o644))
	only := func(name string) Authorize {
		return func(p *web.Principal) runtime.Future[bool] { return runtime.Ready(p != nil && p.Name == name) }
	}
	owner, other := &web.Principal{Name: "owner"}, &web.Principal{Name: "other"}
	if _, err := Spawn(n, "", only("operator")); err != nil {
		t.Fatal(err)
	}
	_, err := runtimetest.Wait(t, Attach(n, Attachment{Path: dir, Virtual: "/sandbox", Authorize: only("owner")}))
	must(t, err)
	if all, err := runtimetest.Wait(t, Browse(n, "/sandbox", owner)); err != nil || len(all) != 1 {
		t.Errorf("the owner sees %v (%v)", all, err)
	}
	if c, err := runtimetest.Wait(t, Read(n, "/sandbox/stdout", Range{Offset: 1, Length: -1}, owner)); err != nil || c.Data == nil || len(c.Data) > 0 {
		t.Errorf("the owner reads %q, %v at the end, want nothing", c.Data, err)
	}
	if c, err := runtimetest.Wait(t, Read(n, "/sandbox/stdout", Range{Length: -1}, owner)); err != nil || string(c.Data) != "x" {
		t.Errorf("the owner reads %v (%v)", c, err)
	}
	for _, path := range []string{"/sandbox", "/sandbox/stdout", "/sandbox/none"} {
		if _, err := runtimetest.Wait(t, Browse(n, path, other)); err != ErrForbidden {
			t.Errorf("another browses %s: %v", path, err)
		}
		if _, err := runtimetest.Wait(t, Read(n, path, Range{}, other)); err != ErrForbidden {
			t.Errorf("another reads %s: %v", path, err)
		}
	}
	for _, target := range []string{"/files/debug", "/files/browse?path=/sandbox", "/files/download?path=/sandbox/stdout"} {
		u, _ := url.ParseRequestURI(target)
		r, err := runtimetest.Wait(t, web.Serve(n, &web.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: strings.NewReader("")}))
		if err != nil || r.Status != http.StatusForbidden {
			t.Errorf("nobody asks for %s: %+v %v", target, r, err)
		}
	}
}

func TestAttachAndDetach(t *testing.T) {
	t.Parallel()
	h := build(t)
	if _, err := runtimetest.Wait(t, Attach(h.node, Attachment{Path: h.dir + "/none", Virtual: "/none"})); err == nil {
		t.Error("attached what is not there")
	}
	h.attach(Attachment{Path: filepath.Join(h.sandbox, "sub"), Virtual: "/sandbox/stdout/"}) // the longest name counts
	if _, body := h.get("/files/read?path=/sandbox/stdout/deep.txt&offset=0"); body != `{"data":"deep","offset":0}` {
		t.Error(body)
	}
	Detach(h.node, "/sandbox/stdout", "/master/log", "/never")
	if _, body := h.get("/files/read?path=/sandbox/stdout"); body != `{"data":"","offset":14}` {
		t.Error(body)
	}
	if r, _ := h.get("/files/read?path=/master/log"); r.Status != http.StatusNotFound {
		t.Error(r.Status)
	}
}

func TestWithoutTheActor(t *testing.T) {
	t.Parallel()
	n := runtimetest.Node(t)
	if _, err := runtimetest.Wait(t, Attach(n, Attachment{Path: "/none", Virtual: "/none"})); err != nil {
		t.Error(err)
	}
	Detach(n, "/none")
	if _, err := runtimetest.Wait(t, Browse(n, "/none", nil)); err != ErrNotFound {
		t.Error(err)
	}
	if _, err := runtimetest.Wait(t, Read(n, "/none", Range{}, nil)); err != ErrNotFound {
		t.Error(err)
	}
}

// FuzzPaths looks for a path that leads out of what is attached.
func FuzzPaths(f *testing.F) {
	for _, seed := range []string{"stdout", "../secret", "a/../../secret", "link/x", "link/../secret", "\x00", "//", ".", "up", "up/secret"} {
		f.Add(seed)
	}
	dir, err := filepath.EvalSymlinks(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	shown := filepath.Join(dir, "shown")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(shown, "a"), 0o755), os.WriteFile(filepath.Join(shown, "stdout"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "secret"), nil, 0o644), os.Symlink("a", filepath.Join(shown, "link")),
		os.Symlink("..", filepath.Join(shown, "up")), os.Symlink("/", filepath.Join(shown, "a", "root")),
	} {
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, rest string) {
		file, name, err := place{shown, rest}.open()
		if err != nil {
			return
		}
		defer file.Close()
		if name != shown && !strings.HasPrefix(name, shown+"/") {
			t.Errorf("%q leads to %s", rest, name)
		}
		real, err := os.Readlink("/proc/self/fd/" + strconv.FormatUint(uint64(file.Fd()), 10))
		if err != nil || real != name {
			t.Errorf("%q opened %s (%v), not %s", rest, real, err, name)
		}
	})
}
