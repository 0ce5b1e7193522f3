package fetcher_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meseta/actors/account"
	"meseta/slave/fetcher"
)

// A local file is copied as cp does: with its mode, as far as the umask allows, and its holes; a name that is taken
// keeps its mode.
func TestLocalFiles(t *testing.T) {
	t.Parallel()
	k := newKitchen(t, map[string][]byte{"run": []byte("#!/bin/sh\n"), "private": []byte("p"), "holes": nil, "other": []byte("o")})
	for name, mode := range map[string]os.FileMode{"run": 0o4755, "private": 0o600} {
		if err := os.Chmod(filepath.Join(k.home, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	const size = 1 << 30
	if err := os.Truncate(filepath.Join(k.home, "holes"), size); err != nil {
		t.Fatal(err)
	}
	if err := k.fetch(uri("run"), uri("private"), uri("holes"), uri("other", named("run"))); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"run": 0o755, "private": 0o600} {
		if info, err := os.Stat(filepath.Join(k.sandbox, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v (%v), want %v", name, info.Mode(), err, mode)
		}
	}
	k.holds(t, "run", "o")
	info, err := os.Stat(filepath.Join(k.sandbox, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	if blocks := info.Sys().(*syscall.Stat_t).Blocks; info.Size() != size || blocks > 100 {
		t.Errorf("the copy has %d bytes in %d blocks", info.Size(), blocks)
	}
}

// A query is part of the name, as in Mesos.
func TestQuery(t *testing.T) {
	t.Parallel()
	k := newKitchen(t, map[string][]byte{"a": []byte("A")})
	if err := k.fetch(uri(k.url + "/a?version=1")); err != nil {
		t.Fatal(err)
	}
	k.holds(t, "a?version=1", "A")
}

// What a server sends is kept as it is, also if it is compressed.
func TestBodyAsSent(t *testing.T) {
	t.Parallel()
	body := gzipped(t, []byte("plain"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if accepted := r.Header.Get("Accept-Encoding"); accepted != "" {
			t.Errorf("asked for %q", accepted)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(body)
	}))
	defer server.Close()
	k := kitchen{sandbox: t.TempDir()}
	if err := k.fetch(uri(server.URL+"/file", whole)); err != nil {
		t.Fatal(err)
	}
	k.holds(t, "file", string(body))
}

// No pipe is waited for: neither one that is to be read nor one that lies where the file goes.
func TestPipes(t *testing.T) {
	t.Parallel()
	k := newKitchen(t, map[string][]byte{"a": []byte("A")})
	for _, pipe := range []string{filepath.Join(k.home, "pipe"), filepath.Join(k.sandbox, "taken")} {
		if err := syscall.Mkfifo(pipe, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.fetch(uri("pipe")); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a pipe was read: %v", err)
	}
	if err := k.fetch(uri("a", named("taken"))); err == nil {
		t.Error("a pipe was written to")
	}
}

var errUnwanted = errors.New("not wanted any more")

// Nothing is written once the fetch is not wanted any more, whatever is being fetched.
func TestCancel(t *testing.T) {
	t.Parallel()
	k := newKitchen(t, map[string][]byte{"a": []byte("A"), "x.tar": tarball(t, file("f"))})
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errUnwanted)
	o := fetcher.Options{FrameworksHome: k.home, Clock: stopwatch{}}
	for _, source := range []string{"a", "x.tar", k.url + "/a"} {
		if err := k.fetchWith(ctx, o, uri(source)); !errors.Is(err, errUnwanted) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// A server that sends without end is left when the fetch is not wanted any more, and at the limit.
func TestEndless(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(context.Background())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for n := 0; r.Context().Err() == nil; n++ {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
			if n == 10 && r.URL.Path == "/cancelled" {
				cancel(errUnwanted)
			}
		}
	}))
	defer server.Close()
	k := kitchen{sandbox: t.TempDir()}
	if err := k.fetchWith(ctx, fetcher.Options{Clock: stopwatch{}}, uri(server.URL+"/cancelled")); !errors.Is(err, errUnwanted) {
		t.Errorf("the download ended with %v", err)
	}
	const limit = 1 << 20
	err := k.fetchWith(t.Context(), fetcher.Options{Clock: stopwatch{}, Limit: limit}, uri(server.URL+"/file"))
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("the download ended with %v", err)
	}
	if info, err := os.Stat(filepath.Join(k.sandbox, "file")); err != nil || info.Size() > limit {
		t.Errorf("%d bytes were written (%v)", info.Size(), err)
	}
}

// Files are read and written with the rights of the user they are for.
func TestOwner(t *testing.T) {
	t.Parallel()
	nobody, err := account.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs to be root where there is a user called nobody")
	}
	k := newKitchen(t, map[string][]byte{"secret": []byte("S"), "open": []byte("O"), "x.tar": tarball(t, file("d/f"))})
	for dir := k.home; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"open", "x.tar"} {
		if err := os.Chmod(filepath.Join(k.home, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(k.sandbox, int(nobody.UID), int(nobody.GID)); err != nil {
		t.Fatal(err)
	}
	o := fetcher.Options{FrameworksHome: k.home, Clock: stopwatch{}, Owner: &nobody}
	if err := k.fetchWith(t.Context(), o, uri("secret")); !errors.Is(err, os.ErrPermission) {
		t.Errorf("nobody fetched a secret of root: %v", err)
	}
	if err := k.fetchWith(t.Context(), o, uri("open"), uri("x.tar")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"open", "d", "d/f"} {
		info, err := os.Stat(filepath.Join(k.sandbox, name))
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); s.Uid != nobody.UID || s.Gid != nobody.GID {
			t.Errorf("%s belongs to %d:%d", name, s.Uid, s.Gid)
		}
	}
}
