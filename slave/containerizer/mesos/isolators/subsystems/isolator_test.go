package subsystems_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	_ "meseta/slave/containerizer/forker/serve" // this program is also the process that starts containers
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
)

const base = "/sys/fs/cgroup"

// machine is an agent's containerizer with the linux launcher and control groups of its own.
type machine struct {
	containerizer.Containerizer
	t    *testing.T
	node *runtime.Node
	tree mesos.Tree
	work string
	o    isolation.Config
	keep bool // the containers survive the agent
}

// need skips a test unless it may use the control groups of the subsystems that it names, which are all of one version. A system with
// both versions, or another kernel (see TestPureVersion2), has other tests of them.
func need(t testing.TB, names ...string) cgroups.Version {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("control groups need the rights of root")
	}
	kernel, err := cgroups.Kernel(base)
	if err != nil {
		t.Skip(err)
	}
	for _, name := range names {
		if h, err := find(name); err != nil || h.Version != kernel.Version {
			t.Skipf("the system has no hierarchy of version %d of %s: %v", kernel.Version, name, err)
		}
	}
	if err := syscall.Access(kernel.Path, 2); err != nil {
		t.Skipf("control groups cannot be made: %v", err)
	}
	return kernel.Version
}

// needV1 skips a test unless the control groups are of version 1, as in the recordings.
func needV1(t testing.TB, names ...string) {
	t.Helper()
	if need(t, names...) != cgroups.V1 {
		t.Skip("what was recorded has control groups of version 1")
	}
}

// find returns the hierarchy of a subsystem, by its name in version 1.
func find(name string) (cgroups.Hierarchy, error) {
	if name == "freezer" {
		return cgroups.Kernel(base)
	}
	h, err := cgroups.Find(base, name)
	switch {
	case err == nil:
	case name == "cpuacct":
		return cgroups.Find(base, "cpu")
	case name == "blkio":
		return cgroups.Find(base, "io")
	case name == "devices":
		return cgroups.Unified(base)
	}
	return h, err
}

func newMachine(t *testing.T, names string, change ...func(*isolation.Config)) *machine {
	t.Helper()
	m := &machine{t: t, work: t.TempDir(), o: isolation.Default()}
	m.tree = mesos.Tree{Base: base, Root: fmt.Sprintf("meseta-test-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(m.work)))}
	m.o.Launcher, m.o.Isolation = "linux", names
	for _, f := range change {
		f(&m.o)
	}
	t.Cleanup(m.gone)
	m.start()
	t.Cleanup(m.stop)
	return m
}

func (m *machine) start() {
	m.t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { m.t.Error(p.String()) }})
	if err != nil {
		m.t.Fatal(err)
	}
	o := mesos.Options{WorkDir: m.work}
	if m.keep {
		o.RuntimeDir = filepath.Join(m.work, "runtime")
	}
	if m.Containerizer, err = m.o.New(n, m.tree, o); err != nil {
		m.t.Fatal(err)
	}
	m.node = n
}

func (m *machine) stop() {
	runtimetest.Close(m.t, m.node)
}

// gone removes the test's own group in each hierarchy, and fails the test if a container is left in it.
func (m *machine) gone() {
	for _, root := range m.roots() {
		children, err := root.Children()
		if err != nil || len(children) > 0 {
			m.t.Errorf("left in %s: %v (%v)", root.Path(), children, err)
		}
		if err := (cgroups.Destroyer{Clock: m.node.Clock(), Timeout: time.Second}).Destroy(root); err != nil {
			m.t.Error(err)
		}
	}
}

func (m *machine) roots() []cgroups.Group {
	entries, _ := os.ReadDir(base)
	hierarchies := []cgroups.Hierarchy{{Path: base, Version: cgroups.V2}}
	for _, e := range entries {
		hierarchies = append(hierarchies, cgroups.Hierarchy{Path: filepath.Join(base, e.Name()), Version: cgroups.V1})
	}
	var all []cgroups.Group
	for _, h := range hierarchies {
		g := cgroups.Group{Hierarchy: h, Name: m.tree.Root}
		if g.Exists() {
			all = append(all, g)
		}
	}
	return all
}

