package namespaces_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/mesos/isolation"
)

// newRootfs makes a small file system with a shell.
func newRootfs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"proc", "sys", "dev", "tmp", "data", "bin"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	must(t, os.Chmod(filepath.Join(dir, "tmp"), 0o1777))
	for _, tool := range []string{"sh", "cat", "ls", "readlink", "touch", "mount", "stat", "sleep", "id"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("the test needs a root file system: %v", err)
		}
		copyFile(t, path, filepath.Join(dir, "bin", tool))
		libraries, err := exec.Command("ldd", path).Output()
		if err != nil {
			continue // it is static
		}
		for word := range strings.FieldsSeq(string(libraries)) {
			if strings.HasPrefix(word, "/") {
				copyFile(t, word, filepath.Join(dir, word))
			}
		}
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if _, err := os.Stat(to); err == nil {
		return
	}
	content, err := os.ReadFile(from)
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(to), 0o755))
	must(t, os.WriteFile(to, content, 0o755))
}

// in has a container see a file system of its own.
func in(rootfs string) func(*slavepb.ContainerConfig) {
	return func(c *slavepb.ContainerConfig) { c.Rootfs = &rootfs }
}

// A container with a file system of its own sees what the recorded one in linux/8-image-inside sees.
func TestRootfs(t *testing.T) {
	t.Parallel()
	m, root := newMachine(t), newRootfs(t)
	m.launch("c1", `cat /proc/self/mountinfo; echo; ls /; echo; ls -l /dev; echo; pwd; echo "$MESOS_SANDBOX"
		echo said > said; touch /proc/sys/x /sys/x 2>/dev/null && echo writable; ls /proc/acpi /sys/firmware; cat /proc/keys
		readlink /proc/1/exe > /dev/null && echo "$$"`, in(root))
	parts := strings.SplitN(m.ends("c1", ".", 0), "\n\n", 4)
	if len(parts) != 4 {
		t.Fatalf("inside: %q", parts)
	}
	var mounts []string
	for line := range strings.Lines(parts[0] + "\n") {
		before, after, _ := strings.Cut(strings.TrimSpace(line), " - ")
		fields := strings.Fields(before)
		options := strings.Split(fields[5], ",")
		mounts = append(mounts, fields[4]+" "+options[0]+" "+strings.Fields(after)[0])
	}
	for _, want := range []string{
		"/proc rw proc", "/proc/bus ro proc", "/proc/fs ro proc", "/proc/irq ro proc", "/proc/sys ro proc", "/sys ro sysfs",
		"/sys/fs/cgroup rw tmpfs", "/dev rw tmpfs", "/dev/pts rw devpts", "/dev/shm rw tmpfs",
		"/proc/keys ro devtmpfs", "/sys/firmware ro tmpfs",
	} {
		if !slices.Contains(mounts, want) {
			t.Errorf("there is no mount %q among %q", want, mounts)
		}
	}
	if slices.ContainsFunc(mounts, func(m string) bool { return strings.HasPrefix(m, os.TempDir()) || strings.HasPrefix(m, "/home") }) {
		t.Errorf("mounts of the agent are seen inside:\n%s", parts[0])
	}
	if got := strings.Fields(parts[1]); slices.Contains(got, "home") || !slices.Contains(got, "data") {
		t.Errorf("/ has %q", got)
	}
	for _, want := range []string{"full", "null", "random", "tty", "urandom", "zero", "fd -> /proc/self/fd", "stdin -> /proc/self/fd/0", "ptmx -> pts/ptmx", " pts\n", " shm\n"} {
		if !strings.Contains(parts[2]+"\n", want) {
			t.Errorf("/dev does not have %q:\n%s", want, parts[2])
		}
	}
	if want := "/mnt/mesos/sandbox\n/mnt/mesos/sandbox\n"; !strings.HasPrefix(parts[3], want) || strings.Contains(parts[3], "writable") {
		t.Errorf("the container says %q, want %q first", parts[3], want)
	}
	m.file("said", "said\n")
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(table), root) {
		t.Errorf("mounts of the container are left (%v):\n%s", err, table)
	}
}

