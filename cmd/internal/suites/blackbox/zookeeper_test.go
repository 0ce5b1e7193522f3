package blackbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/go-zookeeper/zk"

	"meseta/actors/election/zookeepertest"
)

// startRival starts a master of a group in ZooKeeper.
func startRival(t *testing.T, place string, args ...string) *process {
	t.Helper()
	return startMaster(t, "0", t.TempDir(), append([]string{"--zk=" + place, "--quorum=1"}, args...)...)
}

// startPair starts a master that leads, and one that stands by. path is where they meet in ZooKeeper at place, "zk://…".
func startPair(t *testing.T, server *zookeepertest.Server, place, path string) (leader, standby *process) {
	t.Helper()
	leader = startRival(t, place)
	announcements(t, server.Session(), path, 1)
	standby = startRival(t, place)
	standby.awaits("another master leads")
	return leader, standby
}

// announcements waits until n masters have announced themselves, and returns the data of their nodes by name.
func announcements(t *testing.T, conn *zk.Conn, path string, n int) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		names, _, changed, err := conn.ChildrenW(path)
		if err == nil && len(names) == n {
			all := map[string]string{}
			for _, name := range names {
				data, _, err := conn.Get(path + "/" + name)
				if err != nil {
					t.Fatal(err)
				}
				all[name] = string(data)
			}
			return all
		}
		if err != nil { // the path is not there yet
			there, _, created, err := conn.ExistsW(path)
			if err != nil {
				t.Fatal(err)
			}
			if there {
				continue
			}
			changed = created
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("nodes at %s: %v, %v, want %d", path, names, err, n)
		}
	}
}

// shared returns the path of a recording, or skips the test where there are none.
func shared(t *testing.T, path string) string {
	t.Helper()
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared")
	}
	path = filepath.Join(dir, path)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the recordings are not here; MESETA_SHARED tells where they are")
	}
	return path
}

var (
	uuid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	date = regexp.MustCompile(`Date: [^\r\n]*\r?\n`)
)

// Masters announce themselves as recorded ones did, byte for byte, with the rights that were recorded.
func TestMastersAnnounceThemselves(t *testing.T) {
	t.Parallel()
	for user, recorded := range map[string]string{"": "1-plain", "user:pass@": "2-digest"} {
		t.Run(recorded, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(shared(t, "golden/zookeeper/"+recorded+"-znodes.txt"))
			if err != nil {
				t.Fatal(err)
			}
			server := zookeepertest.Start(t)
			place := "zk://" + user + server.Address + "/mesos"
			m := startRival(t, place)
			_, port, _ := strings.Cut(m.address, ":")
			for name, data := range announcements(t, server.Session(), "/mesos", 1) {
				if name != "json.info_0000000000" {
					t.Errorf("the node is %s", name)
				}
				data = uuid.ReplaceAllString(strings.ReplaceAll(data, port, "5050"), "ID")
				if !strings.Contains(uuid.ReplaceAllString(string(text), "ID"), "data: '"+data+"'") {
					t.Errorf("this was not recorded: %s", data)
				}
			}
			conn := server.Session()
			if user != "" { // others are not told who has rights
				if err := conn.AddAuth("digest", []byte(strings.TrimSuffix(user, "@"))); err != nil {
					t.Fatal(err)
				}
			}
			for _, node := range []string{"/mesos", "/mesos/json.info_0000000000"} {
				acl, _, err := conn.GetACL(node)
				if err != nil {
					t.Fatal(err)
				}
				want := "[{31 world anyone}]"
				if user != "" {
					want = "[{1 world anyone} {31 digest user:smGaoVKd/cQkjm7b88GyorAUz20=}]"
				}
				if got := fmt.Sprint(acl); got != want {
					t.Errorf("%s: rights %s, want %s", node, got, want)
				}
			}
			startAgent(t, "0", place, t.TempDir()).awaits("] registered ")
		})
	}
}

// recordedRequest is a line of golden/zookeeper/INDEX.txt.
var recordedRequest = regexp.MustCompile(`(?m)^(1-plain-standby\S+)  (GET|POST) http://127.0.0.1:5060(\S*)(?:  body=(.*))? -> HTTP/1.1 (\S+)`)

// A master that does not lead answers as recorded.
func TestStandbysRedirect(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(shared(t, "golden/zookeeper/INDEX.txt"))
	index, err := os.ReadFile(filepath.Join(dir, "INDEX.txt"))
	if err != nil {
		t.Fatal(err)
	}
	server := zookeepertest.Start(t)
	place := "zk://" + server.Address + "/mesos"
	leader, standby := startPair(t, server, place, "/mesos")
	asked := 0
	for _, m := range recordedRequest.FindAllStringSubmatch(string(index), -1) {
		if m[3] == "/" {
			continue // the web UI
		}
		var header []string
		if strings.HasPrefix(m[4], "{") {
			header = []string{"Content-Type: application/json", "Accept: application/json"}
		}
		asked++
		a := request(t, standby, m[2], m[3], header, m[4])
		if !strings.HasPrefix(a.status, m[5]+" ") {
			t.Errorf("%s %s: %s, recorded %s", m[2], m[3], a.status, m[5])
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, m[1]))
		if err != nil {
			t.Fatal(err)
		}
		recorded := strings.TrimSpace(date.ReplaceAllString(strings.ReplaceAll(string(text), "\r\n", "\n"), ""))
		if !strings.HasSuffix(recorded, "Content-Length: 0") {
			continue // pages of its own
		}
		got := "HTTP/1.1 " + a.status
		for _, name := range []string{"Location", "Content-Length"} {
			if a.header[name] != nil {
				got += "\n" + name + ": " + strings.ReplaceAll(a.header[name][0], leader.address, "127.0.0.1:5050")
			}
		}
		_, port, _ := strings.Cut(leader.address, ":")
		if got = strings.ReplaceAll(got, port, "5050"); got != recorded {
			t.Errorf("%s %s: got\n%s\nrecorded\n%s", m[2], m[3], got, recorded)
		}
	}
	if asked < 14 {
		t.Errorf("only %d requests were recorded", asked)
	}
}