func (m *machine) group(subsystem string, id ids.Container) cgroups.Group {
	m.t.Helper()
	h, err := find(subsystem)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.tree.Group(h, id)
}

func parse(t *testing.T, text string) []*mesospb.Resource {
	t.Helper()
	rs, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return rs.Proto()
}

func limits(cpus, mem float64) map[string]*mesospb.Value_Scalar {
	return map[string]*mesospb.Value_Scalar{"cpus": {Value: proto.Float64(cpus)}, "mem": {Value: proto.Float64(mem)}}
}

func (m *machine) config(command, has string) *slavepb.ContainerConfig {
	dir, err := os.MkdirTemp(m.work, "sandbox")
	if err != nil {
		m.t.Fatal(err)
	}
	return &slavepb.ContainerConfig{
		CommandInfo: &mesospb.CommandInfo{Value: &command}, Directory: &dir, Resources: parse(m.t, has),
	}
}

func (m *machine) launch(id ids.Container, c *slavepb.ContainerConfig) {
	m.t.Helper()
	if _, err := runtime.Wait(m.t.Context(), m.Launch(containerizer.Launch{ID: id, Config: c})); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) end(id ids.Container) *slavepb.ContainerTermination {
	m.t.Helper()
	end, err := runtime.Wait(m.t.Context(), m.Wait(id))
	if err != nil {
		m.t.Fatal(err)
	}
	return end
}

// recover has the next agent take over a container.
func (m *machine) recover(id ids.Container, c *slavepb.ContainerConfig, pid int) {
	m.t.Helper()
	taken, err := runtime.Wait(m.t.Context(), m.Recover([]containerizer.Survivor{{ID: id, Directory: c.GetDirectory(), PID: pid}}))
	if err != nil || len(taken) != 1 {
		m.t.Fatalf("recovered %v (%v)", taken, err)
	}
}

// wants compares files of a container's groups, of version 1 or of version 2.
func (m *machine) wants(id ids.Container, files, unified map[string]string) {
	m.t.Helper()
	if m.group("freezer", id).Version == cgroups.V2 {
		files = unified
	}
	for file, want := range files {
		subsystem, _, _ := strings.Cut(file, ".")
		got, err := m.group(subsystem, id).Value(file)
		if err != nil || strings.ReplaceAll(got, "\n", " | ") != want {
			m.t.Errorf("%s of %s is %q (%v), want %q", file, id, got, err, want)
		}
	}
}

const all = "cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/blkio,cgroups/cpuset,cgroups/devices"

// The values are those of the command task in linux/1-default-cgroups.txt: 0.6 cpus, 96 MB.
func TestValuesOfTheReference(t *testing.T) {
	t.Parallel()
	needV1(t, "cpu", "cpuacct", "memory", "pids", "blkio", "cpuset", "devices")
	m := newMachine(t, all)
	m.launch("c1", m.config("cat /proc/self/cgroup > groups; sleep 1000", "cpus:0.6;mem:96"))
	m.wants("c1", map[string]string{
		"cpu.shares": "614", "cpu.cfs_quota_us": "-1", "memory.limit_in_bytes": "100663296", "memory.soft_limit_in_bytes": "100663296",
		"memory.memsw.limit_in_bytes": "9223372036854771712", "pids.max": "max", "cpuset.cpus": m.parentCPUs(),
		"devices.list": "c *:* m | b *:* m | c 5:1 rwm | c 4:0 rwm | c 4:1 rwm | c 136:* rwm | c 5:2 rwm | c 10:200 rwm | c 1:3 rwm | c 1:5 rwm | c 1:7 rwm | c 5:0 rwm | c 1:9 rwm | c 1:8 rwm",
	}, nil)
	status, err := runtime.Wait(t.Context(), m.Status("c1"))
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", status.GetExecutorPid()))
	for _, subsystem := range []string{"cpu", "cpuacct", "memory", "pids", "blkio", "cpuset", "devices", "freezer"} {
		if err != nil || !strings.Contains(string(in), ":"+subsystem+":/"+m.tree.Root+"/c1\n") {
			t.Errorf("not in its group of %s:\n%s (%v)", subsystem, in, err)
		}
	}
	m.usage("c1")
	m.Destroy("c1")
	m.end("c1")
}

