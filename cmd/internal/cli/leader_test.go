package cli

import (
	"fmt"
	"os"
	"path/filepath"
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
	if got, err := leaderIn(announced, "/mesos"); got != "127.0.0.1:7251" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for path, want := range map[string]string{
		"/empty": "no master leads", "/nowhere": "there is no /nowhere", "/broken": "json.info_0000000000",
	} {
		if got, err := leaderIn(announced, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v, want an error with %q", path, got, err, want)
		}
	}
}

func TestPlacesOfMasters(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "zk")
	if err := os.WriteFile(file, []byte("zk://a:1,b/mesos\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]string{
		"10.0.0.1": "http://10.0.0.1:5050", "m": "http://m:5050", " m:1\n": "http://m:1", "http://m:1/": "http://m:1",
		"https://m": "https://m:5050", "[::1]:5": "http://[::1]:5", "[::1]": "http://[::1]:5050", "master@m:1": "http://m:1",
		"a:1,b": "http://a:1 http://b:5050", "a, https://b": "http://a:5050 https://b:5050",
		"zk://a:1,b:2/mesos/": "zk://a:1,b:2/mesos", "zk://a/m/n": "zk://a/m/n",
		"zk://u:p@s:/@a:1,b/mesos": "", "zk://u:p@s@a:1,b/mesos": "zk://u:…@a:1,b/mesos", "file://" + file: "zk://a:1,b/mesos",
		"": "", "a,": "", "a:0": "", "a:99999": "", "a:b": "", "a b": "", "a:1:2": "", "ftp://a": "", "http://a/b": "", "file:///nowhere/at-all": "",
		"zk://": "", "zk://a": "", "zk://a/": "", "zk:///mesos": "", "zk://a,,b/m": "", "zk://u@a/m": "", "zk://:p@a/m": "",
	} {
		p, err := parsePlace(s)
		got := strings.Join(p.masters, " ")
		if p.zooKeeper != nil {
			got = p.zooKeeper.String()
		}
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", s, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%q", strings.TrimSpace(s))) {
			t.Errorf("%q: the error does not name it: %v", s, err)
		}
	}
	if zk := parseZooKeeper("u:p@s@a:1,b/mesos"); zk.credential != "u:p@s" || len(zk.servers) != 2 {
		t.Errorf("got %+v", zk)
	}
}