// The leader is killed under a task. The standby leads, the agent and the scheduler follow it, and the task comes to its
// end. The master that was killed comes back as a standby.
func TestTheStandbyTakesOver(t *testing.T) {
	t.Parallel()
	server := zookeepertest.Start(t)
	place := "zk://127.0.0.1:1," + server.Address + "/some/where"
	first, second := startPair(t, server, place, "/some/where")
	file := filepath.Join(t.TempDir(), "master")
	if err := os.WriteFile(file, []byte(place+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, "0", "file://"+file, t.TempDir())
	g := newGate(t)
	p := execute(t, place, "one", g.wait(), "--checkpoint")
	p.awaits("TASK_RUNNING for task 'one'")

	first.kill()
	second.awaits("elected as the leading master")
	a.awaits("] re-registered ")
	if status, out := does(t, nil, "mesos", "--master="+place, "agent", "list"); status != 0 || !strings.Contains(out, "localhost") {
		t.Errorf("mesos agent list: %d\n%s", status, out)
	}
	g.open(t)
	if status := p.ends(); status != 0 || !strings.Contains(p.out.String(), "TASK_FINISHED for task 'one'") {
		t.Errorf("the task ended with %d:\n%s", status, p.out)
	}
	third := startRival(t, place)
	third.awaits("another master leads")

	// A master that is asked to end makes room at once.
	second.signal(syscall.SIGTERM)
	if status := second.ends(); status != 0 {
		t.Errorf("it ended with %d", status)
	}
	third.awaits("elected as the leading master")
}

// A master with another password than the one that made the path ends with status 1, with or without a group, and the leader goes on.
// Agents may only read, and need none.
func TestAWrongPassword(t *testing.T) {
	t.Parallel()
	server := zookeepertest.Start(t)
	leader := startRival(t, "zk://user:pass@"+server.Address+"/mesos")
	leader.awaits("elected as the leading master")
	for _, quorum := range []string{"--quorum=1", "--quorum=2"} {
		other := startMaster(t, "0", t.TempDir(), "--zk=zk://user:other@"+server.Address+"/mesos", quorum)
		if status := other.ends(); status != 1 {
			t.Errorf("%s: it ended with %d", quorum, status)
		}
		other.awaits("not authenticated")
		if strings.Contains(other.out.String(), "user:other") {
			t.Errorf("%s: the password is logged", quorum)
		}
	}
	startAgent(t, "0", "zk://user:other@"+server.Address+"/mesos", t.TempDir()).awaits("] registered ")
}

// A leader that loses ZooKeeper ends with status 1. A standby and an agent stay, and go on when it is back.
func TestZooKeeperGoesAway(t *testing.T) {
	t.Parallel()
	server := zookeepertest.Start(t)
	place := "zk://" + server.Address + "/mesos"
	leader, standby := startPair(t, server, place, "/mesos")
	a := startAgent(t, "0", place, t.TempDir())
	a.awaits("] registered ")
	server.Kill()
	if status := leader.ends(); status != 1 {
		t.Errorf("the leader ended with %d", status)
	}
	standby.awaits("no master leads")
	a.awaits("no master leads")
	if status, body := standby.get("/state"); status != http.StatusServiceUnavailable || body != "No leader elected" {
		t.Errorf("without a leader: %d %q", status, body)
	}
	server.Restart()
	standby.awaits("elected as the leading master")
	a.awaits("] re-registered ")
}

// An agent follows the node of a master that is not ours.
func TestANodeOfAnotherMaster(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(shared(t, "golden/zookeeper/1-plain-znodes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	recorded := regexp.MustCompile(`'(\{"address".*5060.*\})'`).FindSubmatch(text)
	if recorded == nil {
		t.Fatal("no master was recorded")
	}
	server := zookeepertest.Start(t)
	m := startMaster(t, "0", t.TempDir())
	_, port, _ := strings.Cut(m.address, ":")
	conn := server.Session()
	if _, err := conn.Create("/mesos", nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	data := bytes.ReplaceAll(recorded[1], []byte("5060"), []byte(port))
	if _, err := conn.Create("/mesos/json.info_", data, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	a := startAgent(t, "0", "zk://"+server.Address+"/mesos", t.TempDir())
	a.awaits("] registered ")
	var agents struct {
		Slaves []json.RawMessage
	}
	if m.sees("/slaves", &agents); len(agents.Slaves) != 1 {
		t.Errorf("the master has %d agents", len(agents.Slaves))
	}
	if slices.Contains(strings.Fields(a.out.String()), "ERR") {
		t.Errorf("the agent complains:\n%s", a.out)
	}
}