func (m *machine) parentCPUs() string {
	text, err := (cgroups.Group{Hierarchy: m.group("cpuset", "c1").Hierarchy, Name: "."}).Value("cpuset.cpus")
	if err != nil {
		m.t.Fatal(err)
	}
	return text
}

// usage checks that the statistics have the fields of the reference, as in linux/1-default-monitor-statistics.http.
func (m *machine) usage(id ids.Container) {
	m.t.Helper()
	u, err := runtime.Wait(m.t.Context(), m.Usage(id))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, field := range []string{
		"blkio_statistics", "cpus_soft_limit", "cpus_system_time_secs", "cpus_user_time_secs", "mem_anon_bytes", "mem_cache_bytes",
		"mem_critical_pressure_counter", "mem_file_bytes", "mem_kmem_tcp_usage_bytes", "mem_kmem_usage_bytes", "mem_limit_bytes",
		"mem_low_pressure_counter", "mem_mapped_file_bytes", "mem_medium_pressure_counter", "mem_rss_bytes", "mem_soft_limit_bytes",
		"mem_swap_bytes", "mem_total_bytes", "mem_unevictable_bytes", "timestamp",
	} {
		r := u.ProtoReflect()
		if d := r.Descriptor().Fields().ByTextName(field); !r.Has(d) {
			m.t.Errorf("the statistics have no %s", field)
		}
	}
	if u.GetMemTotalBytes() == 0 {
		m.t.Errorf("no memory is in use: %v", u)
	}
}

// The values are those of linux/2-cfs-swap-cgroups.txt: limits above the requests, and one that is infinite.
func TestLimits(t *testing.T) {
	t.Parallel()
	need(t, "cpu", "cpuacct", "memory")
	m := newMachine(t, "cgroups/cpu,cgroups/mem", func(c *isolation.Config) { c.CFS, c.LimitSwap, c.Count = true, true, true })
	for id, c := range map[ids.Container]map[string]*mesospb.Value_Scalar{"c1": limits(1.1, 160), "c2": nil, "c3": limits(math.Inf(1), math.Inf(1))} {
		config := m.config("sleep 1000", "cpus:0.6;mem:96")
		config.Limits = c
		m.launch(id, config)
	}
	m.wants("c1", map[string]string{"cpu.shares": "614", "cpu.cfs_quota_us": "110000", "memory.limit_in_bytes": "167772160",
		"memory.memsw.limit_in_bytes": "167772160", "memory.soft_limit_in_bytes": "100663296"}, map[string]string{
		"cpu.weight": "60", "cpu.max": "110000 100000", "memory.max": "167772160", "memory.low": "100663296"})
	m.wants("c2", map[string]string{"cpu.cfs_quota_us": "60000", "memory.limit_in_bytes": "100663296", "memory.memsw.limit_in_bytes": "100663296"},
		map[string]string{"cpu.max": "60000 100000", "memory.max": "100663296", "memory.low": "100663296"})
	m.wants("c3", map[string]string{"cpu.cfs_quota_us": "-1", "memory.limit_in_bytes": "9223372036854771712"},
		map[string]string{"cpu.max": "max 100000", "memory.max": "max"})
	if _, err := runtime.Wait(t.Context(), m.Update("c1", parse(t, "cpus:0.2;mem:64"), limits(0.2, 64))); err != nil {
		t.Error(err)
	}
	// The hard limit of memory is never lowered.
	m.wants("c1", map[string]string{"cpu.shares": "204", "cpu.cfs_quota_us": "20000", "memory.limit_in_bytes": "167772160", "memory.soft_limit_in_bytes": "67108864"},
		map[string]string{"cpu.weight": "20", "cpu.max": "20000 100000", "memory.max": "167772160", "memory.low": "67108864"})
	if _, err := runtime.Wait(t.Context(), m.Update("c1", parse(t, "cpus:0.2;mem:64"), limits(0.2, 256))); err != nil {
		t.Error(err)
	}
	m.wants("c1", map[string]string{"memory.limit_in_bytes": "268435456", "memory.memsw.limit_in_bytes": "268435456"},
		map[string]string{"memory.max": "268435456"})
	u, err := runtime.Wait(t.Context(), m.Usage("c1"))
	if err != nil || u.GetCpusLimit() != 0.2 || u.GetMemLimitBytes() != 256<<20 || u.GetProcesses() == 0 || u.GetThreads() == 0 {
		t.Errorf("statistics %v (%v)", u, err)
	}
	for _, id := range []ids.Container{"c1", "c2", "c3"} {
		m.Destroy(id)
		m.end(id)
	}
}

