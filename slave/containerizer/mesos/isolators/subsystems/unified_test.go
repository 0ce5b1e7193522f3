package subsystems_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/slave/cgroups"
)

// In version 2, a container has one group with the limits and, in it, one with its processes. What is measured has the fields of the
// reference.
func TestValuesOfVersion2(t *testing.T) {
	t.Parallel()
	if need(t, "cpu", "memory", "pids", "blkio") != cgroups.V2 {
		t.Skip("the control groups have version 1; see TestPureVersion2")
	}
	m := newMachine(t, "cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/blkio")
	m.launch("c1", m.config("sleep 1000", "cpus:0.6;mem:96"))
	m.wants("c1", nil, map[string]string{
		"cpu.weight": "60", "cpu.max": "max 100000", "memory.low": "100663296", "memory.max": "100663296", "pids.max": "max",
	})
	status, err := runtime.Wait(t.Context(), m.Status("c1"))
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", status.GetExecutorPid()))
	if want := "0::/" + m.tree.Root + "/c1/leaf\n"; err != nil || !strings.HasSuffix(string(in), want) {
		t.Errorf("the container is in\n%s (%v), want %s", in, err, want)
	}
	u, err := runtime.Wait(t.Context(), m.Usage("c1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{
		"cpus_user_time_secs", "cpus_system_time_secs", "cpus_soft_limit", "mem_total_bytes", "mem_kmem_usage_bytes", "mem_kmem_tcp_usage_bytes",
		"mem_file_bytes", "mem_cache_bytes", "mem_anon_bytes", "mem_rss_bytes", "mem_mapped_file_bytes", "mem_unevictable_bytes",
	} {
		if r := u.ProtoReflect(); !r.Has(r.Descriptor().Fields().ByTextName(field)) {
			t.Errorf("the statistics have no %s", field)
		}
	}
	if u.GetMemTotalBytes() == 0 {
		t.Errorf("no memory is in use: %v", u)
	}
	m.Destroy("c1")
	m.end("c1")
}

// A container forks no more than the limit that an operator has set for all of them.
func TestProcessesAreLimited(t *testing.T) {
	t.Parallel()
	need(t, "pids")
	m := newMachine(t, "cgroups/pids")
	root := m.group("pids", "c1").Hierarchy
	if err := (cgroups.Group{Hierarchy: root, Name: m.tree.Root}).Set("pids.max", "20"); err != nil {
		t.Fatal(err)
	}
	c := m.config(`i=0; while test $i -lt 40; do sleep 1000 & i=$((i+1)); done; sleep 1000`, "cpus:1;mem:32")
	m.launch("c1", c)
	m.end("c1") // the shell gives up when it cannot fork
	said, err := os.ReadFile(filepath.Join(c.GetDirectory(), "stderr"))
	if err != nil || !strings.Contains(string(said), "ork") {
		t.Errorf("the container says %q (%v)", said, err)
	}
}

// uml is the kernel of Debian's package user-mode-linux, which runs as a process.
const uml = "linux.uml"

// pure are the tests of this package that are about control groups of either version.
const pure = "^(TestValuesOfVersion2|TestLimits|TestLimitWithoutCFS|TestOutOfMemory|TestOutOfMemoryOfAChild|TestNothingEscapes|TestNestedGroups|TestRecover|" +
	"TestAgentsGroupIsReserved|TestNothingIsLeft|TestProcessesAreLimited)$"

// begin is what the first process of the kernel does: it mounts only version 2, and runs tests with one of its own directories.
const begin = `#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t cgroup2 none /sys/fs/cgroup; mount -t tmpfs tmp /run
export PATH=%s HOME=/ TMPDIR=/run
cd /run
%s -test.v -test.short -test.parallel=2 -test.timeout=5m -test.run='%s'
echo "the tests ended with $?"
sync; echo o > /proc/sysrq-trigger; sleep 1000
`

// In a kernel with nothing but version 2 the same tests succeed as in this system, with the same program. Such a tree cannot be mounted beside
// version 1, which has the controllers.
func TestPureVersion2(t *testing.T) {
	t.Parallel()
	if testing.Short() || raced {
		t.Skip("it starts a kernel, in which the race detector does not run")
	}
	kernel, err := exec.LookPath(uml)
	if err != nil {
		t.Skipf("no other kernel can be started (Debian: user-mode-linux): %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "begin")
	if err := os.WriteFile(script, fmt.Appendf(nil, begin, os.Getenv("PATH"), self, pure), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), kernel, "mem=1G", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet",
		"init="+script, "con=null", "con0=null,fd:1", "uml_dir="+dir)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	output, err := cmd.CombinedOutput()
	passed := regexp.MustCompile(`(?m)^--- PASS: `).FindAll(output, -1)
	if err != nil || !strings.Contains(string(output), "the tests ended with 0") || len(passed) < 8 {
		t.Fatalf("%d tests passed (%v):\n%s", len(passed), err, output)
	}
	for line := range strings.Lines(string(output)) {
		if strings.Contains(line, "--- SKIP") {
			t.Log(strings.TrimSpace(line))
		}
	}
}
