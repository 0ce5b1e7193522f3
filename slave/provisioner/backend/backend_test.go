package backend_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"meseta/slave/provisioner/backend"
	"meseta/slave/provisioner/layer"
	"meseta/slave/provisioner/mounttest"
)

func TestMain(m *testing.M) { os.Exit(mounttest.Main(m)) }

// layers makes two layers: the upper one replaces a file and hides another.
func layers(t *testing.T, w layer.Whiteouts) []string {
	t.Helper()
	lower, upper := t.TempDir(), t.TempDir()
	write(t, filepath.Join(lower, "both"), "1")
	write(t, filepath.Join(lower, "hidden"), "1")
	write(t, filepath.Join(upper, "both"), "2")
	if w == layer.Overlay {
		if err := unix.Mknod(filepath.Join(upper, "hidden"), unix.S_IFCHR, 0); err != nil {
			t.Fatal(err)
		}
	} else {
		write(t, filepath.Join(upper, ".wh.hidden"), "")
	}
	return []string{lower, upper}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "nothing"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// temporary returns the directories for links to layers.
func temporary(t *testing.T, dir string) int {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "mesos-*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A container sees its layers and changes only its own files; destroyed, it leaves nothing behind.
func TestBackends(t *testing.T) {
	mounttest.Need(t)
	for _, name := range []string{backend.OverlayName, backend.CopyName} {
		b, err := backend.New(name)
		if err != nil {
			t.Fatal(err)
		}
		short := t.TempDir()
		t.Setenv("TMPDIR", short)
		all := layers(t, b.Whiteouts())
		dir := filepath.Join(t.TempDir(), "a,b c", name) // names that options and tables escape
		rootfs := filepath.Join(dir, "rootfses", "1")
		changes, err := b.Provision(context.Background(), all, rootfs, dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := read(t, filepath.Join(rootfs, "both")) + read(t, filepath.Join(rootfs, "hidden")); got != "2nothing" {
			t.Errorf("%s shows %s", name, got)
		}
		write(t, filepath.Join(rootfs, "both"), "3")
		write(t, filepath.Join(rootfs, "hidden"), "3")
		if got := read(t, filepath.Join(all[0], "both")) + read(t, filepath.Join(all[1], "both")); got != "12" {
			t.Errorf("%s: the layers have %s", name, got)
		}
		if name == backend.OverlayName && (len(changes) != 2 || read(t, filepath.Join(changes[0], "both")) != "3") {
			t.Errorf("changes are in %v", changes)
		}
		for range 2 { // destroying what is gone is no error
			if err := b.Destroy(rootfs, dir); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := os.Remove(filepath.Join(dir, "rootfses")); err != nil || temporary(t, short) != 0 {
			t.Errorf("%s leaves something: %v, %d", name, err, temporary(t, short))
		}
	}
}

// What is mounted in a file system that is destroyed is unmounted, and not deleted.
func TestDestroySparesMounts(t *testing.T) {
	mounttest.Need(t)
	t.Parallel()
	for _, name := range []string{backend.OverlayName, backend.CopyName} {
		b, err := backend.New(name)
		if err != nil {
			t.Fatal(err)
		}
		dir, volume := t.TempDir(), t.TempDir()
		write(t, filepath.Join(volume, "precious"), "x")
		rootfs := filepath.Join(dir, "rootfses", "1")
		if _, err := b.Provision(context.Background(), layers(t, b.Whiteouts()), rootfs, dir); err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(rootfs, "volume")
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(volume, at, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		if err := b.Destroy(rootfs, dir); err != nil {
			t.Error(err)
		}
		if got := read(t, filepath.Join(volume, "precious")); got != "x" {
			t.Errorf("%s: the volume has %s", name, got)
		}
	}
}

func TestBind(t *testing.T) {
	mounttest.Need(t)
	t.Parallel()
	all, dir := layers(t, layer.Keep), t.TempDir()
	rootfs := filepath.Join(dir, "rootfses", "1")
	if _, err := (backend.Bind{}).Provision(context.Background(), all, rootfs, dir); err == nil || !strings.Contains(err.Error(), "Multiple layers") {
		t.Errorf("two layers: %v", err)
	}
	if _, err := (backend.Bind{}).Provision(context.Background(), all[:1], rootfs, dir); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(rootfs, "both")); got != "1" {
		t.Errorf("shows %s", got)
	}
	if err := os.WriteFile(filepath.Join(rootfs, "both"), nil, 0o644); !errors.Is(err, unix.EROFS) {
		t.Errorf("written: %v", err)
	}
	if err := (backend.Bind{}).Destroy(rootfs, dir); err != nil || read(t, filepath.Join(all[0], "both")) != "1" {
		t.Errorf("destroyed: %v", err)
	}
}

// An image may have more layers than the kernel takes paths.
func TestManyLayers(t *testing.T) {
	mounttest.Need(t)
	t.Parallel()
	dir := t.TempDir()
	var all []string
	for range 100 {
		all = append(all, t.TempDir())
	}
	write(t, filepath.Join(all[0], "f"), "1")
	rootfs := filepath.Join(dir, "rootfses", "1")
	if _, err := (backend.Overlay{}).Provision(context.Background(), all, rootfs, dir); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(rootfs, "f")); got != "1" {
		t.Errorf("shows %s", got)
	}
	if err := (backend.Overlay{}).Destroy(rootfs, dir); err != nil {
		t.Error(err)
	}
}

// What failed can be destroyed, and is no layer less.
func TestFailures(t *testing.T) {
	mounttest.Need(t)
	t.Parallel()
	for _, b := range []backend.Backend{backend.Overlay{}, backend.Copy{}, backend.Bind{}} {
		dir := t.TempDir()
		rootfs := filepath.Join(dir, "rootfses", "1")
		if _, err := b.Provision(context.Background(), nil, rootfs, dir); err == nil {
			t.Errorf("%T: no layer", b)
		}
		if _, err := b.Provision(context.Background(), []string{filepath.Join(dir, "missing")}, rootfs, dir); err == nil {
			t.Errorf("%T: a missing layer", b)
		}
		if err := b.Destroy(rootfs, dir); err != nil {
			t.Errorf("%T: %v", b, err)
		}
	}
}

func TestChoose(t *testing.T) {
	mounttest.Need(t)
	t.Parallel()
	for wanted, want := range map[string]string{
		"": "overlay", "overlay": "overlay", "copy": "copy", "bind": "bind",
		"aufs": "Linux has no aufs", "zfs": "'zfs' is not supported: Not found",
	} {
		got, err := backend.Choose(wanted, t.TempDir())
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", wanted, got, want)
		}
	}
	dir := t.TempDir()
	lower, rootfs := t.TempDir(), filepath.Join(dir, "rootfses", "1")
	if _, err := (backend.Overlay{}).Provision(context.Background(), []string{lower}, rootfs, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := backend.Choose("", rootfs); got != "copy" || err != nil {
		t.Errorf("in an overlay: %s, %v", got, err)
	}
	if _, err := backend.Choose("overlay", rootfs); err == nil || !strings.Contains(err.Error(), "underlying filesystem 'overlay'") {
		t.Errorf("an overlay in an overlay: %v", err)
	}
	if err := (backend.Overlay{}).Destroy(rootfs, dir); err != nil {
		t.Error(err)
	}
}
