package blackbox

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// foul is an image that somebody has made to do harm, and what becomes of a task with it.
type foul struct {
	name    string
	layers  [][]byte // over that of the box
	command string
	state   string // "" means that the container cannot be launched
	want    string // what is told, or printed by the task
}

// layerOf returns an archive of entries: a link after an arrow, a hard link after "=", a directory before a slash, and a file with its
// content after a colon. Names may be anything.
func layerOf(t *testing.T, entries ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h, content := tar.Header{Mode: 0o755, Typeflag: tar.TypeReg}, ""
		switch e := e.(type) {
		case tar.Header:
			h = e
		case string:
			if strings.Contains(e, " -> ") {
				h.Typeflag = tar.TypeSymlink
				h.Name, h.Linkname, _ = strings.Cut(e, " -> ")
			} else if strings.Contains(e, " = ") {
				h.Typeflag = tar.TypeLink
				h.Name, h.Linkname, _ = strings.Cut(e, " = ")
			} else if strings.HasSuffix(e, "/") {
				h.Typeflag, h.Name = tar.TypeDir, e
			} else {
				h.Name, content, _ = strings.Cut(e, ":")
			}
		}
		h.Size = max(h.Size, int64(len(content)))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	w.Close() //nolint:errcheck // an entry may be cut
	return b.Bytes()
}

// device is an entry of a device that everybody may use.
func device(name string, kind byte, major, minor int64) tar.Header {
	return tar.Header{Name: name, Typeflag: kind, Devmajor: major, Devminor: minor, Mode: 0o666}
}

