package fetcher_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

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

// full is a disk of 100 GB that has less free than fetches have to leave.
func full(*os.File) (free, size uint64, err error) { return 1<<30 - 1, 100 << 30, nil }

// endless sends without end, and calls then when it has sent n bytes.
func endless(t *testing.T, n int, then func()) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for sent := 0; r.Context().Err() == nil; {
			wrote, err := w.Write(bytes.Repeat([]byte{1}, 64<<10))
			if err != nil {
				return
			}
			if sent += wrote; sent >= n {
				then()
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/file"
}

// A server that sends without end is left when the fetch is not wanted any more.
func TestEndlessIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(context.Background())
	k := kitchen{sandbox: t.TempDir()}
	source := endless(t, 1<<20, func() { cancel(errUnwanted) })
	if err := k.fetchWith(ctx, fetcher.Options{Clock: stopwatch{}}, uri(source)); !errors.Is(err, errUnwanted) {
		t.Errorf("the download ended with %v", err)
	}
}

// Nothing fills the disk: neither a server that sends without end, nor a file, nor what an archive holds. What was written
// of it makes room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	big := bytes.Repeat([]byte{1}, 10<<20)
	k := newKitchen(t, map[string][]byte{"big": big, "big.gz": gzipped(t, big), "x.tgz": gzipped(t, bigTarball(t, big[:1<<20], 10))})
	o := fetcher.Options{FrameworksHome: k.home, Clock: stopwatch{}, Room: full}
	for _, source := range []string{endless(t, 0, func() {}), "big", "big.gz", "x.tgz"} {
		err := k.fetchWith(t.Context(), o, uri(source))
		if err == nil || !strings.Contains(err.Error(), "no room: 1023MB are free of the disk's 102400MB, and fetches leave 1024MB") {
			t.Errorf("fetching %s ended with %v", source, err)
		}
	}
	if size := k.size(t); size > 4<<20 {
		t.Errorf("%d bytes were left", size)
	}
}

// The disk is looked at where the files go.
func TestRealDisk(t *testing.T) {
	t.Parallel()
	k := kitchen{sandbox: t.TempDir()}
	if err := unix.Mount("tmpfs", k.sandbox, "tmpfs", 0, "size=40m"); err != nil {
		t.Skip("needs to be allowed to mount:", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(k.sandbox, 0); err != nil {
			t.Error(err)
		}
	})
	err := k.fetch(uri(endless(t, 0, func() {})))
	if err == nil || !strings.Contains(err.Error(), "are free of the disk's 40MB, and fetches leave 2MB") {
		t.Errorf("the download ended with %v", err)
	}
}

// size counts what the sandbox holds.
func (k kitchen) size(t *testing.T) (size int64) {
	t.Helper()
	err := filepath.Walk(k.sandbox, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// bigTarball holds some files of that content.
func bigTarball(t *testing.T, content []byte, files int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range files {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprint("f", i), Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Files are read and written with the rights of the user they are for.
func TestOwner(t *testing.T) {
	t.Parallel()
	nobody, err := account.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root, and a user called nobody")
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
