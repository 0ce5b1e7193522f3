package xfs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/mesos/isolators/xfs"
	"meseta/slave/provisioner/mounttest"
)

// A project is that of all in a directory, and of what comes into it, but not of what links in it lead to or what is mounted in it. It
// needs no quotas.
func TestAssign(t *testing.T) {
	t.Parallel()
	root := mounttest.XFS(t, "noatime")
	one, other := filepath.Join(root, "one"), filepath.Join(root, "other")
	for _, dir := range []string{one + "/in/deep", one + "/bound", one + "/elsewhere", other + "/in"} {
		must(t, os.MkdirAll(dir, 0o755))
	}
	must(t, os.WriteFile(one+"/in/file", nil, 0o600))
	must(t, os.WriteFile(other+"/file", nil, 0o600))
	must(t, os.Symlink(other, one+"/link"))
	must(t, os.Symlink(other+"/file", one+"/filelink"))
	must(t, unix.Mkfifo(one+"/pipe", 0o600))
	must(t, unix.Mount(other, one+"/bound", "", unix.MS_BIND, ""))
	defer unix.Unmount(one+"/bound", unix.MNT_DETACH)
	must(t, unix.Mount("t", one+"/elsewhere", "tmpfs", 0, ""))
	defer unix.Unmount(one+"/elsewhere", unix.MNT_DETACH)

	var k xfs.Kernel
	must(t, k.Assign(one, 5000))
	must(t, k.Assign(other+"/in", 5001))
	must(t, os.MkdirAll(one+"/later/deep", 0o755))
	for dir, want := range map[string]xfs.Project{
		one: 5000, one + "/in": 5000, one + "/in/deep": 5000, one + "/later/deep": 5000, other: 0, other + "/in": 5001, root: 0,
	} {
		if got, err := k.Project(dir); err != nil || got != want {
			t.Errorf("%s is of project %d, want %d (%v)", dir, got, want, err)
		}
	}
	if err := os.Rename(other+"/file", one+"/file"); err == nil {
		t.Error("a file without a project is moved to one")
	}
	must(t, unix.Unmount(one+"/bound", 0))
	if err := os.Link(one+"/in/file", other+"/in/file"); err == nil {
		t.Error("a file has a name in another project")
	}
	if _, err := k.Project(one + "/none"); !os.IsNotExist(err) {
		t.Errorf("a project of nothing: %v", err)
	}
}

// A file system says why it cannot be used.
func TestCheck(t *testing.T) {
	t.Parallel()
	var k xfs.Kernel
	root := mounttest.XFS(t, "noatime")
	err := k.Check(root, false)
	if err == nil || !strings.Contains(err.Error(), "option prjquota") && !strings.Contains(err.Error(), "this kernel has no quotas of XFS (CONFIG_XFS_QUOTA)") {
		t.Errorf("without quotas: %v", err)
	}
	counting := mounttest.XFS(t, "pqnoenforce")
	must(t, k.Check(counting, false))
	must(t, k.Check(counting, true)) // it was switched on
	must(t, k.Check(mounttest.XFS(t, "prjquota"), true))
	if err := k.Check(mounttest.XFS(t, "uquota"), false); err == nil || !strings.Contains(err.Error(), "XFS project quotas are not enabled on") {
		t.Errorf("with quotas of users: %v", err)
	}
}

