package election

import (
	"fmt"
	"strconv"
	"strings"
)

// ZooKeeperPrefix is the prefix of addresses that [ParseZooKeeper] accepts.
const ZooKeeperPrefix = "zk://"

// ZooKeeper is a group of masters that announce themselves in ZooKeeper, at zk://[user:password@]host:port,…/path.
type ZooKeeper struct {
	servers    []string
	credential string // user:password, or empty
	path       string // where masters announce themselves
}

// ParseZooKeeper parses zk://[user:password@]host:port,…/path.
//
// Mesos: zookeeper::URL::parse. net/url cannot parse it, since it may have several hosts and does not escape
// characters.
func ParseZooKeeper(s string) (*ZooKeeper, error) {
	behind, ok := strings.CutPrefix(s, ZooKeeperPrefix)
	z := parseZooKeeper(behind)
	if !ok || z == nil {
		return nil, fmt.Errorf("should be %s[user:password@]host:port,…/path, with a path such as /mesos", ZooKeeperPrefix)
	}
	return z, nil
}

// parseZooKeeper parses the part after zk://. It returns nil if s is invalid.
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

// String returns the address without the password, for messages.
func (z *ZooKeeper) String() string {
	user, _, ok := strings.Cut(z.credential, ":")
	if ok {
		user += ":…@"
	}
	return "zk://" + user + strings.Join(z.servers, ",") + z.path
}
