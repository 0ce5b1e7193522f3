package cni_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
	"meseta/slave/containerizer/mesos/isolators/network/portmapper"
	"meseta/slave/provisioner/mounttest"
)

// The tests have a network and mounts of their own. This program is mesos-cni-port-mapper, too.
func TestMain(m *testing.M) {
	if os.Getenv(mapping) != "" {
		os.Exit(portmapper.Run(os.Environ(), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(mounttest.Main(m, syscall.CLONE_NEWNET))
}

// mapping is the variable by which this program is the plugin.
const mapping = "MESETA_PORT_MAPPER"

// plugins is where Debian has the plugins of containernetworking-plugins.
const plugins = "/usr/lib/cni"

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
	if _, err := os.Stat(filepath.Join(plugins, "ptp")); err != nil {
		t.Skipf("there are no CNI plugins: %v", err)
	}
	s := &site{t: t, work: t.TempDir(), run: t.TempDir(), configuration: isolation.Default()}
	s.sandbox = filepath.Join(s.work, "slaves/a1/frameworks/f1/executors/x1/runs/c1")
	must(t, os.MkdirAll(s.sandbox, 0o755))
	s.tree = mesos.Tree{Base: base, Root: fmt.Sprintf("meseta-cni-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(s.work)))}
	s.configuration.Launcher, s.configuration.Isolation = "linux", "filesystem/linux,namespaces/pid,network/cni"
	s.configuration.Networks.Plugins, s.configuration.Networks.Configs = plugins, t.TempDir()
	for _, f := range change {
		f(&s.configuration)
	}
	t.Cleanup(s.end)
	return s
}

// start starts an agent, which takes over the known containers.
func (s *site) start(known ...containerizer.Survivor) *site {
	s.t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { s.t.Error(p.String()) }})
	must(s.t, err)
	s.node = n
	s.Containerizer, err = s.configuration.New(n, s.tree, mesos.Options{WorkDir: s.work, RuntimeDir: s.run})
	must(s.t, err)
	_, err = runtime.Wait(context.Background(), s.Recover(known))
	must(s.t, err)
	return s
}

// crash ends the agent, but not its containers.
func (s *site) crash() {
	s.t.Helper()
	runtimetest.Close(s.t, s.node)
}

// end ends the containers as the next agent would, and checks that nothing is left.
func (s *site) end() {
	if s.node == nil {
		return
	}
	s.crash()
	s.start().crash()
	h, err := cgroups.Kernel(s.tree.Base)
	must(s.t, err)
	must(s.t, cgroups.Group{Hierarchy: h, Name: s.tree.Root}.Remove())
	must(s.t, syscall.Unmount(s.work, syscall.MNT_DETACH))
	s.nothingLeft()
}

// root is the directory with the records of networks.
func (s *site) root() string { return filepath.Join(s.run, "isolators/network/cni") }

// nothingLeft checks that no container is attached to a network.
func (s *site) nothingLeft() {
	s.t.Helper()
	if left, err := os.ReadDir(s.root()); err != nil || len(left) > 0 {
		s.t.Errorf("records of networks are left: %v (%v)", left, err)
	}
	if mounts, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(mounts), s.root()) {
		s.t.Errorf("a namespace is kept:\n%s", mounts)
	}
	addresses, err := filepath.Glob(filepath.Join(s.configuration.Networks.Configs, "addresses/*/*.*.*.*"))
	if err != nil || len(addresses) > 0 {
		s.t.Errorf("addresses are taken: %v (%v)", addresses, err)
	}
}

// network adds a network of pairs of interfaces. rest has more fields of the configuration.
func (s *site) network(name, subnet, rest string) {
	s.t.Helper()
	dir := s.configuration.Networks.Configs
	text := fmt.Sprintf(`{"cniVersion": "0.2.0", "name": %q, "type": "ptp"%s,
		"ipam": {"type": "host-local", "subnet": %q, "dataDir": %q}}`, name, rest, subnet, filepath.Join(dir, "addresses"))
	must(s.t, os.WriteFile(filepath.Join(dir, name+".conf"), []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// on has a container be attached to networks.
func on(networks ...string) func(*slavepb.ContainerConfig) {
	return func(c *slavepb.ContainerConfig) {
		c.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum()}
		for _, name := range networks {
			c.ContainerInfo.NetworkInfos = append(c.ContainerInfo.NetworkInfos, &mesospb.NetworkInfo{
				Name: &name, Labels: &mesospb.Labels{Labels: []*mesospb.Label{{Key: proto.String("of"), Value: &name}}},
			})
		}
	}
}

func named(hostname string) func(*slavepb.ContainerConfig) {
	return func(c *slavepb.ContainerConfig) { c.ContainerInfo.Hostname = &hostname }
}

// executing has a container be that of an executor, which the next agent ends if it does not know that.
func executing(c *slavepb.ContainerConfig) {
	c.ExecutorInfo = &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}}
}

func debugging(c *slavepb.ContainerConfig) { c.ContainerClass = slavepb.ContainerClass_DEBUG.Enum() }

func (s *site) launch(id ids.Container, command string, change ...func(*slavepb.ContainerConfig)) error {
	s.t.Helper()
	c := &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{Value: &command}, Directory: &s.sandbox}
	for _, f := range change {
		f(c)
	}
	l := containerizer.Launch{ID: id, Config: c, Environment: map[string]string{"LIBPROCESS_IP": "192.0.2.1"}}
	_, err := runtime.Wait(s.t.Context(), s.Launch(l))
	return err
}

