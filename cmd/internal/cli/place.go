package cli

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// placeForms are the ways to say where the master is.
const placeForms = "host:port (several with commas between), zk://host:port,…/path, or file:// and a file with one of these"

// place is where masters are to be found: at addresses, of which any that answers will do, or named in a ZooKeeper.
type place struct {
	masters   []string // URLs
	zooKeeper *zooKeeper
}

// zooKeeper is what zk://[user:password@]host:port,…/path says.
type zooKeeper struct {
	servers    []string
	credential string // user:password, or empty
	path       string // where masters announce themselves
}

// parsePlace reads what --master says.
func parsePlace(s string) (place, error) {
	s = strings.TrimSpace(s)
	if file, ok := strings.CutPrefix(s, "file://"); ok {
		content, err := os.ReadFile(file)
		if err != nil {
			return place{}, fmt.Errorf("master %q: %w", s, err)
		}
		if strings.HasPrefix(strings.TrimSpace(string(content)), "file://") {
			return place{}, fmt.Errorf("master %q: the file names another file", s)
		}
		return parsePlace(string(content))
	}
	if rest, ok := strings.CutPrefix(s, "zk://"); ok {
		zk := parseZooKeeper(rest)
		if zk == nil {
			return place{}, fmt.Errorf("master %q: should be zk://[user:password@]host:port,…/path, with a path such as /mesos", s)
		}
		return place{zooKeeper: zk}, nil
	}
	var p place
	for one := range strings.SplitSeq(s, ",") {
		url := parseMaster(strings.TrimSpace(one))
		if url == "" {
			return place{}, fmt.Errorf("master %q: should be %s", s, placeForms)
		}
		p.masters = append(p.masters, url)
	}
	return p, nil
}

// parseMaster returns the URL of the master at [http(s)://|master@]host[:port], or "" if that is none.
func parseMaster(s string) string {
	scheme, address, ok := strings.Cut(s, "://")
	if !ok {
		scheme, address = "http", strings.TrimPrefix(s, "master@")
	}
	address = strings.TrimSuffix(address, "/")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), defaultPort
	}
	number, err := strconv.ParseUint(port, 10, 16)
	named := host != "" && !strings.ContainsAny(host, "/@[] \t") && (!strings.Contains(host, ":") || net.ParseIP(host) != nil)
	if (scheme != "http" && scheme != "https") || !named || err != nil || number == 0 {
		return ""
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// parseZooKeeper reads what follows zk://, or returns nil.
//
// Mesos: zookeeper::URL::parse. It is no URL of Go's: that has one host, and escapes.
func parseZooKeeper(s string) *zooKeeper {
	authority, path, _ := strings.Cut(s, "/")
	zk := &zooKeeper{path: "/" + strings.Trim(path, "/")}
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
func (z *zooKeeper) String() string {
	user, _, ok := strings.Cut(z.credential, ":")
	if ok {
		user += ":…@"
	}
	return "zk://" + user + strings.Join(z.servers, ",") + z.path
}
