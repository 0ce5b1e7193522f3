package fetcher_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/account"
	"meseta/messages/pb/mesospb"
	"meseta/slave/fetcher"
)

func cachedURI(u *mesospb.CommandInfo_URI) { u.Cache = proto.Bool(true) }

// shop is an HTTP server whose files change. It counts requests.
type shop struct {
	url string

	mu    sync.Mutex
	files map[string]string // by path
	at    time.Time         // when they were changed
	down  bool
	asked map[string]int // by method and path
	gate  func()         // called for each GET; nil: it is open
}

func newShop(t *testing.T, files map[string]string) *shop {
	t.Helper()
	s := &shop{files: files, at: time.Unix(1e9, 0), asked: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP implements [http.Handler].
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked[r.Method+" "+r.URL.Path]++
	content, ok := s.files[r.URL.Path]
	at, down, gate := s.at, s.down, s.gate
	s.mu.Unlock()
	if gate != nil && r.Method == http.MethodGet {
		gate()
	}
	switch {
	case down:
		w.WriteHeader(http.StatusBadGateway)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	default:
		http.ServeContent(w, r, "", at, strings.NewReader(content))
	}
}

func (s *shop) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// wasAsked demands how often the server was asked since the last time.
func (s *shop) wasAsked(t *testing.T, want map[string]int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if fmt.Sprint(s.asked) != fmt.Sprint(want) {
		t.Errorf("the server was asked for %v, want %v", s.asked, want)
	}
	s.asked = map[string]int{}
}

// larder is a cache, and what uses it.
type larder struct {
	*fetcher.Cache
	dir string
}

func newLarder(t *testing.T, size uint64) larder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	c, err := fetcher.NewCache(dir, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return larder{c, dir}
}

// fetch brings one URI through the cache into a sandbox of its own, and returns what the warning was.
func (l larder) fetch(t *testing.T, u *mesospb.CommandInfo_URI) (k kitchen, warned string, err error) {
	t.Helper()
	k = kitchen{sandbox: t.TempDir()}
	o := fetcher.Options{Clock: stopwatch{}, Cache: l.Cache, Warn: func(err error) { warned += err.Error() }}
	err = k.fetchWith(t.Context(), o, u)
	return k, warned, err
}

// wants demands that a URI comes through the cache.
func (l larder) wants(t *testing.T, source, name, content string) {
	t.Helper()
	k, warned, err := l.fetch(t, uri(source, cachedURI))
	if err != nil || warned != "" {
		t.Errorf("fetching %s: %v, %s", source, err, warned)
		return
	}
	k.holds(t, name, content)
}

// What is cached is asked for again, and brought again only when it changed.
func TestCache(t *testing.T) {
	t.Parallel()
	s, l := newShop(t, map[string]string{"/f": "one"}), newLarder(t, 100)
	l.wants(t, s.url+"/f", "f", "one")
	s.wasAsked(t, map[string]int{"GET /f": 1})
	l.wants(t, s.url+"/f", "f", "one")
	s.wasAsked(t, map[string]int{"HEAD /f": 1})
	if size, used := l.Usage(); size != 100 || used != 3 {
		t.Errorf("%d of %d bytes are used", used, size)
	}

	s.change(func() { s.files["/f"] = "two2" })
	l.wants(t, s.url+"/f", "f", "two2")
	s.wasAsked(t, map[string]int{"HEAD /f": 1, "GET /f": 1})
	s.change(func() { s.files["/f"], s.at = "tri3", s.at.Add(time.Second) })
	l.wants(t, s.url+"/f", "f", "tri3")
	s.wasAsked(t, map[string]int{"HEAD /f": 1, "GET /f": 1})

	s.change(func() { s.down = true })
	l.wants(t, s.url+"/f", "f", "tri3")
	s.change(func() { s.down = false; delete(s.files, "/f") })
	if _, _, err := l.fetch(t, uri(s.url+"/f", cachedURI)); err == nil || !strings.Contains(err.Error(), "received HTTP return code 404") {
		t.Errorf("fetching what is gone: %v", err)
	}
	if _, used := l.Usage(); used != 0 {
		t.Errorf("%d bytes are used after all is gone", used)
	}
}

// What is fetched without the cache stays out of it.
func TestUncached(t *testing.T) {
	t.Parallel()
	s, l := newShop(t, map[string]string{"/f": "one"}), newLarder(t, 100)
	for range 2 {
		if _, _, err := l.fetch(t, uri(s.url+"/f")); err != nil {
			t.Fatal(err)
		}
	}
	s.wasAsked(t, map[string]int{"GET /f": 2})
	if _, err := os.Lstat(l.dir); err == nil {
		t.Error("the cache's directory was made")
	}
}

// A file of this machine is cached by its size and time, and only for users that may read it.
func TestCacheOfLocalFiles(t *testing.T) {
	t.Parallel()
	k, l := newKitchen(t, map[string][]byte{"f": []byte("one")}), newLarder(t, 100)
	path := filepath.Join(k.home, "f")
	l.wants(t, path, "f", "one")
	if err := os.WriteFile(path, []byte("two"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	l.wants(t, path, "f", "two")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.fetch(t, uri(path, cachedURI)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("fetching what is gone: %v", err)
	}
}

// However many want something at the same time, it is brought once.
func TestCacheBringsOnce(t *testing.T) {
	t.Parallel()
	const many = 8
	s, l := newShop(t, map[string]string{"/f": "one"}), newLarder(t, 100)
	var started sync.WaitGroup
	started.Add(many)
	s.gate = started.Wait
	atOnce(slices.Repeat([]func(){func() {
		started.Done()
		l.wants(t, s.url+"/f", "f", "one")
	}}, many)...)
	if s.asked["GET /f"] != 1 {
		t.Errorf("the server was asked for %v", s.asked)
	}
}

// A fetch that is cancelled leaves the download to the others that wait for it.
func TestCacheOfTheUnwanted(t *testing.T) {
	t.Parallel()
	s, l := newShop(t, map[string]string{"/f": "one"}), newLarder(t, 100)
	ctx, cancel := context.WithCancelCause(t.Context())
	asked, waiting := make(chan struct{}), make(chan struct{})
	var first sync.Once
	s.gate = func() {
		first.Do(func() {
			close(asked)
			<-waiting
			cancel(errUnwanted)
			<-ctx.Done()
		})
	}
	atOnce(func() {
		k := kitchen{sandbox: t.TempDir()}
		err := k.fetchWith(ctx, fetcher.Options{Clock: stopwatch{}, Cache: l.Cache}, uri(s.url+"/f", cachedURI))
		if !errors.Is(err, errUnwanted) {
			t.Errorf("the fetch ended with %v", err)
		}
	}, func() {
		<-asked
		close(waiting)
		l.wants(t, s.url+"/f", "f", "one")
	})
}

// atOnce runs functions at the same time, to their ends.
func atOnce(all ...func()) {
	var group sync.WaitGroup
	for _, f := range all {
		group.Add(1)
		go func() {
			defer group.Done()
			f()
		}()
	}
	group.Wait()
}

// What was not used for longest makes room.
func TestCacheEvicts(t *testing.T) {
	t.Parallel()
	s, l := newShop(t, map[string]string{"/a": "aaaa", "/b": "bbbb", "/c": "cccc"}), newLarder(t, 10)
	for _, name := range []string{"a", "b", "a", "c"} {
		l.wants(t, s.url+"/"+name, name, strings.Repeat(name, 4))
	}
	s.wasAsked(t, map[string]int{"GET /a": 1, "GET /b": 1, "HEAD /a": 1, "GET /c": 1})
	for _, name := range []string{"a", "c", "b"} {
		l.wants(t, s.url+"/"+name, name, strings.Repeat(name, 4))
	}
	s.wasAsked(t, map[string]int{"HEAD /a": 1, "HEAD /c": 1, "GET /b": 1})
	if size, used := l.Usage(); used != 8 {
		t.Errorf("%d of %d bytes are used", used, size)
	}
	if files := l.files(t); len(files) != 2 {
		t.Errorf("the cache holds %v", files)
	}
}

// files are those of the cache.
func (l larder) files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.dir, "c*-*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// What the cache cannot take is fetched without it.
func TestCacheReverts(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]string{"/large": "0123456789x"})
	unsized := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = w.Write([]byte("unsized"))
	}))
	defer unsized.Close()
	for _, c := range []struct{ source, name, content, want string }{
		{s.url + "/large", "large", "0123456789x", "Could not free up enough fetcher cache space: 11 bytes are needed, of 10"},
		{unsized.URL + "/f", "f", "unsized", "Could not determine size of cache file"},
	} {
		l := newLarder(t, 10)
		k, warned, err := l.fetch(t, uri(c.source, cachedURI))
		if err != nil {
			t.Error(err)
			continue
		}
		k.holds(t, c.name, c.content)
		if want := "Reverting to fetching directly into the sandbox for '" + c.source + "'"; !strings.Contains(warned, want) || !strings.Contains(warned, c.want) {
			t.Errorf("the warning is %q, want %q", warned, c.want)
		}
		if _, used := l.Usage(); used != 0 || len(l.files(t)) != 0 {
			t.Errorf("%d bytes are used, by %v", used, l.files(t))
		}
	}
}