// output waits for the end of a container and returns what it wrote.
func (s *site) output(id ids.Container, dir string) string {
	s.t.Helper()
	end, err := runtime.Wait(s.t.Context(), s.Wait(id))
	out, _ := os.ReadFile(filepath.Join(s.sandbox, dir, "stdout"))
	if err != nil || end.GetStatus() != 0 {
		said, _ := os.ReadFile(filepath.Join(s.sandbox, dir, "stderr"))
		s.t.Fatalf("%s ended as %v (%v): %s%s", id, end, err, out, said)
	}
	return string(out)
}

// inside prints what a container sees of its network.
const inside = `hostname; echo "$LIBPROCESS_IP"; cat /etc/hostname; echo; cat /etc/hosts /etc/resolv.conf
	tail -n +3 /proc/net/dev | cut -d : -f 1 | tr -d ' ' | sort | tr '\n' ' '; readlink /proc/self/ns/net`

// waiting is a command that ends when a file appears in the outermost sandbox, and when that is gone because the test is over.
func (s *site) waiting() string {
	return "while [ -d " + s.sandbox + " ] && [ ! -e " + filepath.Join(s.sandbox, "release") + " ]; do sleep 0.05; done"
}

func (s *site) release() { must(s.t, os.WriteFile(filepath.Join(s.sandbox, "release"), nil, 0o644)) }

