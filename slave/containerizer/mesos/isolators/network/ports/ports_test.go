package ports_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
	"meseta/slave/provisioner/mounttest"
)

// The tests have a network, and thus ports, of their own.
func TestMain(m *testing.M) { os.Exit(mounttest.Main(m, syscall.CLONE_NEWNET)) }

// site is a machine with an agent's containerizer.
type site struct {
	containerizer.Containerizer
	t             *testing.T
	node          *runtime.Node
	configuration isolation.Config
	tree          mesos.Tree
	work, run     string
	sandbox       string
}

func newSite(t *testing.T, change ...func(*isolation.Config)) *site {
	t.Helper()
	mounttest.Need(t)
	const base = "/sys/fs/cgroup"
	if h, err := cgroups.Kernel(base); err != nil || syscall.Access(h.Path, 2) != nil {
		t.Skipf("the linux launcher needs control groups: %v", err)
	}
	if err := exec.Command("busybox", "nc", "--help").Run(); err != nil {
		t.Skipf("there is nothing that listens: %v", err)
	}
	s := &site{t: t, work: t.TempDir(), run: t.TempDir(), configuration: isolation.Default()}
	s.sandbox = filepath.Join(s.work, "slaves/a1/frameworks/f1/executors/x1/runs/c1")
	must(t, os.MkdirAll(s.sandbox, 0o755))
	s.tree = mesos.Tree{Base: base, Root: fmt.Sprintf("meseta-ports-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(s.work)))}
	s.configuration.Launcher, s.configuration.Isolation = "linux", "network/ports"
	s.configuration.Ports.Enforce, s.configuration.Ports.Interval = true, 10*time.Millisecond
	for _, f := range change {
		f(&s.configuration)
	}
	s.start()
	t.Cleanup(func() {
		s.crash()
		s.start()
		s.crash()
		h, err := cgroups.Kernel(base)
		must(t, err)
		must(t, cgroups.Group{Hierarchy: h, Name: s.tree.Root}.Remove())
	})
	return s
}

// start starts an agent, which takes over the known containers.
func (s *site) start(known ...containerizer.Survivor) {
	s.t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { s.t.Error(p.String()) }})
	must(s.t, err)
	s.node = n
	s.Containerizer, err = s.configuration.New(n, s.tree, mesos.Options{WorkDir: s.work, RuntimeDir: s.run})
	must(s.t, err)
	_, err = runtime.Wait(context.Background(), s.Recover(known))
	must(s.t, err)
}

// crash ends the agent, but not its containers.
func (s *site) crash() {
	s.t.Helper()
	runtimetest.Close(s.t, s.node)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// given returns ports as resources.
func given(t *testing.T, ports string) []*mesospb.Resource {
	t.Helper()
	rs, err := resources.Parse("ports:"+ports, "*")
	must(t, err)
	return rs.Proto()
}

// launch starts a container that has ports.
func (s *site) launch(id ids.Container, ports, command string, change ...func(*slavepb.ContainerConfig)) {
	s.t.Helper()
	c := &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{Value: &command}, Directory: &s.sandbox}
	c.ExecutorInfo = &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}}
	if ports != "" {
		c.Resources = given(s.t, ports)
	}
	for _, f := range change {
		f(c)
	}
	if _, err := runtime.Wait(s.t.Context(), s.Launch(containerizer.Launch{ID: id, Config: c})); err != nil {
		s.t.Fatal(err)
	}
}

// ended checks how a container ended.
func (s *site) ended(id ids.Container, ports, message string) {
	s.t.Helper()
	end, err := runtime.Wait(s.t.Context(), s.Wait(id))
	if err != nil || end.GetMessage() != message || end.GetState() != mesospb.TaskState_TASK_FAILED ||
		end.GetReason() != mesospb.TaskStatus_REASON_CONTAINER_LIMITATION || len(end.GetLimitedResources()) != 1 ||
		!proto.Equal(end.GetLimitedResources()[0].GetRanges(), given(s.t, ports)[0].GetRanges()) {
		s.t.Errorf("%s ended as %v (%v), want %q", id, end, err, message)
	}
}

// listen is a command that listens on ports, one after the other, and goes on.
func listen(ports ...int) string {
	var b strings.Builder
	for _, p := range ports {
		fmt.Fprintf(&b, "busybox nc -l -p %d & while ! cat /proc/net/tcp /proc/net/tcp6 | grep -q ':%04X 0*:0000 0A'; do sleep 0.01; done; ", p, p)
	}
	return b.String() + "wait"
}

// A container that listens on a port that it was not given is ended, whatever else it listens on.
func TestEnforced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.launch("c1", "[31000-31001]", listen(31000, 31001, 41000))
	s.ended("c1", "[41000-41000]", "Container c1 is listening on unallocated port(s): [41000-41000]")
	s.launch("c2", "", listen(41001))
	s.ended("c2", "[41001-41001]", "Container c2 is listening on unallocated port(s): [41001-41001]")
}

// What a nested container listens on counts for the outermost one.
func TestNested(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.launch("c1", "[31010-31010]", listen(31010))
	s.launch("c1.n1", "", "sleep 1000")
	s.launch("c1.n1.m1", "", listen(41010))
	s.ended("c1", "[41010-41010]", "Container c1.n1.m1 is listening on unallocated port(s): [41010-41010]")
}

// Ports may be taken away.
func TestUpdate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.launch("c1", "[31020-31029]", listen(31020, 31021))
	if _, err := runtime.Wait(t.Context(), s.Update("c1", given(t, "[31020-31020]"), nil)); err != nil {
		t.Fatal(err)
	}
	s.ended("c1", "[31021-31021]", "Container c1 is listening on unallocated port(s): [31021-31021]")
}

// Only the ports are watched that the operator names, or that the agent offers.
func TestIsolatedRange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*isolation.PortsConfig){
		"given": func(c *isolation.PortsConfig) { c.Range = "[31030-31039]" },
		"agent": func(c *isolation.PortsConfig) {
			c.AgentOnly, c.Agent = true, resources.RangesOf(resources.Range{Begin: 31030, End: 31039})
		},
	} {
		s := newSite(t, func(c *isolation.Config) { change(&c.Ports) })
		id := ids.Container(name + "-range")
		s.launch(id, "[31030-31030]", listen(41030, 31031))
		s.ended(id, "[31031-31031]", "Container "+string(id)+" is listening on unallocated port(s): [31031-31031]")
	}
}

// The next agent does not end a container before it knows what that was given.
func TestRecovered(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *isolation.Config) { c.Ports.Enforce = false })
	s.launch("c1", "[31040-31040]", listen(31040, 41040))
	s.crash()
	s.configuration.Ports.Enforce = true
	s.start(containerizer.Survivor{ID: "c1", Directory: s.sandbox})
	if _, err := runtime.Wait(t.Context(), s.Update("c1", given(t, "[31040-31040]"), nil)); err != nil {
		t.Fatal(err)
	}
	s.ended("c1", "[41040-41040]", "Container c1 is listening on unallocated port(s): [41040-41040]")
}
