package blackbox

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"meseta/actors/election/zookeepertest"
)

// masters are several masters that share one registry.
type masters struct {
	t    *testing.T
	list string   // of their addresses
	args []string // how they find each other
	port []string
	dir  []string
	all  []*process // by place; nil: it does not run

	supervised bool // a master that has ended is started again
}

func startMasters(t *testing.T, n int, args ...string) *masters {
	t.Helper()
	m := newMasters(t, n, args...)
	for i := range n {
		m.start(i)
	}
	return m
}

// newMasters finds addresses and directories for masters, which do not run yet.
func newMasters(t *testing.T, n int, args ...string) *masters {
	t.Helper()
	m := &masters{t: t, all: make([]*process, n), args: args}
	var addresses []string
	for range n {
		port := freePort(t)
		m.port, m.dir = append(m.port, port), append(m.dir, t.TempDir())
		addresses = append(addresses, "127.0.0.1:"+port)
	}
	m.list = strings.Join(addresses, ",")
	return m
}

func (m *masters) start(i int) {
	m.t.Helper()
	args := m.args
	if len(args) == 0 {
		args = []string{"--masters=" + m.list}
	}
	m.all[i] = startMaster(m.t, m.port[i], m.dir[i], args...)
}

// again starts the master at place i after it has ended.
func (m *masters) again(i int) {
	m.t.Helper()
	m.all[i].ends()
	m.start(i)
}

// namedBy returns the place of the master that the one at place i redirects to, or -1.
func (m *masters) namedBy(i int) int {
	m.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get("http://" + m.all[i].address + "/redirect")
	switch {
	case err != nil && m.supervised:
		m.again(i)
		return -1
	case err != nil:
		m.t.Fatal(err)
	}
	answer.Body.Close()
	for place, port := range m.port {
		if strings.HasSuffix(strings.TrimSuffix(answer.Header.Get("Location"), "/"), ":"+port) {
			return place
		}
	}
	return -1
}

// leader waits until all that run, besides those that are left out, name the same leader, which is none of these either.
func (m *masters) leader(without ...int) (place int) {
	m.t.Helper()
	out := map[int]bool{-1: true}
	for _, i := range without {
		out[i] = true
	}
	gone(m.t, func() (wrong []string) {
		first := true
		for i, p := range m.all {
			if p == nil || out[i] {
				continue
			}
			named := m.namedBy(i)
			if out[named] || m.all[named] == nil || !first && named != place {
				wrong = append(wrong, p.address)
			}
			place, first = named, false
		}
		return wrong
	})
	return place
}

// startSurvivor starts three masters, and an agent with a task that runs until the gate is open.
func startSurvivor(t *testing.T) (m *masters, agent *process, g gate, framework *process) {
	t.Helper()
	m = startMasters(t, 3)
	m.leader()
	agent = startAgent(t, "0", m.list, t.TempDir())
	agent.awaits("] registered ")
	g = newGate(t)
	framework = execute(t, m.list, "survivor", g.wait())
	framework.awaits("TASK_RUNNING")
	return m, agent, g, framework
}

// Three masters elect a leader. It is killed, and another one stopped for a while: each time another one leads within
// seconds, with the agent that it knows from the registry, and whose task goes on.
func TestMastersFailOver(t *testing.T) {
	t.Parallel()
	m, agent, g, p := startSurvivor(t)
	first := m.leader()

	m.all[first].kill()
	m.all[first] = nil
	second := m.leader()
	m.all[second].awaits("master recovered from the registry actor=master agents=1")
	agent.awaits("] re-registered ")

	m.start(first)
	m.leader()
	m.all[second].signal(syscall.SIGSTOP)
	third := m.leader(second)
	m.all[third].awaits("master recovered from the registry actor=master agents=1")
	m.all[second].signal(syscall.SIGCONT)
	if status := m.all[second].ends(); status != 1 {
		t.Errorf("the leader that was stopped ended with status %d", status)
	}
	m.all[second] = nil

	g.open(t)
	if status := p.ends(); status != 0 || !strings.Contains(p.out.String(), "TASK_FINISHED") {
		t.Errorf("exit status %d", status)
	}
}