// An archive of the cache is unpacked from there, a program made executable in the sandbox only.
func TestOutOfTheCache(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]string{
		"/x.tgz": string(gzipped(t, tarball(t, file("d/f")))), "/one.gz": string(gzipped(t, []byte("one"))), "/run": "#!",
	})
	l := newLarder(t, 1<<20)
	for range 2 {
		for source, want := range map[string]string{"/x.tgz": "d/f content of d/f", "/one.gz": "one one", "/run": "run #!"} {
			k, warned, err := l.fetch(t, uri(s.url+source, cachedURI, func(u *mesospb.CommandInfo_URI) {
				if source == "/run" {
					executable(u)
				}
			}))
			if err != nil || warned != "" {
				t.Fatal(err, warned)
			}
			name, content, _ := strings.Cut(want, " ")
			k.holds(t, name, content)
			if _, err := os.Lstat(filepath.Join(k.sandbox, source)); (err == nil) != (source == "/run") {
				t.Errorf("%s is in the sandbox: %v", source, err)
			}
			if source == "/run" && k.lstat(t, "run").Mode() != 0o755 {
				t.Errorf("the program is %v", k.lstat(t, "run").Mode())
			}
		}
	}
	if s.asked["GET /x.tgz"] != 1 || s.asked["GET /one.gz"] != 1 || s.asked["GET /run"] != 1 {
		t.Errorf("the server was asked for %v", s.asked)
	}
}

