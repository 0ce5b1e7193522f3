package cli

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"meseta/actors/election"
)

// placeForms are the ways to say where the master is.
const placeForms = "host:port (several with commas between), zk://host:port,…/path, or file:// and a file with one of these"

// place is where masters are to be found: at addresses, of which any that answers will do, or named in a ZooKeeper.
type place struct {
	masters   []string // URLs
	zooKeeper *election.ZooKeeper
}

// parsePlace reads what --master says.
func parsePlace(s string) (place, error) {
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
		url := parseMaster(strings.TrimSpace(one))
		if url == "" {
			return place{}, fmt.Errorf("master %q: should be %s", named, placeForms)
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
