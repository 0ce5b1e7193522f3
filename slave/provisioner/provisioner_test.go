package provisioner_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime/disk"
	"meseta/slave/provisioner"
	"meseta/slave/provisioner/layer"
	"meseta/slave/provisioner/mounttest"
)

func TestMain(m *testing.M) { os.Exit(mounttest.Main(m)) }

// shelf is a store whose images were there before.
type shelf struct {
	images    map[string]provisioner.Image
	recovered bool
	pruned    [][]string // for each time, the names of what was excluded, and what is active
	get       func()     // called while an image is being got
}

func (s *shelf) Recover(context.Context) error { s.recovered = true; return nil }

func (s *shelf) Get(_ context.Context, i *mesospb.Image, _ layer.Whiteouts) (provisioner.Image, error) {
	if s.get != nil {
		s.get()
	}
	found, ok := s.images[i.GetDocker().GetName()]
	if !ok {
		return found, errors.New("no such image")
	}
	return found, nil
}

func (s *shelf) Prune(_ context.Context, excluded []*mesospb.Image, active []string) error {
	var all []string
	for _, i := range excluded {
		all = append(all, i.GetDocker().GetName())
	}
	s.pruned = append(s.pruned, append(all, active...))
	return nil
}

func named(name string) *mesospb.Image {
	return &mesospb.Image{Type: mesospb.Image_DOCKER.Enum(), Docker: &mesospb.Image_Docker{Name: &name}}
}

type world struct {
	t       *testing.T
	dir     string
	shelf   *shelf
	backend string
	*provisioner.Provisioner
}