// A container, one in it, and one that debugs it are on the same networks, and see the same names.
func TestAttached(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.network("blue", "10.200.1.0/24", `, "dns": {"nameservers": ["192.0.2.53"], "domain": "blue.test", "search": ["a.test", "b.test"], "options": ["ndots:2"]}`)
	s.network("red", "10.200.2.0/24", "")
	s.start()
	must(t, s.launch("c1", s.waiting(), on("blue", "red"), named("painter")))
	status, err := runtime.Wait(t.Context(), s.Status("c1"))
	must(t, err)
	for i, want := range []string{"blue 10.200.1.2", "red 10.200.2.2"} {
		n := status.GetNetworkInfos()[i]
		name := n.GetName()
		if got := name + " " + n.GetIpAddresses()[0].GetIpAddress(); got != want || n.GetLabels().GetLabels()[0].GetValue() != name {
			t.Errorf("network %d is %v, want %s", i, n, want)
		}
	}
	must(t, s.launch("c1.n1", inside))
	seen := s.output("c1.n1", "containers/n1")
	want := "painter\n0.0.0.0\npainter\n127.0.0.1 localhost\n10.200.1.2 painter\n" +
		"domain blue.test\nsearch a.test b.test\noptions ndots:2\nnameserver 192.0.2.53\neth0 eth1 lo net:["
	if !strings.HasPrefix(seen, want) {
		t.Errorf("the nested container sees %q, want %q", seen, want)
	}
	must(t, s.launch("c1.d1", inside, debugging))
	if debug := s.output("c1.d1", "containers/d1"); debug != seen {
		t.Errorf("the debug container sees %q, the nested one %q", debug, seen)
	}
	if nested, err := runtime.Wait(t.Context(), s.Status("c1.n1")); err == nil {
		t.Errorf("a container that has ended has the status %v", nested)
	}
	if own, _ := os.Readlink("/proc/self/ns/net"); strings.Contains(seen, own) {
		t.Error("the container is on the agent's network")
	}
	s.release()
	s.output("c1", "")
	s.nothingLeft()
}

// A container that is attached can talk, and what it sends and receives is counted.
func TestTraffic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.network("green", "10.200.3.0/24", "")
	s.start()
	must(t, s.launch("c1", s.waiting(), on("green")))
	status, err := runtime.Wait(t.Context(), s.Status("c1"))
	must(t, err)
	address := status.GetNetworkInfos()[0].GetIpAddresses()[0].GetIpAddress()
	conn, err := net.Dial("tcp", net.JoinHostPort(address, "1")) // nobody listens, and its kernel says so
	if err == nil {
		conn.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%s is not reached: %v", address, err)
	}
	u, err := runtime.Wait(t.Context(), s.Usage("c1"))
	if err != nil || u.GetNetRxPackets() == 0 || u.GetNetTxPackets() == 0 || u.GetNetRxBytes() == 0 || u.NetRxErrors == nil {
		t.Errorf("usage is %v (%v)", u, err)
	}
	s.release()
	s.output("c1", "")
}

// A nested container may have networks of its own, or be on that of the agent.
func TestNestedNetworks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.network("outer", "10.200.4.0/24", "")
	s.network("inner", "10.200.5.0/24", "")
	s.start()
	must(t, s.launch("c1", s.waiting(), on("outer")))
	must(t, s.launch("c1.n1", s.waiting(), on("inner")))
	must(t, s.launch("c1.n1.m1", "hostname; grep -c 10.200.5. /etc/hosts"))
	for id, want := range map[ids.Container]string{"c1": "10.200.4.2", "c1.n1": "10.200.5.2"} {
		status, err := runtime.Wait(t.Context(), s.Status(id))
		if err != nil || len(status.GetNetworkInfos()) != 1 || status.GetNetworkInfos()[0].GetIpAddresses()[0].GetIpAddress() != want {
			t.Errorf("%s is on %v (%v), want %s", id, status.GetNetworkInfos(), err, want)
		}
	}
	if got := s.output("c1.n1.m1", "containers/n1/containers/m1"); got != "n1\n1\n" {
		t.Errorf("the innermost container sees %q", got)
	}
	must(t, s.launch("c1.n2", "readlink /proc/self/ns/net", func(c *slavepb.ContainerConfig) {
		c.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), NetworkInfos: []*mesospb.NetworkInfo{{}}}
	}))
	own, _ := os.Readlink("/proc/self/ns/net")
	if got := strings.TrimSpace(s.output("c1.n2", "containers/n2")); got != own {
		t.Errorf("a container that asks for no name is in %s, and the agent in %s", got, own)
	}
	s.release()
	s.output("c1", "")
	s.nothingLeft()
}