// Links in a root file system do not lead the agent out of it, when it mounts there and makes mount points.
func TestRootfsWithTraps(t *testing.T) {
	t.Parallel()
	m, root, outside := newMachine(t), newRootfs(t), t.TempDir()
	n := 0
	for _, name := range []string{"proc", "dev", "sys", "mnt", "mnt/mesos", "mnt/mesos/sandbox"} {
		for _, to := range []string{outside, "../../../../../../../../../../../../.." + outside} {
			n++
			id, at := ids.Container(fmt.Sprint("c", n)), filepath.Join(root, name)
			must(t, os.RemoveAll(at))
			must(t, os.MkdirAll(filepath.Dir(at), 0o755))
			must(t, os.Symlink(to, at))
			m.launch(id, "exit 0", in(root))
			if _, err := runtime.Wait(t.Context(), m.Wait(id)); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
				t.Errorf("%s leads out: %v (%v)", name, left, err)
			}
			table, err := os.ReadFile("/proc/self/mountinfo")
			if err != nil || strings.Contains(string(table), outside) || strings.Contains(string(table), root) {
				t.Errorf("%s: mounts are left (%v):\n%s", name, err, table)
			}
			must(t, os.Remove(at))
		}
	}
}

// A debug container sees the file system of its parent. A nested one has the agent's, or one of its own.
func TestNestedRootfs(t *testing.T) {
	t.Parallel()
	m, root := newMachine(t), newRootfs(t)
	m.launch("c1", "echo up > up; while test ! -e go; do sleep 0.01; done", in(root))
	m.file("up", "up\n")
	m.launch("c1.debug", "pwd > debug; ls / >> debug; test -e /home || echo over >> debug", func(c *slavepb.ContainerConfig) {
		c.ContainerClass = slavepb.ContainerClass_DEBUG.Enum()
	})
	if end, err := runtime.Wait(t.Context(), m.Wait("c1.debug")); err != nil || end.GetStatus() != 0 {
		t.Errorf("the debug container ended as %v (%v)", end, err)
	}
	text, err := os.ReadFile(filepath.Join(m.sandbox, "debug"))
	if err != nil || !strings.HasPrefix(string(text), "/mnt/mesos/sandbox\n") || !strings.HasSuffix(string(text), "over\n") {
		t.Errorf("the debug container says %q (%v)", text, err)
	}
	m.launch("c1.own", "pwd; test ! -e /home && id -u", in(root), func(c *slavepb.ContainerConfig) {
		c.CommandInfo.Shell, c.User = proto.Bool(true), proto.String("nobody")
		c.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum()}
	})
	if got := m.ends("c1.own", "containers/own", 0); got != "/mnt/mesos/sandbox\n65534\n" {
		t.Errorf("the nested container says %q", got)
	}
	m.launch("c1.agents", "pwd")
	if got, want := m.ends("c1.agents", "containers/agents", 0), m.sandbox+"/containers/agents\n"; got != want {
		t.Errorf("the nested container with the agent's files says %q, want %q", got, want)
	}
	must(t, os.WriteFile(filepath.Join(m.sandbox, "go"), nil, 0o644))
	m.ends("c1", ".", 0)
}

// A container sees the limits of its groups, and cannot change them.
func TestGroupsInRootfs(t *testing.T) {
	t.Parallel()
	if h, err := cgroups.Find("/sys/fs/cgroup", "memory"); err != nil || h.Version != cgroups.V1 {
		t.Skipf("the system has no version 1 hierarchy of memory: %v", err)
	}
	m, root := newMachine(t, func(c *isolation.Config) { c.Isolation += ",cgroups/mem,cgroups/pids" }), newRootfs(t)
	m.launch("c1", `cd /sys/fs/cgroup/memory; cat memory.limit_in_bytes; echo -1 > memory.limit_in_bytes && echo changed; ls ../pids/pids.max
		echo 0 > ../../memory/tasks && echo left`, in(root), func(c *slavepb.ContainerConfig) {
		rs, err := resources.Parse("cpus:0.1;mem:64", "*")
		must(t, err)
		c.Resources = rs.Proto()
	})
	if _, err := runtime.Wait(t.Context(), m.Wait("c1")); err != nil {
		t.Error(err)
	}
	m.file("stdout", "67108864\n../pids/pids.max\n")
}