// newWorld returns a provisioner with two images, a of one layer and b of two.
func newWorld(t *testing.T, backend string) *world {
	mounttest.Need(t)
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), backend: backend, shelf: &shelf{images: map[string]provisioner.Image{}}}
	lower, upper := t.TempDir(), t.TempDir()
	for _, dir := range []string{lower, upper} {
		if err := os.WriteFile(filepath.Join(dir, "f"), []byte(dir), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.shelf.images["a"] = provisioner.Image{Layers: []string{lower}}
	w.shelf.images["b"] = provisioner.Image{Layers: []string{lower, upper}, Config: "/config"}
	w.restart()
	return w
}

// restart replaces the provisioner, as if its agent had been killed.
func (w *world) restart() {
	w.t.Helper()
	names := 0
	p, err := provisioner.New(provisioner.Options{
		WorkDir: w.dir, Backend: w.backend, Stores: map[mesospb.Image_Type]provisioner.Store{mesospb.Image_DOCKER: w.shelf},
		Disk: disk.Local{}, NewName: func() string { names++; return fmt.Sprint("rootfs-", names) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Provisioner = p
}

func (w *world) provision(id ids.Container, image string) provisioner.Provision {
	w.t.Helper()
	got, err := w.Provision(w.t.Context(), id, named(image))
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// list returns the directories and files of the provisioner, without what is in file systems.
func (w *world) list() (all []string) {
	w.t.Helper()
	top := filepath.Join(w.dir, "provisioner")
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == top {
			return err
		}
		all = append(all, strings.TrimPrefix(path, top+"/"))
		if base := filepath.Base(filepath.Dir(path)); base == "rootfses" || base == "scratch" {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// mounts returns how many mounts there are below the work directory.
func (w *world) mounts() (n int) {
	w.t.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Count(string(table), w.dir+"/provisioner")
}

// The directories are those of the reference: linux/8-image-provisioner-tree.txt.
func TestLayout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	a, nested := w.provision("c1", "a"), w.provision("c2.n", "b")
	for at, want := range map[string]string{a.Rootfs: w.shelf.images["a"].Layers[0], nested.Rootfs: w.shelf.images["b"].Layers[1]} {
		if got, err := os.ReadFile(filepath.Join(at, "f")); err != nil || string(got) != want {
			t.Errorf("%s has %s, %v", at, got, err)
		}
	}
	want := []string{
		"containers", "containers/c1", "containers/c1/backends", "containers/c1/backends/overlay", "containers/c1/backends/overlay/rootfses",
		"containers/c1/backends/overlay/rootfses/rootfs-1", "containers/c1/backends/overlay/scratch", "containers/c1/backends/overlay/scratch/rootfs-1",
		"containers/c1/layers", "containers/c2", "containers/c2/containers", "containers/c2/containers/n", "containers/c2/containers/n/backends",
		"containers/c2/containers/n/backends/overlay", "containers/c2/containers/n/backends/overlay/rootfses",
		"containers/c2/containers/n/backends/overlay/rootfses/rootfs-2", "containers/c2/containers/n/backends/overlay/scratch",
		"containers/c2/containers/n/backends/overlay/scratch/rootfs-2", "containers/c2/containers/n/layers",
	}
	if diff := cmp.Diff(want, w.list()); diff != "" {
		t.Error(diff)
	}
	for _, id := range []ids.Container{"c1", "c2", "c2", "nosuch"} { // with c2 goes what is nested in it
		if err := w.Destroy(id); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"containers"}, w.list()); diff != "" || w.mounts() != 0 {
		t.Errorf("%s, %d mounts", diff, w.mounts())
	}
}

// After a kill, the file systems of known containers are there, and nothing of those of others.
func TestRecover(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"overlay", "copy"} {
		w := newWorld(t, backend)
		kept, nested := w.provision("kept", "b"), w.provision("kept.n", "a")
		w.provision("kept.gone", "a")
		w.provision("gone", "a")
		w.provision("gone", "b") // as a volume
		w.provision("gone.n", "b")
		if err := os.MkdirAll(filepath.Join(w.dir, "provisioner/containers/half/backends/"+backend+"/rootfses/x"), 0o755); err != nil {
			t.Fatal(err)
		}
		w.restart()
		known := map[ids.Container]bool{"kept": true, "kept.n": true}
		if err := w.Recover(t.Context(), func(id ids.Container) bool { return known[id] }); err != nil || !w.shelf.recovered {
			t.Errorf("%s: %v", backend, err)
		}
		for _, p := range []provisioner.Provision{kept, nested} {
			if _, err := os.Stat(filepath.Join(p.Rootfs, "f")); err != nil {
				t.Error(err)
			}
		}
		for _, path := range w.list() {
			if strings.Contains(path, "gone") || strings.Contains(path, "half") {
				t.Errorf("%s is left", path)
			}
		}
		if err := w.Prune(t.Context(), nil, []*mesospb.Image{named("x")}); err != nil {
			t.Error(err)
		}
		all := w.shelf.images["b"].Layers
		if diff := cmp.Diff([][]string{{"x", all[0], all[1], "/config", all[0]}}, w.shelf.pruned); diff != "" {
			t.Errorf("%s: %s", backend, diff)
		}
		if err := w.Destroy("kept"); err != nil || len(w.list()) != 1 || w.mounts() != 0 {
			t.Errorf("%s: %v, %v, %d mounts", backend, err, w.list(), w.mounts())
		}
	}
}

func TestProvisionFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "bind")
	appc := &mesospb.Image{Type: mesospb.Image_APPC.Enum()}
	if _, err := w.Provision(t.Context(), "c", appc); err == nil || err.Error() != "Unsupported container image type: APPC" {
		t.Errorf("appc: %v", err)
	}
	for name, want := range map[string]string{"nosuch": "no such image", "b": "Multiple layers are not supported by the bind backend"} {
		if _, err := w.Provision(t.Context(), "c", named(name)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.Destroy("c"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"containers"}, w.list()); diff != "" {
		t.Error(diff)
	}
	if _, err := provisioner.New(provisioner.Options{WorkDir: t.TempDir(), Backend: "aufs"}); err == nil || !strings.Contains(err.Error(), "The specified provisioner backend 'aufs' is not supported") {
		t.Errorf("aufs: %v", err)
	}
}

// A file system that cannot be removed is counted, and removed by the next agent.
func TestNotDestroyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "copy")
	w.provision("c", "a")
	odd := filepath.Join(w.dir, "provisioner/containers/c/backends/nosuch/rootfses/1")
	if err := os.MkdirAll(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := w.Destroy("c"); err == nil || !strings.Contains(err.Error(), "Unknown backend 'nosuch'") {
		t.Error(err)
	}
	if all, bound := w.Failed(); all != 1 || bound != 0 {
		t.Errorf("%d, %d", all, bound)
	}
	if err := os.RemoveAll(filepath.Dir(filepath.Dir(odd))); err != nil {
		t.Fatal(err)
	}
	w.restart()
	if err := w.Recover(t.Context(), func(ids.Container) bool { return false }); err != nil || len(w.list()) != 1 {
		t.Errorf("%v, %v", err, w.list())
	}
}

// Images are not pruned while one is being got.
func TestPruneWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "copy")
	pruned := make(chan error, 1)
	var pruning sync.WaitGroup
	w.shelf.get = func() {
		pruning.Go(func() { pruned <- w.Prune(t.Context(), nil, nil) })
	}
	w.provision("c", "a")
	if err := <-pruned; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{w.shelf.images["a"].Layers[0]}}, w.shelf.pruned); diff != "" {
		t.Errorf("what was got is not active: %s", diff)
	}
}
