package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"meseta/messages/mesosjson"
	"meseta/messages/mesospb"
)

// infoPrefix begins the names of the nodes by which masters announce themselves; the lowest number leads.
const infoPrefix = "json.info_"

// parseMaster checks where --master says the master is: host, host:port, http(s)://host:port or zk://hosts/path.
func parseMaster(s string) (string, error) {
	if strings.HasPrefix(s, "zk://") {
		return s, nil
	}
	address := strings.TrimPrefix(strings.TrimPrefix(s, "http://"), "https://")
	scheme := strings.TrimSuffix(s, address)
	address = strings.TrimSuffix(address, "/")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, "5050"
	}
	if host == "" || strings.ContainsAny(host, "/@ ") {
		return "", fmt.Errorf("master %q: should be host:port or zk://host:port,…/path", s)
	}
	return scheme + net.JoinHostPort(host, port), nil
}

// store is what of a ZooKeeper is read.
type store interface {
	Children(path string) ([]string, *zk.Stat, error)
	Get(path string) ([]byte, *zk.Stat, error)
}

// leaderAt asks the ZooKeeper that s names, zk://[user:password@]host:port,…/path, who leads.
func leaderAt(ctx context.Context, s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || len(u.Path) < 2 {
		return "", fmt.Errorf("master %q: should be zk://host:port,…/path", s)
	}
	conn, events, err := zk.Connect(strings.Split(u.Host, ","), 5*time.Second, zk.WithLogger(silent{}))
	if err != nil {
		return "", fmt.Errorf("master %s: %w", s, err)
	}
	defer conn.Close()
	if err := connected(ctx, events); err != nil {
		return "", fmt.Errorf("master %s: %w", s, err)
	}
	if u.User != nil {
		if err := conn.AddAuth("digest", []byte(u.User.String())); err != nil {
			return "", fmt.Errorf("master %s: %w", s, err)
		}
	}
	return leaderIn(conn, strings.TrimSuffix(u.Path, "/"))
}

// connected waits until the connection is usable, so that a ZooKeeper that is away ends in an error and not in waiting.
func connected(ctx context.Context, events <-chan zk.Event) error {
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return nil
			}
		case <-ctx.Done():
			return errors.New("no ZooKeeper answers there")
		}
	}
}

func leaderIn(s store, path string) (string, error) {
	names, _, err := s.Children(path)
	if err != nil {
		return "", fmt.Errorf("masters at %s: %w", path, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, infoPrefix) })
	if len(names) == 0 {
		return "", fmt.Errorf("no master leads at %s", path)
	}
	leader := slices.Min(names) // the numbers have leading zeros
	text, _, err := s.Get(path + "/" + leader)
	if err != nil {
		return "", fmt.Errorf("leader at %s/%s: %w", path, leader, err)
	}
	info := &mesospb.MasterInfo{}
	if err := mesosjson.Unmarshal(json.RawMessage(text), info); err != nil {
		return "", fmt.Errorf("leader at %s/%s: %w", path, leader, err)
	}
	return net.JoinHostPort(info.GetAddress().GetIp(), fmt.Sprint(info.GetAddress().GetPort())), nil
}

// silent is a logger of a library that has nothing to say to users.
type silent struct{}

func (silent) Printf(string, ...any) {}