// The next agent knows the addresses of what it takes over, and detaches what it does not.
func TestRecovered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.network("net", "10.200.6.0/24", "")
	s.start()
	must(t, s.launch("c1", s.waiting(), on("net")))
	must(t, s.launch("c2", s.waiting(), on("net"), executing))
	before, err := runtime.Wait(t.Context(), s.Status("c1"))
	must(t, err)
	s.crash()
	s.start(containerizer.Survivor{ID: "c1", Directory: s.sandbox})
	after, err := runtime.Wait(t.Context(), s.Status("c1"))
	if err != nil || !proto.Equal(before, after) {
		t.Errorf("the status is %v (%v), and was %v", after, err, before)
	}
	must(t, s.launch("c1.n1", "hostname"))
	if got := s.output("c1.n1", "containers/n1"); got != "c1\n" {
		t.Errorf("the host is called %q", got)
	}
	if left, _ := os.ReadDir(s.root()); len(left) != 1 {
		t.Errorf("%v are attached", left)
	}
	s.release()
	s.output("c1", "")
	s.nothingLeft()
}

// After a start of the system there are no namespaces, but the addresses are still taken.
func TestRecoveredAfterReboot(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *isolation.Config) { c.Networks.Persist = true })
	s.network("net", "10.200.7.0/24", "")
	s.start()
	must(t, s.launch("c1", s.waiting(), on("net")))
	kept := filepath.Join(s.work, "isolators/network/cni")
	must(t, s.sweepable(kept))
	s.release()
	s.output("c1", "")
	s.crash()
	record := filepath.Join(kept, "c9")
	must(t, os.CopyFS(record, os.DirFS(filepath.Join(s.run, "copy"))))
	s.run = t.TempDir()
	s.start()
	if left, err := os.ReadDir(kept); err != nil || len(left) > 0 {
		t.Errorf("%v are attached (%v)", left, err)
	}
	must(t, os.MkdirAll(s.root(), 0o755)) // for the end of the test
}

// sweepable copies the records of c1, without its namespace.
func (s *site) sweepable(root string) error {
	for _, name := range []string{"net/network.conf", "net/eth0/network.info"} {
		content, err := os.ReadFile(filepath.Join(root, "c1", name))
		if err != nil {
			return err
		}
		to := filepath.Join(s.run, "copy", name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.run, "copy/ns"), nil, 0o644)
}

// What cannot be attached does not start, says why, and leaves nothing.
func TestRefused(t *testing.T) {
	t.Parallel()
	broken := t.TempDir()
	s := newSite(t, func(c *isolation.Config) { c.Networks.Plugins += ":" + broken })
	must(t, os.WriteFile(filepath.Join(broken, "broken"), []byte("#!/bin/sh\n[ $CNI_COMMAND = DEL ] && exit 0\necho it said; echo why >&2; exit 3\n"), 0o755))
	write := func(file, content string) {
		must(t, os.WriteFile(filepath.Join(s.configuration.Networks.Configs, file), []byte(content), 0o644))
	}
	s.network("good", "10.200.8.0/24", "")
	write("bad.conf", `{"name": "bad", "type": "broken"}`)
	write("args.conf", `{"name": "args", "type": "ptp", "args": {"org.apache.mesos": {}}}`)
	write("missing.conf", `{"name": "missing", "type": "nosuch"}`)
	write("twice.conf", `{"name": "good", "type": "broken"}`)
	write("up.conf", `{"name": "..", "type": "broken"}`)
	write("torn.conf", `{"name": `)
	s.start()
	for id, c := range map[ids.Container]struct {
		networks []string
		want     string
	}{
		"r1": {[]string{"nobody"}, "Unknown CNI network 'nobody'"},
		"r2": {[]string{"missing"}, "Unknown CNI network 'missing': CNI network configuration file '" + s.configuration.Networks.Configs + "/missing.conf': the plugin 'nosuch' is not in /usr/lib/cni, " + broken},
		"r3": {[]string{"good", "good"}, "Attempted to join CNI network 'good' multiple times"},
		"r4": {[]string{"good", "bad"}, "The CNI plugin '" + broken + "/broken' failed to attach container r4 to CNI network 'bad': exit status 3: stdout='it said\n', stderr='why\n'"},
		"r5": {[]string{"args"}, "'org.apache.mesos' in 'args' should not be set in CNI network configuration file '" + s.configuration.Networks.Configs + "/args.conf'. It is reserved by Mesos"},
		"r6": {[]string{".."}, "Unknown CNI network '..'"},
	} {
		err := s.launch(id, "true", on(c.networks...))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", id, err, c.want)
		}
		if _, err := runtime.Wait(t.Context(), s.Destroy(id)); err != nil {
			t.Error(err)
		}
	}
	s.nothingLeft()
}

