package election

import (
	"fmt"
	"strconv"
	"strings"
)

// ZooKeeperPrefix begins what names a [ZooKeeper].
const ZooKeeperPrefix = "zk://"

// ZooKeeper is a group of masters in a ZooKeeper, as zk://[user:password@]host:port,…/path names it.
type ZooKeeper struct {
	servers    []string
	credential string // user:password, or empty
	path       string // where masters announce themselves
}

// ParseZooKeeper reads zk://[user:password@]host:port,…/path.
//
// Mesos: zookeeper::URL::parse. It is no URL of Go's: that has one host, and escapes.
func ParseZooKeeper(s string) (*ZooKeeper, error) {
	behind, ok := strings.CutPrefix(s, ZooKeeperPrefix)
	z := parseZooKeeper(behind)
	if !ok || z == nil {
		return nil, fmt.Errorf("should be %s[user:password@]host:port,…/path, with a path such as /mesos", ZooKeeperPrefix)
	}
	return z, nil
}

// parseZooKeeper reads what follows zk://, or returns nil.
func parseZooKeeper(s string) *ZooKeeper {
	authority, path, _ := strings.Cut(s, "/")
	zk := &ZooKeeper{path: "/" + strings.Trim(path, "/")}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		zk.credential, authority = authority[:at], authority[at+1:]
		if user, _, ok := strings.Cut(zk.credential, ":"); !ok || user == "" {
			return nil
		}
	}
	zk.servers = strings.Split(authority, ",")
	for _, server := range zk.servers {
		host, port, ok := strings.Cut(server, ":")
		if _, err := strconv.ParseUint(port, 10, 16); host == "" || strings.ContainsAny(host, " \t") || (ok && err != nil) {
			return nil
		}
	}
	if zk.path == "/" {
		return nil
	}
	return zk
}

// String hides the password, as it is printed in messages.
func (z *ZooKeeper) String() string {
	user, _, ok := strings.Cut(z.credential, ":")
	if ok {
		user += ":…@"
	}
	return "zk://" + user + strings.Join(z.servers, ",") + z.path
}