// Three masters find each other in ZooKeeper, and share one registry. The leader is killed, and a machine replaced: the
// agent, which follows the lowest node as it does that of C++ masters, is known all the time, and its task goes on.
func TestMastersShareARegistryThroughZooKeeper(t *testing.T) {
	t.Parallel()
	server := zookeepertest.Start(t)
	place := "zk://" + server.Address + "/mesos"
	m := startMasters(t, 3, "--zk="+place, "--quorum=2")
	first := m.leader()
	for _, data := range announcements(t, server.Session(), "/mesos/log_replicas", 3) {
		if !strings.HasPrefix(data, "consensus@127.0.0.1:") {
			t.Errorf("a replica is %q", data)
		}
	}
	agent := startAgent(t, "0", place, t.TempDir())
	agent.awaits("] registered ")
	g := newGate(t)
	p := execute(t, place, "survivor", g.wait())
	p.awaits("TASK_RUNNING")

	m.all[first].kill()
	m.all[first] = nil
	second := m.leader(first)
	m.all[second].awaits("master recovered from the registry actor=master agents=1")
	agent.awaits("] re-registered ")

	m.dir[first] = t.TempDir()
	m.start(first)
	m.all[second].awaits("a master has joined the group")
	third := 3 - first - second
	m.all[third].kill()
	m.all[third] = nil
	m.leader()
	m.all[second].signal(syscall.SIGTERM)
	if status := m.all[second].ends(); status != 0 {
		t.Errorf("the leader ended with status %d", status)
	}
	m.all[second] = nil
	m.start(second)
	m.all[m.leader(second, third)].awaits("master recovered from the registry actor=master agents=1")
	g.open(t)
	if status := p.ends(); status != 0 || !strings.Contains(p.out.String(), "TASK_FINISHED") {
		t.Errorf("exit status %d", status)
	}
}

// A master that is alone grows to three, hands over, and shrinks to one again. It knows its agent all the time.
func TestAMasterGrowsAndShrinks(t *testing.T) {
	t.Parallel()
	alone := t.TempDir()
	one := startMaster(t, "0", alone)
	startAgent(t, "0", one.address, t.TempDir()).awaits("] registered ")
	one.kill()

	m := newMasters(t, 3)
	m.dir[1] = alone
	for i := range 3 {
		m.start(i)
	}
	first := m.leader()
	m.all[first].awaits("master recovered from the registry actor=master agents=1")

	mesos := func(args ...string) string {
		t.Helper()
		status, out := does(t, nil, "mesos", append([]string{"--master=" + m.list}, args...)...)
		if status != 0 {
			t.Fatalf("mesos %v: %d %s", args, status, out)
		}
		return out
	}
	next := (first + 1) % 3
	mesos("master", "transfer", m.all[next].address)
	if status := m.all[first].ends(); status != 1 {
		t.Errorf("the leader that was replaced ended with status %d", status)
	}
	m.all[first] = nil
	if now := m.leader(); now != next {
		t.Fatalf("the master at place %d leads, want %d", now, next)
	}
	mesos("master", "remove", "127.0.0.1:"+m.port[first])
	last := 3 - first - next
	mesos("master", "remove", m.all[last].address)
	if status := m.all[last].ends(); status != 1 || !strings.Contains(m.all[last].out.String(), "removed from the group") {
		t.Errorf("the master that was removed ended with status %d", status)
	}
	if out := mesos("master", "list"); strings.Count(out, "127.0.0.1:") != 1 || !strings.Contains(out, m.all[next].address) {
		t.Errorf("the masters are\n%s", out)
	}
	m.all[next].signal(syscall.SIGTERM)
	if status := m.all[next].ends(); status != 0 {
		t.Errorf("the last master ended with status %d", status)
	}
	again := startMaster(t, "0", m.dir[next])
	again.awaits("master recovered from the registry actor=master agents=1")
	if left, _ := filepath.Glob(filepath.Join(m.dir[next], "consensus")); len(left) > 0 {
		t.Errorf("%v is still there", left)
	}
}