// A file of the cache that was changed or removed is brought again.
func TestCacheFileChanged(t *testing.T) {
	t.Parallel()
	s, l := newShop(t, map[string]string{"/f": "one"}), newLarder(t, 100)
	for _, harm := range []func(string) error{
		func(string) error { return nil }, os.Remove, func(name string) error { return os.WriteFile(name, []byte("bad!"), 0o600) },
	} {
		l.wants(t, s.url+"/f", "f", "one")
		for _, name := range l.files(t) {
			if err := harm(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.wants(t, s.url+"/f", "f", "one")
	if s.asked["GET /f"] != 3 {
		t.Errorf("the server was asked for %v", s.asked)
	}
}

// What an earlier agent has cached is removed, and nothing else. One agent uses a directory at a time, that is its own.
func TestCacheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"c1-f", "nobody/c2-f", "other/c3-f", "other/mine", "mine", "cfile"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := fetcher.NewCache(dir, 10)
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(dir + "/*")
	if deep, _ := filepath.Glob(dir + "/*/*"); err != nil || fmt.Sprint(append(left, deep...)) != fmt.Sprintf("[%[1]s/cfile %[1]s/mine %[1]s/other %[1]s/other/mine]", dir) {
		t.Errorf("%v, %v are left (%v)", left, deep, err)
	}
	if _, err := fetcher.NewCache(dir, 10); err == nil || !strings.Contains(err.Error(), "another agent uses it") {
		t.Errorf("two agents use one directory: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := fetcher.NewCache(dir, 10); err == nil || !strings.Contains(err.Error(), "others may write to it") {
		t.Errorf("a directory is used that others may change: %v", err)
	}
}

// Each user has cached files of its own, which no other user can read, and which that user reads only through fetches.
func TestCacheOfUsers(t *testing.T) {
	t.Parallel()
	nobody, err := account.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root, and a user called nobody")
	}
	s, l := newShop(t, map[string]string{"/f": "one"}), newLarder(t, 100)
	l.wants(t, s.url+"/f", "f", "one")
	k := kitchen{sandbox: t.TempDir()}
	if err := os.Chown(k.sandbox, int(nobody.UID), int(nobody.GID)); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("S"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.wants(t, secret, "secret", "S")
	o := fetcher.Options{Clock: stopwatch{}, Cache: l.Cache, Owner: &nobody}
	if err := k.fetchWith(t.Context(), o, uri(s.url+"/f", cachedURI)); err != nil {
		t.Fatal(err)
	}
	k.holds(t, "f", "one")
	if err := k.fetchWith(t.Context(), o, uri(secret, cachedURI)); !errors.Is(err, os.ErrPermission) {
		t.Errorf("nobody fetched a secret of root: %v", err)
	}
	if s.asked["GET /f"] != 2 {
		t.Errorf("the server was asked for %v", s.asked)
	}
	files, err := filepath.Glob(l.dir + "/nobody/c*-f")
	if err != nil || len(files) != 1 {
		t.Fatalf("the user's files are %v (%v)", files, err)
	}
	err = nobody.Do(func() error {
		_, err := os.ReadFile(files[0])
		return err
	})
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("the user reads the cache's file: %v", err)
	}
}
