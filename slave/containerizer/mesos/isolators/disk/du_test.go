package disk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
)

// disk begins a resource.
const disk = `resources { name: "disk" type: SCALAR `

func launch(t *testing.T, enforce bool, command, has string) (containerizer.Containerizer, string) {
	t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.Close(t, n) })
	c := isolation.Default()
	c.Isolation, c.EnforceDisk, c.DiskInterval = "posix/cpu,posix/disk", enforce, time.Millisecond
	work, dir := t.TempDir(), t.TempDir()
	x, err := c.New(n, mesos.Tree{}, mesos.Options{WorkDir: work})
	if err != nil {
		t.Fatal(err)
	}
	config := &slavepb.ContainerConfig{}
	if err := (prototext.UnmarshalOptions{AllowPartial: true}).Unmarshal([]byte(has), config); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(work, "volumes/roles/r/v1"), 0o755); err != nil {
		t.Fatal(err)
	}
	config.CommandInfo, config.Directory = &mesospb.CommandInfo{Value: &command}, &dir
	if _, err := runtime.Wait(t.Context(), x.Launch(containerizer.Launch{ID: "c1", Config: config})); err != nil {
		t.Fatal(err)
	}
	return x, dir
}

// The limitation is that of linux/4-disk-quota-scheduler-events.txt. Nothing that a task does hides files.
func TestEnforce(t *testing.T) {
	t.Parallel()
	const fill = "dd if=/dev/zero of=big bs=1M count=3 2>/dev/null"
	for name, command := range map[string]string{
		"links":     fill + "; ln big again; ln -s / everything",
		"names":     `d=$(printf 'no\377name'); mkdir "$d"; cd "$d"; ` + fill,
		"depths":    "name=$(printf '%0200d' 0); for i in $(seq 30); do mkdir $name; cd -P $name || exit 1; done; " + fill,
		"movements": "mkdir a b; (while mv a b && mv b/a .; do :; done) & " + fill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enforced(t, command+"; sleep 1000")
		})
	}
}

// enforced demands that a container is ended that has too much.
func enforced(t *testing.T, command string) {
	t.Helper()
	x, _ := launch(t, true, command, disk+"scalar { value: 2 } }")
	end, err := runtime.Wait(t.Context(), x.Wait("c1"))
	if err != nil || end.GetState() != mesospb.TaskState_TASK_FAILED || end.GetReason() != mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_DISK ||
		!strings.HasPrefix(end.GetMessage(), "Disk usage (") || !strings.HasSuffix(end.GetMessage(), ") exceeds quota (2MB)") ||
		len(end.GetLimitedResources()) != 1 || end.GetLimitedResources()[0].GetScalar().GetValue() != 2 {
		t.Errorf("ended as %v (%v)", end, err)
	}
}

// Without enforcement the space is only reported: files with two names once, and links not at all.
func TestReport(t *testing.T) {
	t.Parallel()
	volume := disk + `scalar { value: 1 } reservations { type: STATIC role: "r" }
		disk { persistence { id: "v1" } volume { container_path: "data" mode: RW } } }` + disk + "scalar { value: 2 } }"
	x, dir := launch(t, false, "dd if=/dev/zero of=big bs=1M count=3 2>/dev/null; ln big again; ln -s / everything; mkfifo ready; echo > ready; sleep 1000", volume)
	for {
		if f, err := os.Open(filepath.Join(dir, "ready")); err == nil {
			f.Close()
			break
		}
	}
	const least, most = 3 << 20, 3<<20 + 64<<10
	for {
		u, err := runtime.Wait(t.Context(), x.Usage("c1"))
		if err != nil {
			t.Fatal(err)
		}
		if used := u.GetDiskUsedBytes(); used > most {
			t.Fatalf("%d bytes are used", used)
		} else if used < least || len(u.GetDiskStatistics()) != 2 || u.DiskStatistics[1].UsedBytes == nil {
			continue // it has not looked yet
		}
		if u.GetDiskLimitBytes() != 2<<20 || u.DiskStatistics[1].GetPersistence().GetId() != "v1" || u.DiskStatistics[1].GetLimitBytes() != 1<<20 {
			t.Errorf("statistics %v", u)
		}
		break
	}
	if _, err := runtime.Wait(t.Context(), x.Destroy("c1")); err != nil {
		t.Error(err)
	}
}