// A container cannot write more than it may: not in its sandbox, not under another name, not in its volume. What it deletes
// it can write again.
func TestWritesFail(t *testing.T) {
	t.Parallel()
	root := mounttest.XFS(t, "prjquota")
	s := newSite(t, root, nil)
	v1 := filepath.Join(s.work, "volumes/roles/r/v1")
	must(t, os.MkdirAll(v1, 0o755))
	s.launch("c1", `dd if=/dev/zero of=a bs=64k count=24 2>/dev/null || exit 1
		mkdir -p x/y || exit 2
		problem=$(dd if=/dev/zero of=x/y/b bs=64k count=24 2>&1) && exit 3
		case $problem in *'quota exceeded'* | *'No space left'*) ;; *) exit 3 ;; esac
		dd if=/dev/zero of=`+v1+`/c bs=64k count=80 2>/dev/null && exit 4
		rm -r a x && dd if=/dev/zero of=d bs=64k count=24 2>/dev/null || exit 5
		exit 42`, disk(2)+volume("v1", 4, ""))
	end, err := get(t, s.Wait("c1"))
	must(t, err)
	if end.GetStatus() != 42<<8 {
		t.Errorf("ended as %v", end)
	}
	for dir, most := range map[string]int64{s.sandbox("c1"): 2 << 20, v1: 4 << 20} {
		var total int64
		must(t, filepath.Walk(dir, func(_ string, about os.FileInfo, err error) error {
			if err == nil && about.Mode().IsRegular() {
				total += about.Size()
			}
			return err
		}))
		if total > most || total < most/2 {
			t.Errorf("%s has %d bytes, want at most %d", dir, total, most)
		}
	}
	must(t, os.WriteFile(filepath.Join(root, "outside"), make([]byte, 8<<20), 0o600)) // which has no project
}

// A container is ended that has more than it may, and its neighbour is not.
func TestKilledByTheKernelsCount(t *testing.T) {
	t.Parallel()
	s := newSite(t, mounttest.XFS(t, "prjquota"), nil, func(o *xfs.Options) { o.Kill, o.Headroom = true, 10*megabyte })
	s.launch("c2", "sleep 1000", disk(2))
	s.launch("c1", "dd if=/dev/zero of=a bs=64k count=64; sync; sleep 1000", disk(2))
	end, err := get(t, s.Wait("c1"))
	must(t, err)
	if end.GetReason() != mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_DISK || !strings.HasPrefix(end.GetMessage(), "Disk usage (") ||
		!strings.HasSuffix(end.GetMessage(), ") exceeded quota (2MB)") {
		t.Errorf("ended as %v", end)
	}
	u, err := get(t, s.Usage("c2"))
	must(t, err)
	if u.GetDiskUsedBytes() > 64<<10 || u.GetDiskLimitBytes() != 2<<20 {
		t.Errorf("usage of the other: %v", u)
	}
}

// After kill -9 of the agent the limits hold, and the next agent finds the projects, gives them back, and others get them.
func TestRecoveredFromTheKernel(t *testing.T) {
	t.Parallel()
	s := newSite(t, mounttest.XFS(t, "prjquota"), nil)
	s.launch("c1", "mkfifo go; read x < go; dd if=/dev/zero of=a bs=64k count=64 2>/dev/null && exit 1; exit 42", disk(2))
	s.crash()
	s.start(s.survivor("c1"))
	s.frees(2)
	u, err := get(t, s.Usage("c1"))
	must(t, err)
	if u.DiskUsedBytes == nil {
		t.Errorf("usage %v", u)
	}
	_, err = get(t, s.Update("c1", parse(t, disk(1)), nil))
	must(t, err)
	let(t, filepath.Join(s.sandbox("c1"), "go"))
	end, err := get(t, s.Wait("c1"))
	must(t, err)
	if end.GetStatus() != 42<<8 {
		t.Errorf("ended as %v", end)
	}
	if about, err := os.Stat(filepath.Join(s.sandbox("c1"), "a")); err != nil || about.Size() > 1<<20 {
		t.Errorf("the file has %v bytes, %v", about, err)
	}
	must(t, os.RemoveAll(s.sandbox("c1")))
	s.isolator.Reclaim()
	s.frees(3)
	var k xfs.Kernel
	device, err := k.Device(s.work)
	must(t, err)
	if q, err := k.Quota(device, 5000); err != nil || q.Soft != 0 || q.Hard != 0 {
		t.Errorf("the limit of a project that nobody has: %v, %v", q, err)
	}
	s.launch("c2", "dd if=/dev/zero of=a bs=64k count=24 && exit 42", disk(2))
	if end, err = get(t, s.Wait("c2")); err != nil || end.GetStatus() != 42<<8 {
		t.Errorf("ended as %v, %v", end, err)
	}
}

// let writes a line to a pipe, as soon as a container has made it.
func let(t *testing.T, pipe string) {
	t.Helper()
	for {
		if f, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
			defer f.Close()
			_, err = f.WriteString("go\n")
			must(t, err)
			return
		}
	}
}
