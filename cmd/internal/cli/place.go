package cli

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"meseta/actors/election"
)

// placeForms describes the forms of --master.
const placeForms = "host:port (several separated by commas), zk://host:port,…/path, or file:// and the path of a file with one of these"

// place is where to find the leading master: at addresses of masters, any of which will do, or in ZooKeeper.
type place struct {
	masters   []string // URLs
	zooKeeper *election.ZooKeeper
}

// parsePlace parses the value of --master. Masters that are named without a scheme are reached by the given one.
func parsePlace(s, scheme string) (place, error) {
	named := strings.TrimSpace(s)
	s, err := election.ReadSpec(named)
	if err != nil {
		return place{}, fmt.Errorf("master %q: %w", named, err)
	}
	if strings.HasPrefix(s, election.ZooKeeperPrefix) {
		zk, err := election.ParseZooKeeper(s)
		if err != nil {
			return place{}, fmt.Errorf("master %q: %w", named, err)
		}
		return place{zooKeeper: zk}, nil
	}
	var p place
	for one := range strings.SplitSeq(s, ",") {
		url := parseMaster(strings.TrimSpace(one), scheme)
		if url == "" {
			return place{}, fmt.Errorf("master %q is not %s", named, placeForms)
		}
		p.masters = append(p.masters, url)
	}
	return p, nil
}

// parseMaster returns the URL of the master at [http(s)://|master@]host[:port], by the usual scheme if it names none, or "" if s is invalid.
func parseMaster(s, usual string) string {
	scheme, address, ok := strings.Cut(s, "://")
	if !ok {
		scheme, address = usual, strings.TrimPrefix(s, "master@")
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