// A limit of processors counts whether or not requests are limits, too, and no longer than the container has it, also with the next agent.
//
// Mesos: CpuSubsystemProcess::update.
func TestLimitWithoutCFS(t *testing.T) {
	t.Parallel()
	need(t, "cpu", "cpuacct")
	m := newMachine(t, "cgroups/cpu")
	m.stop()
	m.keep = true
	m.start()
	quota := func(v1, v2 string) {
		t.Helper()
		m.wants("c1", map[string]string{"cpu.cfs_quota_us": v1}, map[string]string{"cpu.max": v2})
	}
	c := m.config("sleep 1000", "cpus:0.6")
	c.ExecutorInfo = &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}}
	c.Limits = map[string]*mesospb.Value_Scalar{"cpus": {Value: proto.Float64(1.1)}}
	m.launch("c1", c)
	quota("110000", "110000 100000")
	set := func(limits map[string]*mesospb.Value_Scalar) {
		t.Helper()
		if _, err := runtime.Wait(t.Context(), m.Update("c1", parse(t, "cpus:0.6"), limits)); err != nil {
			t.Fatal(err)
		}
	}
	set(nil)
	quota("-1", "max 100000")
	set(c.Limits)
	status, err := runtime.Wait(t.Context(), m.Status("c1"))
	if err != nil {
		t.Fatal(err)
	}
	m.stop()
	m.start()
	m.recover("c1", c, int(status.GetExecutorPid()))
	quota("110000", "110000 100000")
	set(nil)
	quota("-1", "max 100000")
	m.Destroy("c1")
	m.end("c1")
}

// The limitation is that of linux/3-oom-scheduler-events.txt.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	first := map[cgroups.Version]string{cgroups.V1: "cache", cgroups.V2: "anon"}[need(t, "memory")]
	m := newMachine(t, "cgroups/mem", func(c *isolation.Config) { c.LimitSwap = true })
	m.launch("c1", m.config(`x=x; while :; do x="$x$x"; done`, "mem:32"))
	end := m.end("c1")
	if end.GetState() != mesospb.TaskState_TASK_FAILED || end.GetReason() != mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY ||
		!strings.HasPrefix(end.GetMessage(), "Memory limit exceeded: Requested: 32MB Maximum Used: 32MB\n\nMEMORY STATISTICS: \n"+first+" ") ||
		len(end.GetLimitedResources()) != 1 || end.GetLimitedResources()[0].GetScalar().GetValue() != 32 {
		t.Errorf("ended as %v", end)
	}
}

// The limit counts even if the container itself survives, because the kernel chose another process of it.
func TestOutOfMemoryOfAChild(t *testing.T) {
	t.Parallel()
	need(t, "memory")
	m := newMachine(t, "cgroups/mem", func(c *isolation.Config) { c.LimitSwap = true })
	times := 5
	if testing.Short() {
		times = 2
	}
	for i := range times {
		id := ids.Container(fmt.Sprint("c", i))
		m.launch(id, m.config(`sh -c 'x=x; while :; do x="$x$x"; done'; sleep 1000`, "mem:32"))
		if end := m.end(id); end.GetReason() != mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY {
			t.Errorf("ended as %v", end)
		}
	}
}

