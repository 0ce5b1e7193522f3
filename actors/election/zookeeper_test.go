package election

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"meseta/actors/election/zookeepertest"
)

// announce announces a master as the recorded ones did.
func announce(t *testing.T, conn *zk.Conn, path, recorded string, acl []zk.ACL) {
	t.Helper()
	node := path + "/" + infoPrefix
	if _, err := conn.Create(node, []byte(announced[recorded]), zk.FlagEphemeral|zk.FlagSequence, acl); err != nil {
		t.Fatal(err)
	}
}

const (
	first  = "/mesos/json.info_0000000002"
	second = "/mesos/json.info_0000000003"
)

// ask asks for the leader behind zk:// and returns its address, or what is wrong.
func ask(t *testing.T, behind string, timeout time.Duration) string {
	t.Helper()
	z, err := ParseZooKeeper(ZooKeeperPrefix + behind)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	leader, err := z.Leader(ctx)
	if err != nil {
		return err.Error()
	}
	return PID(leader).Addr
}

func expect(t *testing.T, behind, want string) {
	t.Helper()
	if got := ask(t, behind, 30*time.Second); !strings.Contains(got, want) {
		t.Errorf("zk://%s: got %q, want %q in it", behind, got, want)
	}
}

// A real ZooKeeper names the leader: the first of those that announced themselves and are still there.
func TestZooKeeperNamesTheLeader(t *testing.T) {
	t.Parallel()
	server := zookeepertest.Start(t)
	masters := []*zk.Conn{server.Session(), server.Session()}
	everyone := zk.WorldACL(zk.PermAll)
	expect(t, server.Address+"/mesos", "path /mesos does not exist in ZooKeeper")
	for _, node := range []string{"/mesos", "/mesos/log_replicas"} {
		if _, err := masters[0].Create(node, nil, 0, everyone); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, server.Address+"/mesos", "no master leads at /mesos")
	announce(t, masters[0], "/mesos", first, everyone)
	announce(t, masters[1], "/mesos", second, everyone)
	expect(t, server.Address+"/mesos", "127.0.0.1:7251")

	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for _, others := range []string{"127.0.0.1:1,", "host.invalid,", mute.Addr().String() + ","} {
		expect(t, others+server.Address+"/mesos", "127.0.0.1:7251")
	}
	want := "zk://127.0.0.1:1,127.0.0.1:2/mesos: no ZooKeeper server answers"
	if got := ask(t, "127.0.0.1:1,127.0.0.1:2/mesos", time.Second); got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	masters[0].Close()
	expect(t, server.Address+"/mesos", "127.0.0.1:7252")
	masters[1].Close()
	expect(t, server.Address+"/mesos", "no master leads at /mesos")
}

// What only some may read is read by these.
func TestZooKeeperAsksWhoReads(t *testing.T) {
	t.Parallel()
	server := zookeepertest.Start(t)
	master := server.Session()
	owner := zk.DigestACL(zk.PermAll, "mesos", "s:e@cret")
	if err := master.AddAuth("digest", []byte("mesos:s:e@cret")); err != nil {
		t.Fatal(err)
	}
	if _, err := master.Create("/mesos", nil, 0, owner); err != nil {
		t.Fatal(err)
	}
	announce(t, master, "/mesos", first, owner)
	expect(t, server.Address+"/mesos", "reading this path requires a user; use zk://user:password@…")
	expect(t, "mesos:wrong@"+server.Address+"/mesos", "zk://mesos:…@"+server.Address+"/mesos: the user may not read this path")
	expect(t, "mesos:s:e@cret@"+server.Address+"/mesos", "127.0.0.1:7251")
}

// hungStore hangs up the server between two questions.
type hungStore struct {
	reader
	stop func() error
}

func (h hungStore) Get(path string) ([]byte, *zk.Stat, error) {
	if err := h.stop(); err != nil {
		return nil, nil, err
	}
	return h.reader.Get(path)
}

// A ZooKeeper that falls silent, before it is asked or between two questions, ends in an error in time.
func TestZooKeeperFallsSilent(t *testing.T) {
	t.Parallel()
	server := zookeepertest.Start(t)
	master := server.Session()
	if _, err := master.Create("/mesos", nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	announce(t, master, "/mesos", first, zk.WorldACL(zk.PermAll))

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	conn := server.Session()
	defer context.AfterFunc(ctx, conn.Close)()
	hung := hungStore{conn, func() error { return server.Stop() }}
	if got, err := leaderIn(hung, "/mesos"); err == nil {
		t.Errorf("got %s of a server that was stopped", got)
	}
	if got := ask(t, server.Address+"/mesos", time.Second); !strings.HasSuffix(got, "no ZooKeeper server answers") {
		t.Errorf("got %q", got)
	}
	if err := server.Continue(); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, server.Address+"/mesos", 30*time.Second); !strings.Contains(got, "127.0.0.1:7251") && !strings.Contains(got, "no master leads") {
		t.Errorf("after it went on: %s", got) // its sessions may have ended meanwhile
	}
}
