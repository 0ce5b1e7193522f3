package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
		p, err := parsePlace(s, "http")
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
}
