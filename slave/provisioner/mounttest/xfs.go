package mounttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// XFS mounts a new file system XFS of 320 MB, the least that mkfs.xfs makes, and returns where. options are those of mount(8),
// such as prjquota. It skips a test where that is not possible: XFS may be compiled into a kernel without its quotas.
func XFS(t testing.TB, options string) string {
	t.Helper()
	Need(t)
	dir := MountXFS(t, options, exec.Command)
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// MountXFS does what [XFS] does by a command that may run mount(8) in another namespace, where the caller unmounts it.
func MountXFS(t testing.TB, options string, command func(name string, args ...string) *exec.Cmd) string {
	t.Helper()
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 320<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.xfs", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("mkfs.xfs of xfsprogs makes no file system: %v %s", err, out)
	}
	if out, err := command("mount", "-t", "xfs", "-o", "loop,"+options, image, dir).CombinedOutput(); err != nil {
		t.Skipf("this kernel does not mount XFS with %s: %v %s", options, err, out)
	}
	return dir
}