// Everything in a container is killed: what has left its session and its environment, what is frozen, and what forks on.
func TestNothingEscapes(t *testing.T) {
	t.Parallel()
	need(t, "pids")
	for name, command := range map[string]string{
		"daemon": `env -i setsid sh -c 'cd /; (sleep 1000 &) ; echo > /proc/self/comm; sleep 1000' & sleep 1000`,
		"orphan": `(env -i setsid sleep 1000 &) ; exit 3`,
		"forks":  `while :; do sleep 0.05 & done`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "cgroups/pids")
			for _, root := range m.roots() {
				if root.Has("pids.max") {
					_ = root.Set("pids.max", "200") // what a failure would leave is bounded
				}
			}
			m.launch("c1", m.config(command, "cpus:1;mem:32"))
			if name != "orphan" {
				m.Destroy("c1")
			}
			end := m.end("c1")
			if name == "orphan" && end.GetStatus() != 3<<8 {
				t.Errorf("ended as %v", end)
			}
			if g := m.group("freezer", "c1"); g.Exists() {
				t.Errorf("%s is left", g.Path())
			}
		})
	}
	t.Run("frozen", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t, "posix/cpu,posix/mem")
		m.launch("c1", m.config("sleep 1000", "cpus:1;mem:32"))
		g, file, value := m.group("freezer", "c1"), "freezer.state", "FROZEN"
		if g.Version == cgroups.V2 {
			file, value = "cgroup.freeze", "1"
		}
		if err := g.Set(file, value); err != nil {
			t.Fatal(err)
		}
		m.Destroy("c1")
		if end := m.end("c1"); syscall.WaitStatus(end.GetStatus()).Signal() != syscall.SIGKILL {
			t.Errorf("ended as %v", end)
		}
	})
}

// A nested container shares its parent's groups unless it asks for its own, which are in those of its parent.
func TestNestedGroups(t *testing.T) {
	t.Parallel()
	version := need(t, "cpu", "cpuacct", "memory")
	m := newMachine(t, "cgroups/cpu,cgroups/mem")
	m.launch("c1", m.config("sleep 1000", "cpus:0.1;mem:32"))
	m.launch("c1.shared", &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{Value: proto.String("sleep 1000")}})
	own := m.config("sleep 1000", "cpus:0.25;mem:48")
	own.Limits = map[string]*mesospb.Value_Scalar{"mem": {Value: proto.Float64(96)}}
	own.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), LinuxInfo: &mesospb.LinuxInfo{ShareCgroups: proto.Bool(false)}}
	m.launch("c1.own", own)
	m.wants("c1", map[string]string{"cpu.shares": "102", "memory.limit_in_bytes": "33554432"}, map[string]string{"cpu.weight": "10", "memory.max": "33554432"})
	m.wants("c1.own", map[string]string{"cpu.shares": "256", "memory.limit_in_bytes": "100663296", "memory.soft_limit_in_bytes": "50331648"},
		map[string]string{"cpu.weight": "25", "memory.max": "100663296", "memory.low": "50331648"})
	if g := m.group("cpu", "c1.own"); g.Name != m.tree.Root+"/c1/mesos/own" {
		t.Errorf("the group is %s", g.Name)
	}
	if pids, err := mesos.Processes(m.group("memory", "c1")).Processes(); err != nil || len(pids) < 2 {
		t.Errorf("the parent's group has %v (%v), want the shared container, too", pids, err)
	}
	if v1 := version == cgroups.V1; v1 && m.group("memory", "c1.shared").Exists() || !m.group("freezer", "c1.shared").Exists() {
		t.Error("a container with shared groups has one of its own only where it is killed")
	}
	m.Destroy("c1")
	m.end("c1")
}

