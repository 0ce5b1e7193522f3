package election

import (
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
)

// tree is a ZooKeeper's: the data of its nodes by path.
type tree map[string]string

func (t tree) Children(path string) ([]string, *zk.Stat, error) {
	var names []string
	for node := range t {
		if name, below := strings.CutPrefix(node, path+"/"); below && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil, nil, zk.ErrNoNode
	}
	return names, nil, nil
}

func (t tree) Get(path string) ([]byte, *zk.Stat, error) {
	data, ok := t[path]
	if !ok {
		return nil, nil, zk.ErrNoNode
	}
	return []byte(data), nil, nil
}

// announced is what two C++ masters announce.
var announced = tree{
	"/mesos/json.info_0000000003":    `{"address":{"hostname":"127.0.0.1","ip":"127.0.0.1","port":7252},"hostname":"127.0.0.1","id":"dbb8baab","ip":16777343,"pid":"master@127.0.0.1:7252","port":7252,"version":"1.12.0"}`,
	"/mesos/json.info_0000000002":    `{"address":{"hostname":"127.0.0.1","ip":"127.0.0.1","port":7251},"hostname":"127.0.0.1","id":"b7896588","ip":16777343,"pid":"master@127.0.0.1:7251","port":7251,"version":"1.12.0"}`,
	"/mesos/log_replicas":            "",
	"/mesos/log_replicas/0000000000": "log-replica(1)@127.0.0.1:7251",
	"/empty/log_replicas":            "",
	"/broken/json.info_0000000000":   "{",
}

func TestTheLowestNumberLeads(t *testing.T) {
	t.Parallel()
	if got, err := leaderIn(announced, "/mesos"); PID(got).String() != "master@127.0.0.1:7251" || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	for path, want := range map[string]string{
		"/empty": "no master leads", "/nowhere": "path /nowhere does not exist", "/broken": "json.info_0000000000",
	} {
		if got, err := leaderIn(announced, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want an error with %q", path, got, err, want)
		}
	}
}

func TestZooKeeperURLs(t *testing.T) {
	t.Parallel()
	z, err := ParseZooKeeper("zk://u:p@s@a:1,b/mesos")
	if err != nil || z.credential != "u:p@s" || len(z.servers) != 2 || z.path != "/mesos" {
		t.Errorf("got %+v, %v", z, err)
	}
	if text := z.String(); text != "zk://u:…@a:1,b/mesos" {
		t.Errorf("it reads %s", text)
	}
	for _, s := range []string{"", "a/mesos", "zk://", "zk://a", "zk:///mesos", "zk://a,,b/m", "zk://u@a/m", "zk://:p@a/m", "zk://a:x/m"} {
		if z, err := ParseZooKeeper(s); err == nil || !strings.Contains(err.Error(), "should be zk://") {
			t.Errorf("%q: got %v, %v", s, z, err)
		}
	}
}
