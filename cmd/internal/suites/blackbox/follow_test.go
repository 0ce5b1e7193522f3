package blackbox

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-zookeeper/zk"

	"meseta/actors/election/zookeepertest"
)

// stranger stands for a C++ master, as far as others see it: it has the nodes in ZooKeeper that one was recorded with, and shows
// its registry, which is empty unless it leads.
type stranger struct {
	t       *testing.T
	address string
	server  *httptest.Server
	session *zk.Conn

	mu       sync.Mutex
	registry []byte        // nil: it does not lead
	user     string        // principal:secret that readers have to give; empty: none
	read     chan struct{} // closed when the registry is read the next time
}

// announcedMaster is what a C++ master was recorded to announce.
var announcedMaster = regexp.MustCompile(`'(\{"address".*5060.*\})'`)

// newStranger starts one that announces itself below /mesos.
func newStranger(t *testing.T, zoo *zookeepertest.Server, registry []byte) *stranger {
	t.Helper()
	text, err := os.ReadFile(shared(t, "golden/zookeeper/1-plain-znodes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{t: t, session: zoo.Session(), registry: registry, read: make(chan struct{})}
	s.server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.leave)
	s.address = s.server.Listener.Addr().String()
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.ReplaceAll(announcedMaster.FindSubmatch(text)[1], []byte("5060"), []byte(port))
	for _, path := range []string{"/mesos", "/mesos/log_replicas"} {
		if _, err := s.session.Create(path, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && err != zk.ErrNodeExists {
			t.Fatal(err)
		}
	}
	for prefix, content := range map[string][]byte{"/mesos/json.info_": data, "/mesos/log_replicas/": []byte("log-replica(1)@" + s.address)} {
		if _, err := s.session.Create(prefix, content, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *stranger) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	principal, secret, _ := r.BasicAuth()
	switch {
	case r.URL.Path != "/registrar(1)/registry":
		http.NotFound(w, r)
	case s.user != "" && s.user != principal+":"+secret:
		w.WriteHeader(http.StatusUnauthorized)
	case s.registry == nil:
		_, _ = w.Write([]byte("{}"))
	default:
		_, _ = w.Write(s.registry)
	}
	close(s.read)
	s.read = make(chan struct{})
}

// leads has it lead with another registry, and waits until somebody has followed: who reads again has stored what it read before.
func (s *stranger) leads(registry []byte) {
	s.t.Helper()
	s.mu.Lock()
	s.registry = registry
	s.mu.Unlock()
	s.readAgain(2)
}

func (s *stranger) readAgain(times int) {
	s.t.Helper()
	for range times {
		s.mu.Lock()
		read := s.read
		s.mu.Unlock()
		<-read
	}
}

// leave is its end.
func (s *stranger) leave() {
	s.session.Close()
	s.server.CloseClientConnections()
	s.server.Close()
}

// recordedRegistry returns what a C++ master was recorded to show, and the same with another weight.
func recordedRegistry(t *testing.T) (before, after []byte) {
	t.Helper()
	answer, err := os.ReadFile(shared(t, "golden/registry/registry.http"))
	if err != nil {
		t.Fatal(err)
	}
	_, before, _ = bytes.Cut(answer, []byte("\r\n\r\n"))
	after = bytes.ReplaceAll(before, []byte(`"weight":2.5`), []byte(`"weight":7.5`))
	if bytes.Equal(before, after) {
		t.Fatal("no weight was recorded")
	}
	return before, after
}

// The way of docs/cpp-masters.md: three C++ masters with --quorum=2 are replaced one after the other, the leader last. Those of ours
// that are there follow its registry, and found their group as soon as they are a quorum. When it ends, one of them leads and has
// forgotten nothing, and the third one joins.
func TestMastersAreReplacedOneByOne(t *testing.T) {
	t.Parallel()
	before, after := recordedRegistry(t)
	zoo := zookeepertest.Start(t)
	old := []*stranger{newStranger(t, zoo, before), newStranger(t, zoo, nil), newStranger(t, zoo, nil)}
	m := newMasters(t, 3, "--zk=zk://"+zoo.Address+"/mesos", "--quorum=2")

	old[2].leave()
	m.start(2)
	m.all[2].awaits("another master leads actor=master leader=master@" + old[0].address)
	old[1].leave()
	// What a C++ master leaves in a work directory is older than what the leader has, and does not count.
	if err := os.CopyFS(m.dir[1]+"/replicated_log", os.DirFS(shared(t, "golden/registry/replicated_log"))); err != nil {
		t.Fatal(err)
	}
	m.start(1)
	old[0].readAgain(2)
	old[0].leads(after)
	old[0].leave()
	first := m.leader()
	m.all[first].awaits("master recovered from the registry")
	hasRegistry(t, m.all[first], after)

	m.start(0)
	m.all[first].awaits("a master has joined the group")
	m.all[0].awaits("announced in ZooKeeper")
	m.all[first].kill()
	m.all[first] = nil
	second := m.leader()
	m.all[second].awaits("master recovered from the registry")
	hasRegistry(t, m.all[second], after)
}

// The same with --quorum=1, where each master has a registry of its own: whoever leads next has what the leader had, be that a C++
// master or one of ours. Who authenticates its readers tells nobody else.
func TestMastersWithoutAGroupAreReplacedOneByOne(t *testing.T) {
	t.Parallel()
	before, after := recordedRegistry(t)
	zoo := zookeepertest.Start(t)
	place := "zk://" + zoo.Address + "/mesos"
	old := newStranger(t, zoo, before)
	old.user = "ann:s3cret"
	credential := t.TempDir() + "/credential"
	if err := os.WriteFile(credential, []byte(`{"principal": "ann", "secret": "s3cret"}`), 0o600); err != nil {
		t.Fatal(err)
	}

	first := startRival(t, place, "--leader_credential="+credential)
	first.awaits("following the registry of the leading master")
	stranger := startRival(t, place)
	stranger.awaits("401 Unauthorized: --leader_credential says who may read it")
	old.leads(after)
	old.leave()
	first.awaits("master recovered from the registry")
	hasRegistry(t, first, after)

	stranger.awaits("following the registry of the leading master")
	first.kill()
	stranger.awaits("master recovered from the registry")
	hasRegistry(t, stranger, after)
}

// A leader that has forgotten everything is not followed, and somebody is told.
func TestAnEmptyRegistryIsNotFollowed(t *testing.T) {
	t.Parallel()
	before, _ := recordedRegistry(t)
	zoo := zookeepertest.Start(t)
	old := newStranger(t, zoo, before)
	m := startRival(t, "zk://"+zoo.Address+"/mesos")
	m.awaits("following the registry of the leading master")
	old.leads(append([]byte("{"), append(leaderOf.Find(before), '}')...))
	m.awaits("the registry of the leading master is not stored")
	old.leave()
	m.awaits("master recovered from the registry")
	hasRegistry(t, m, before)
}

// C++ masters end before ours, which have founded their group beside them, could read what they knew. Nobody leads, and the log says why
// and what to do. Who does that has a leader.
func TestAGroupThatKnowsNothing(t *testing.T) {
	t.Parallel()
	before, _ := recordedRegistry(t)
	zoo := zookeepertest.Start(t)
	old := newStranger(t, zoo, before)
	old.user = "ann:s3cret"
	m := newMasters(t, 3, "--zk=zk://"+zoo.Address+"/mesos", "--quorum=2")
	m.start(0)
	m.start(1)
	gone(t, func() []string {
		if strings.Contains(m.all[0].out.String()+m.all[1].out.String(), "401 Unauthorized: --leader_credential says who may read it") {
			return nil
		}
		return []string{"nobody was refused"}
	})
	old.leave()
	told := "no master leads: the group was founded beside masters of another kind, which were gone before this one had read their registry"
	gone(t, func() []string {
		if strings.Contains(m.all[0].out.String()+m.all[1].out.String(), told) {
			return nil
		}
		return []string{"nobody says why none leads"}
	})
	status, out := does(t, nil, "mesos", "master", "list", "--master=zk://"+zoo.Address+"/mesos")
	if status != 0 || strings.Count(out, "127.0.0.1:") < 2 || !strings.Contains(out, "No master leads: ") {
		t.Errorf("mesos master list: %d %s", status, out)
	}
	for i := range 2 {
		m.all[i].kill()
		if err := os.Rename(m.dir[i]+"/consensus", m.dir[i]+"/consensus.old"); err != nil {
			t.Fatal(err)
		}
	}
	if err := zoo.Session().Delete("/mesos/log_group", -1); err != nil {
		t.Fatal(err)
	}
	for i := range m.all {
		m.start(i)
	}
	m.all[m.leader()].awaits("master recovered from the registry")
}
