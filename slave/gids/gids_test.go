package gids_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"meseta/messages/ids"
	"meseta/runtime/disk"
	"meseta/slave/gids"
)

// The range is one of groups that a volume can have.
func TestParseRange(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[10000-20000]":         "",
		"[10000-10000,12-13]":   "",
		"[1-4294967294]":        "",
		"[":                     "Failed to parse volume gid range '['",
		"5":                     "Invalid volume gid range type SCALAR, expecting RANGES",
		"{a}":                   "Invalid volume gid range type SET, expecting RANGES",
		"[]":                    "Empty volume gid range",
		"[0-5]":                 "Invalid volume gid range '[0-5]'",
		"[10000-4294967295]":    "Invalid volume gid range",
		"[10000-9223372036854]": "Invalid volume gid range",
	} {
		if _, err := gids.ParseRange(text); (want == "") != (err == nil) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// world is a work directory with volumes.
type world struct {
	*gids.Manager
	t    *testing.T
	work string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("groups are given by root")
	}
	w := &world{t: t, work: t.TempDir()}
	w.start("[40001-40002]")
	return w
}

// start replaces the manager, as if its agent had been killed.
func (w *world) start(groups string) {
	w.t.Helper()
	all, err := gids.ParseRange(groups)
	if err == nil {
		w.Manager, err = gids.New(gids.Options{Range: all, WorkDir: w.work, Disk: disk.Local{}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) must(errs ...error) {
	w.t.Helper()
	if err := errors.Join(errs...); err != nil {
		w.t.Fatal(err)
	}
}

// make makes a directory with a file in another one, for a user.
func (w *world) make(name string, uid int) string {
	w.t.Helper()
	path := filepath.Join(w.work, name)
	w.must(os.MkdirAll(filepath.Join(path, "in"), 0o755), os.WriteFile(filepath.Join(path, "in/file"), nil, 0o640))
	for _, p := range []string{path, path + "/in", path + "/in/file"} {
		w.must(os.Chown(p, uid, uid))
	}
	return path
}

// allocates compares the group of a volume.
func (w *world) allocates(path string, kind gids.Kind, want uint32) {
	w.t.Helper()
	if got, err := w.Allocate(w.t.Context(), path, kind); err != nil || got != want {
		w.t.Errorf("%s is in group %d (%v), want %d", path, got, err, want)
	}
}

// has compares the mode and the group of a file.
func (w *world) has(path, want string) {
	w.t.Helper()
	var about unix.Stat_t
	w.must(unix.Lstat(path, &about))
	if got := fmt.Sprintf("%o %d", about.Mode&0o7777, about.Gid); got != want {
		w.t.Errorf("%s is %s, want %s", path, got, want)
	}
}

// left compares how many groups are free.
func (w *world) left(want uint64) {
	w.t.Helper()
	if total, free := w.Counts(); total != 2 || free != want {
		w.t.Errorf("%d of %d groups are free, want %d of 2", free, total, want)
	}
}

const user, other = 65534, 65533

// A volume gets a group with all its files, and the next agent knows it. When it is destroyed, the group is free.
func TestPersistentVolumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.make("volumes/roles/r/one", 0), w.make("volumes/roles/r/two", user)
	w.allocates(one, gids.Persistent, 40001)
	w.allocates(one, gids.Persistent, 40001)
	w.has(one, "2775 40001")
	w.has(one+"/in", "2775 40001")
	w.has(one+"/in/file", "640 40001")
	w.start("[40001-40002]")
	w.allocates(two, gids.Persistent, 40002)
	w.left(0)
	three := w.make("volumes/roles/r/three", 0)
	if _, err := w.Allocate(t.Context(), three, gids.Persistent); err == nil || !strings.HasSuffix(err.Error(), "because the free gid range is exhausted") {
		t.Errorf("a group too many: %v", err)
	}
	w.must(os.RemoveAll(one), w.Release(one))
	w.left(1)
	w.allocates(three, gids.Persistent, 40001)
	w.must(w.Release(two)) // a disk, which is emptied
	w.has(two, "755 65534")
	w.has(two+"/in/file", "640 65534")
	w.left(1)
}

// A volume that was destroyed and made anew while no agent ran gets its group again, and one that is gone has none. What an agent
// had not finished, the next one does.
func TestPersistentVolumesOutlived(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.make("volumes/roles/r/one", 0), w.make("volumes/roles/r/two", 0)
	w.allocates(one, gids.Persistent, 40001)
	w.allocates(two, gids.Persistent, 40002)
	w.must(os.RemoveAll(one), os.RemoveAll(two))
	w.make("volumes/roles/r/one", 0)
	w.start("[40001-40002]")
	w.must(w.Sweep(func(ids.Container) bool { return false }))
	w.left(1)
	w.allocates(one, gids.Persistent, 40001)
	w.has(one+"/in/file", "640 40001")
	w.start("[50001-50002]") // groups of an earlier range stay with their volumes
	w.allocates(one, gids.Persistent, 40001)
	w.left(2)
	w.must(os.WriteFile(filepath.Join(w.work, "meta/volume_gid_manager/volume_gids"), []byte("damaged"), 0o644))
	all, err := gids.ParseRange("[1-2]")
	w.must(err)
	if _, err := gids.New(gids.Options{Range: all, WorkDir: w.work, Disk: disk.Local{}}); err == nil || !strings.Contains(err.Error(), "Failed to read volume gid infos") {
		t.Errorf("a damaged record: %v", err)
	}
}

// A directory of a sandbox has its group until the container of the sandbox ends, also while another agent runs, and then its owner's
// again. One that is a persistent volume stays in that's group.
func TestDirectoriesOfSandboxes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const run, nested = "slaves/s/frameworks/f/executors/e/runs/c1", "slaves/s/frameworks/f/executors/e/runs/c1/containers/n1"
	one, two := w.make(run+"/shared", user), w.make(nested+"/shared", user)
	w.allocates(one, gids.Sandbox, 40001)
	w.allocates(one+"/in", gids.Sandbox, 40001) // as a part of it
	w.allocates(two, gids.Sandbox, 40002)
	w.must(w.Release(filepath.Join(w.work, nested)))
	w.has(two, "755 65534")
	w.has(two+"/in/file", "640 65534")
	w.left(1)
	w.must(w.Release(filepath.Join(w.work, "slaves/s/frameworks/f/executors/e/runs/c"))) // another container
	w.left(1)
	w.start("[40001-40002]")
	w.must(w.Sweep(func(id ids.Container) bool { return id == "c1" }))
	w.left(1)
	w.must(w.Sweep(func(ids.Container) bool { return false }))
	w.left(2)
	w.has(one, "755 65534")
	alone := w.make("containers/c2/shared", user)
	w.allocates(alone, gids.Sandbox, 40001)
	w.must(w.Sweep(func(id ids.Container) bool { return id == "c2" }))
	w.left(1)
}

// Links that the sandbox's owner has put there are not followed, and neither files with other names that are somebody else's nor what
// is mounted in a volume get its group.
func TestHostileVolumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const run = "slaves/s/frameworks/f/executors/e/runs/c1/"
	outside := w.make("outside", other)
	one := w.make(run+"shared", user)
	w.must(os.Symlink(outside, one+"/link"), os.Link(outside+"/in/file", one+"/hard"), os.Link(one+"/in/file", one+"/own"))
	w.allocates(one, gids.Sandbox, 40001)
	w.has(outside, "755 65533")
	w.has(outside+"/in/file", "640 65533")
	w.has(one+"/own", "640 40001")
	for _, trap := range []string{"trap", "trap/in"} {
		_ = os.Symlink(outside, filepath.Join(w.work, run, "trap"))
		if gid, err := w.Allocate(t.Context(), filepath.Join(w.work, run, trap), gids.Sandbox); err == nil {
			t.Errorf("%s is in group %d", trap, gid)
		}
	}
	w.must(os.RemoveAll(one), os.Symlink(outside, one), w.Release(filepath.Join(w.work, run[:len(run)-1])))
	w.has(outside, "755 65533")
	w.left(2)
}

// A container that is destroyed does not wait for the files of its volume.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	one := w.make("volumes/roles/r/one", 0)
	if _, err := w.Allocate(ctx, one, gids.Persistent); !errors.Is(err, context.Canceled) {
		t.Errorf("it was not interrupted: %v", err)
	}
	w.allocates(one, gids.Persistent, 40001)
	w.has(one+"/in/file", "640 40001")
}