// Flags that make no sense together are refused, and so is a master of a group that is started alone.
func TestMastersAreRefused(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--masters=127.0.0.1":                                           "is not host:port,host:port,… of all masters",
		"--masters=127.0.0.1:1,127.0.0.1:1":                             "names 127.0.0.1:1 twice",
		"--masters=127.0.0.1:1 --registry=in_memory":                    "several masters need --registry=replicated_log",
		"--masters=127.0.0.1:1,127.0.0.1:2 --ip=127.0.0.1 --work_dir=.": "is not among those of the masters",
	} {
		status, out := does(t, nil, "mesos-master", append(strings.Fields(args), "--port=0")...)
		if status != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: %d %s", args, status, out)
		}
	}
	m := startMasters(t, 2)
	m.leader()
	m.all[0].kill()
	status, out := does(t, nil, "mesos-master", "--ip=127.0.0.1", "--port="+m.port[0], "--work_dir="+m.dir[0])
	if status != 1 || !strings.Contains(out, "this master belongs to a group") {
		t.Errorf("%d %s", status, out)
	}
}

// A registry is not imported beside that of a group, be its masters stopped or not. Who does what the refusal says has a group with
// the registry that was imported.
func TestImportIntoAGroup(t *testing.T) {
	t.Parallel()
	m := startMasters(t, 3)
	m.leader()
	file := filepath.Join(t.TempDir(), "registry.json")
	if err := os.WriteFile(file, []byte(remembered), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func() {
		t.Helper()
		status, out := does(t, nil, "mesos", "registry", "import", m.dir[0], file)
		if status == 0 || !strings.Contains(out, "stop all masters, move the folder consensus out of the work directory of each") {
			t.Errorf("the import ends with %d, %s", status, out)
		}
	}
	refused()
	for i := range m.all {
		m.all[i].kill()
	}
	refused()
	for i := range m.all {
		if err := os.Rename(filepath.Join(m.dir[i], "consensus"), filepath.Join(t.TempDir(), "consensus")); err != nil {
			t.Fatal(err)
		}
	}
	remembers(t, m.dir[0])
	for i := range m.all {
		m.start(i)
	}
	leader := m.all[m.leader()]
	leader.awaits("master recovered from the registry")
	if _, quotas := leader.get("/quota"); !strings.Contains(quotas, `"role":"red"`) {
		t.Errorf("the group has the quotas %s", quotas)
	}
}

// Two of three masters are lost for ever. The third one says so, in its log and to mesos master list, and does not lead. From what it
// has on its disk a new group begins, which has forgotten nothing.
func TestMostMastersAreLost(t *testing.T) {
	t.Parallel()
	m := newMasters(t, 3)
	remembers(t, m.dir[2])
	for i := range m.all {
		m.start(i)
	}
	m.leader()
	mesos := func(want string, args ...string) {
		t.Helper()
		if status, out := does(t, nil, "mesos", args...); status != 0 || !strings.Contains(out, want) {
			t.Errorf("mesos %v: %d %s, want %q", args, status, out, want)
		}
	}
	for _, i := range []int{1, 2} {
		m.all[i].kill()
		m.all[i], m.dir[i] = nil, t.TempDir()
	}
	lost := "a majority of 3 is needed, and those at 127.0.0.1:"
	m.all[0].awaits(lost)
	mesos(lost, "master", "list", "--master="+m.list)
	mesos("No master leads: ", "master", "list", "--master="+m.list)

	m.all[0].kill()
	folder := filepath.Join(m.dir[0], "consensus")
	status, out := does(t, nil, "mesos", "registry", "show", m.dir[0])
	if status == 0 || !strings.Contains(out, "if most masters of the group are lost, give "+folder) {
		t.Errorf("mesos registry show: %d %s", status, out)
	}
	aside := filepath.Join(t.TempDir(), "lost")
	if err := os.Rename(folder, aside); err != nil {
		t.Fatal(err)
	}
	mesos("Imported 0 agents, 1 unreachable and 1 gone ones, 1 weights, 1 quotas", "registry", "import", m.dir[0], aside)
	for i := range m.all {
		m.start(i)
	}
	leader := m.all[m.leader()]
	leader.awaits("master recovered from the registry")
	if _, quotas := leader.get("/quota"); !strings.Contains(quotas, `"role":"red"`) {
		t.Errorf("the group has the quotas %s", quotas)
	}
}