// The next agent takes over the groups of the containers that it knows, and destroys those of others.
func TestRecover(t *testing.T) {
	t.Parallel()
	need(t, "cpu", "cpuacct", "memory")
	m := newMachine(t, "cgroups/cpu,cgroups/mem")
	m.stop()
	m.keep = true
	m.start()
	known := m.config("sleep 1000", "cpus:1;mem:64")
	known.ExecutorInfo = &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}}
	m.launch("known", known)
	orphan := m.config("(env -i setsid sleep 1000 &); sleep 1000", "cpus:1;mem:64")
	orphan.ExecutorInfo = &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}}
	m.launch("orphan", orphan)
	status, err := runtime.Wait(t.Context(), m.Status("known"))
	if err != nil {
		t.Fatal(err)
	}
	m.stop()
	for _, subsystem := range []string{"freezer", "cpu", "memory"} {
		if err := m.group(subsystem, "nobody").Make(); err != nil {
			t.Fatal(err)
		}
	}
	m.start()
	taken, err := runtime.Wait(t.Context(), m.Recover([]containerizer.Survivor{{ID: "known", Directory: known.GetDirectory(), PID: int(status.GetExecutorPid())}}))
	if err != nil || len(taken) != 1 {
		t.Fatalf("recovered %v (%v)", taken, err)
	}
	for _, subsystem := range []string{"freezer", "cpu", "cpuacct", "memory"} {
		if m.group(subsystem, "orphan").Exists() || m.group(subsystem, "nobody").Exists() || !m.group(subsystem, "known").Exists() {
			t.Errorf("the groups of %s are not those of the known container", subsystem)
		}
	}
	if _, err := runtime.Wait(t.Context(), m.Update("known", parse(t, "cpus:2;mem:128"), nil)); err != nil {
		t.Error(err)
	}
	m.wants("known", map[string]string{"cpu.shares": "2048", "memory.limit_in_bytes": "134217728"}, map[string]string{"cpu.weight": "200", "memory.max": "134217728"})
	m.Destroy("known")
	if end := m.end("known"); syscall.WaitStatus(end.GetStatus()).Signal() != syscall.SIGKILL {
		t.Errorf("ended as %v", end)
	}
}

// A container has no name with which it could get the group of the agent.
func TestAgentsGroupIsReserved(t *testing.T) {
	t.Parallel()
	need(t, "freezer")
	m := newMachine(t, "posix/cpu,posix/mem")
	for _, id := range []ids.Container{"slave", "agent"} {
		if _, err := runtime.Wait(t.Context(), m.Launch(containerizer.Launch{ID: id, Config: m.config("true", "cpus:1")})); err == nil || !strings.Contains(err.Error(), "control group") {
			t.Errorf("container %s: %v", id, err)
		}
	}
}

// Hundreds of containers that end on their own and that are killed leave no process, group, descriptor or file.
func TestNothingIsLeft(t *testing.T) {
	need(t, "cpu", "cpuacct", "memory", "pids")
	m := newMachine(t, "cgroups/cpu,cgroups/mem,cgroups/pids")
	m.launch("first", m.config("true", "cpus:1;mem:32"))
	m.end("first")
	before := descriptors(t)
	many := 100
	if testing.Short() {
		many = 20
	}
	for i := range many {
		command := "true"
		if i%2 == 0 {
			command = "(env -i setsid sleep 1000 &); sleep 1000"
		}
		m.launch(ids.Container(strconv.Itoa(i)), m.config(command, "cpus:0.1;mem:32"))
	}
	for i := range many {
		if i%2 == 0 {
			m.Destroy(ids.Container(strconv.Itoa(i)))
		}
		m.end(ids.Container(strconv.Itoa(i)))
	}
	for range 1000 {
		if descriptors(t) <= before {
			break
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d files are open, %d were before", after, before)
	}
	for _, root := range m.roots() {
		if children, err := root.Children(); err != nil || len(children) > 0 {
			t.Errorf("left in %s: %v (%v)", root.Path(), children, err)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