// packed compresses an archive by gzip or zstd.
func packed(t *testing.T, by string, archive []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := io.WriteCloser(gzip.NewWriter(&b))
	if by == "zstd" {
		var err error
		if z, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := z.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// spoiled changes a byte in the middle.
func spoiled(content []byte) []byte {
	content = bytes.Clone(content)
	content[len(content)/2] ^= 0xff
	return content
}

// noise is what cannot be compressed.
func noise(n int) string {
	var b strings.Builder
	for i := uint32(1); b.Len() < n; i = i*1664525 + 1013904223 {
		fmt.Fprintf(&b, "%08x", i)
	}
	return b.String()
}

// fouls are images that want to write to, or read from, a directory outside.
func fouls(t *testing.T, outside string) []foul {
	t.Helper()
	many := make([]any, 2_000)
	for i := range many {
		many[i] = fmt.Sprintf("many/%d/%d:x", i%100, i)
	}
	secret := outside + "/secret"
	file := layerOf(t, "f:"+noise(100_000))
	layers := func(all ...[]byte) [][]byte { return all }
	entries := func(all ...any) [][]byte { return layers(layerOf(t, all...)) }
	const cannot = "of the layer"
	return []foul{
		{"dots", entries("../../../../../../.." + secret + ":bad"), "true", "", "which is outside of it"},
		{"dots-within", entries("a/", "a/../../x:bad"), "true", "", "which is outside of it"},
		{"hard-link-out", entries("a = ../../../../.." + secret), "true", "", "which is outside of it"},
		{"hard-link-absolute", entries("a = " + secret), "true", "", cannot},
		{"hard-link-by-link", entries("a -> "+outside, "b = a/secret", "b:bad"), "true", "", cannot},
		{"through-a-link", entries("a -> "+outside, "a/secret:bad"), "true", "", cannot},
		{"folder-through-a-link", entries("a -> "+outside, "a/new/"), "true", "", cannot},
		{"whiteout-through-a-link", entries("a -> "+outside, "a/.wh.secret:"), "true", "", ""},
		{"opaque-through-a-link", entries("a -> "+outside, "a/.wh..wh..opq:"), "true", "", ""},
		{"whiteout-of-dots", entries(".wh...:"), "true", "", ""},
		{"larger-than-a-layer", entries(tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 300 << 30}), "true", "", "larger than it may be"},
		{"unknown-type", entries(tar.Header{Name: "a", Typeflag: 'Z'}), "true", "", "its type 'Z' is unknown"},
		{"cut", layers(file[:50_000]), "true", "", "unexpected EOF"},
		{"spoiled-gzip", layers(spoiled(packed(t, "gzip", file))), "true", "", "Failed to extract layer"},
		{"spoiled-zstd", layers(spoiled(packed(t, "zstd", file))), "true", "", "Failed to extract layer"},
		{"cut-gzip", layers(packed(t, "gzip", file)[:30_000]), "true", "", "unexpected EOF"},
		{"cut-zstd", layers(packed(t, "zstd", file)[:30_000]), "true", "", "unexpected EOF"},
		{"another-digest", layers(layerOf(t, "swapped:x")), "true", "", "Failed to fetch layer"},

		{"absolute-names", entries("/abs/f:mine", "/"+secret+":mine"), "cat /abs/f " + secret, "FINISHED", "mine"},
		{"links-out", entries("a -> "+outside, "b -> ../../../../../../.."+secret), "cat a/secret /b 2>/dev/null || echo nothing there", "FINISHED", "nothing there"},
		{"link-over-a-folder", layers(layerOf(t, "d/", "d/f:x"), layerOf(t, "d -> "+outside)), "cat /d/secret 2>/dev/null || echo nothing there", "FINISHED", "nothing there"},
		{"below-a-link-of-another-layer", layers(layerOf(t, "d -> "+outside), layerOf(t, "d/secret:mine")), "cat /d/secret", "FINISHED", "mine"},
		{"whiteout-below-a-link-of-another-layer", layers(layerOf(t, "d -> "+outside), layerOf(t, "d/.wh.secret:", "e:still")), "cat /e", "FINISHED", "still"},
		{"mount-points-are-links", entries("proc -> "+outside, "sys -> "+outside, "tmp -> "+outside, "mnt -> "+outside, "dev -> "+outside), "true", "FAILED", "Too many levels of symbolic links"},
		{"files-of-the-system-are-links", entries("etc/resolv.conf -> "+secret, "etc/hosts -> "+secret, "etc/hostname -> "+secret), "cat /etc/hosts 2>/dev/null; echo still", "FINISHED", "still"},
		{"disks", entries(device("disk", tar.TypeBlock, 7, 0), device("mem", tar.TypeChar, 1, 1), device("kmsg", tar.TypeChar, 1, 11)),
			"for d in disk mem kmsg; do (: < /$d) 2>/dev/null && echo opened $d; done; echo tried", "FINISHED", "tried"},
		{"attributes", entries(tar.Header{Name: "bin/cat2", Typeflag: tar.TypeReg, Mode: 0o4755, PAXRecords: map[string]string{
			"SCHILY.xattr.trusted.overlay.redirect": outside, "SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.user.x": "y"}}, "e:still"), "cat /e", "FINISHED", "still"},
		{"many-files", entries(many...), "cat /many/99/1999", "FINISHED", "x"},
		{"a-bomb", layers(packed(t, "gzip", layerOf(t, "zeros:"+strings.Repeat("\x00", 256<<20)))), "test -s /zeros && echo there", "FINISHED", "there"},
		{"twice-the-same", layers(layerOf(t, "x:1"), layerOf(t, "x:1")), "cat /x", "FINISHED", "1"},
	}
}

// newFoulRegistry starts a registry with these images, which gives another layer than the one with a digest that it was asked for if that
// is the one of another-digest.
func newFoulRegistry(t *testing.T, all []foul) string {
	t.Helper()
	box, honest, swapped := boxLayer(t), registry.New(registry.Logger(log.New(io.Discard, "", 0))), ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && swapped != "" && strings.HasSuffix(r.URL.Path, swapped) {
			w.Write(layerOf(t, "swapped:y")) //nolint:errcheck // the client finds out
			return
		}
		honest.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	for _, f := range all {
		made := empty.Image
		for _, content := range append([][]byte{box}, f.layers...) {
			l := static.NewLayer(content, types.DockerLayer)
			var err error
			if made, err = mutate.AppendLayers(made, l); err != nil {
				t.Fatal(err)
			}
			if digest, err := l.Digest(); f.name == "another-digest" && err == nil {
				swapped = digest.String() // the last one
			}
		}
		made, err := mutate.Config(made, v1.Config{Env: []string{"PATH=/bin"}})
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://")+"/foul/"+f.name+":v1", name.Insecure)
		if err == nil {
			err = remote.Write(ref, made)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return server.URL
}

// An image that somebody has made to do harm does none: what it says is created below the directory of its layer, or its container cannot
// be launched, for a reason that is told. Nothing outside is read or changed, a few bytes do not become a full disk, nothing of a container
// or of an image that could not be pulled is left, and afterwards others are launched as before.
func TestFoulImages(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"overlay", "copy"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			outside := t.TempDir()
			if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("kept"), 0o644); err != nil {
				t.Fatal(err)
			}
			all := fouls(t, outside)
			w := newImageWorld(t, "--docker_registry="+newFoulRegistry(t, all), "--image_provisioner_backend="+backend,
				"--isolation=cgroups/cpu,cgroups/mem,cgroups/devices,filesystem/linux,docker/runtime,namespaces/pid")
			for _, f := range all {
				t.Run(f.name, func(t *testing.T) { w.runsFoul(t, f) })
			}
			for _, zeros := range found(t, filepath.Join(w.dir, "store/layers/*/rootfs*/zeros")) {
				if about, err := os.Stat(zeros); err != nil || about.Sys().(*syscall.Stat_t).Blocks > 1000 {
					t.Errorf("%s takes room: %+v, %v", zeros, about, err)
				}
			}
			if all := names(t, outside+"/*"); len(all) != 1 {
				t.Errorf("outside there are %q", all)
			}
			if text, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(text) != "kept" {
				t.Errorf("outside is %q, %v", text, err)
			}
			w.clean()
			w.empty()
			if left := names(t, filepath.Join(w.dir, "store/staging/*")); len(left) > 0 {
				t.Errorf("staged: %q", left)
			}
			gone(t, w.pruned)
		})
	}
}

// found returns the files that match a pattern, of which there have to be some.
func found(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) == 0 {
		t.Errorf("there is no %s, %v", pattern, err)
	}
	return all
}

// runsFoul runs a task with a foul image.
func (w *imageWorld) runsFoul(t *testing.T, f foul) {
	t.Helper()
	told, printed := w.run(f.name, "foul/"+f.name+":v1", fmt.Sprintf(`{"value": %q}`, f.command))
	if strings.Contains(printed, "kept") || strings.Contains(printed, "opened") {
		t.Errorf("it got out: %s", printed)
	}
	if f.state != "" {
		if !strings.Contains(told, "TASK_"+f.state) || !strings.Contains(printed, f.want) {
			t.Errorf("told\n%s\nprinted\n%s\nwant %s, %q", told, printed, f.state, f.want)
		}
		return
	}
	for _, want := range []string{"TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED", "Failed to launch container: ", f.want} {
		if !strings.Contains(told, want) {
			t.Errorf("want %s; told\n%s%s", want, told, printed)
		}
	}
}