// A network that is configured later can be used at once, and one whose file is gone cannot, but its containers are
// detached.
func TestConfigurationChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	if err := s.launch("c1", "true", on("late")); err == nil || err.Error() != "Unknown CNI network 'late'" {
		t.Errorf("launched with %v", err)
	}
	if _, err := runtime.Wait(t.Context(), s.Destroy("c1")); err != nil {
		t.Error(err)
	}
	s.network("late", "10.200.9.0/24", "")
	must(t, s.launch("c2", s.waiting(), on("late")))
	must(t, os.Remove(filepath.Join(s.configuration.Networks.Configs, "late.conf")))
	if err := s.launch("c3", "true", on("late")); err == nil || err.Error() != "Unknown CNI network 'late'" {
		t.Errorf("launched with %v", err)
	}
	s.release()
	s.output("c2", "")
	s.nothingLeft()
}

// Plugins are told who asks, and what for.
func TestPluginIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSite(t, func(c *isolation.Config) { c.Networks.Plugins = dir })
	script := fmt.Sprintf("#!/bin/sh\n{ env | grep ^CNI_ | sort; cat; echo; } >> %s/said\necho '{\"cniVersion\": \"1.0.0\", \"ips\": [{\"address\": \"fd00::2/64\"}, {\"address\": \"10.9.9.9/8\"}]}'\n", dir)
	must(t, os.WriteFile(filepath.Join(dir, "told"), []byte(script), 0o755))
	must(t, os.WriteFile(filepath.Join(s.configuration.Networks.Configs, "x"), []byte(`{"name": "n", "type": "told", "big": 12345678901234567890, "args": {"mine": 1}}`), 0o644))
	s.start()
	must(t, s.launch("c1", s.waiting(), on("n")))
	status, err := runtime.Wait(t.Context(), s.Status("c1"))
	must(t, err)
	var addresses []string
	for _, a := range status.GetNetworkInfos()[0].GetIpAddresses() {
		addresses = append(addresses, a.GetProtocol().String()+" "+a.GetIpAddress())
	}
	if want := []string{"IPv4 10.9.9.9", "IPv6 fd00::2"}; !slices.Equal(addresses, want) {
		t.Errorf("the addresses are %q, want %q", addresses, want)
	}
	s.release()
	s.output("c1", "")
	said, err := os.ReadFile(filepath.Join(dir, "said"))
	must(t, err)
	about := "CNI_CONTAINERID=c1\nCNI_IFNAME=eth0\nCNI_NETNS=" + s.root() + "/c1/ns\nCNI_PATH=" + dir + "\n" +
		`{"args":{"mine":1,"org.apache.mesos":{"network_info":{"name":"n","labels":{"labels":[{"key":"of","value":"n"}]}}}},"big":12345678901234567890,"name":"n","type":"told"}` + "\n"
	if want := "CNI_COMMAND=ADD\n" + about + "CNI_COMMAND=DEL\n" + about; string(said) != want {
		t.Errorf("the plugin was told\n%s\nwant\n%s", said, want)
	}
}
