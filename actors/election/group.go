package election

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
)

// infoPrefix is the name prefix of the nodes by which masters announce themselves. The master with the lowest number
// leads.
const infoPrefix = "json.info_"

// store is the part of a ZooKeeper connection that is used to read.
type store interface {
	Children(path string) ([]string, *zk.Stat, error)
	Get(path string) ([]byte, *zk.Stat, error)
}

// Leader returns the master that leads according to ZooKeeper.
func (z *ZooKeeper) Leader(ctx context.Context) (*mesospb.MasterInfo, error) {
	info, err := z.ask(ctx)
	switch {
	case err == nil:
		return info, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: no ZooKeeper server answers", z)
	case errors.Is(err, zk.ErrNoAuth) && z.credential == "":
		return nil, fmt.Errorf("%s: reading this path requires a user; use zk://user:password@…", z)
	case errors.Is(err, zk.ErrNoAuth), errors.Is(err, zk.ErrAuthFailed):
		return nil, fmt.Errorf("%s: the user may not read this path, or the password is wrong", z)
	}
	return nil, fmt.Errorf("%s: %w", z, err)
}

func (z *ZooKeeper) ask(ctx context.Context) (*mesospb.MasterInfo, error) {
	servers, err := z.resolve(ctx)
	if err != nil {
		return nil, err
	}
	conn, events, err := zk.Connect(servers, sessionTimeout, zk.WithLogger(silent{}), zk.WithDialer(dialer(ctx)))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.Close)() // requests on a lost connection end with ctx
	if err := connected(ctx, events); err != nil {
		return nil, err
	}
	if z.credential != "" {
		if err := conn.AddAuth("digest", []byte(z.credential)); err != nil {
			return nil, err
		}
	}
	for {
		info, err := leaderIn(conn, z.path)
		// The leader or the connection went away in between. Another attempt sees the new state.
		again := errors.Is(err, errLeaderLeft) || errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrSessionExpired)
		if !again || ctx.Err() != nil {
			return info, err
		}
	}
}

const (
	sessionTimeout = 5 * time.Second
	firstWord      = time.Second // time for a server to answer before the next one is tried
)

// resolve returns the addresses of the servers. Names that cannot be resolved are skipped if other servers remain.
func (z *ZooKeeper) resolve(ctx context.Context) ([]string, error) {
	var servers []string
	var unknown error
	for _, server := range zk.FormatServers(z.servers) {
		host, port, err := net.SplitHostPort(server)
		if err != nil {
			return nil, err
		}
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		unknown = errors.Join(unknown, err)
		for _, address := range addresses {
			servers = append(servers, net.JoinHostPort(address, port))
		}
	}
	if len(servers) == 0 {
		return nil, unknown
	}
	return servers, nil
}

// dialer gives up on servers that accept a connection and then stay silent; the library would wait for them.
func dialer(ctx context.Context) zk.Dialer {
	return func(network, address string, timeout time.Duration) (net.Conn, error) {
		conn, err := net.DialTimeout(network, address, timeout)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, firstWord)
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		return &impatient{Conn: conn, heard: func() { stop(); cancel() }}, nil
	}
}

// impatient is a connection that is closed unless data arrives soon.
type impatient struct {
	net.Conn
	heard func()
}

func (c *impatient) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard()
	}
	return n, err
}

// connected waits until the connection is usable, so that an unreachable ZooKeeper causes an error instead of a hang.
func connected(ctx context.Context, events <-chan zk.Event) error {
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errLeaderLeft reports that the leader's node disappeared between listing and reading it.
var errLeaderLeft = errors.New("the leader has left")

func leaderIn(s store, path string) (*mesospb.MasterInfo, error) {
	names, _, err := s.Children(path)
	if errors.Is(err, zk.ErrNoNode) {
		return nil, fmt.Errorf("path %s does not exist in ZooKeeper", path)
	}
	if err != nil {
		return nil, fmt.Errorf("masters at %s: %w", path, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, infoPrefix) })
	if len(names) == 0 {
		return nil, fmt.Errorf("no master leads at %s", path)
	}
	leader := slices.Min(names) // the numbers are padded with zeros
	text, _, err := s.Get(path + "/" + leader)
	if errors.Is(err, zk.ErrNoNode) {
		return nil, errLeaderLeft
	}
	if err != nil {
		return nil, fmt.Errorf("leader at %s/%s: %w", path, leader, err)
	}
	info := &mesospb.MasterInfo{}
	if err := mesosjson.Unmarshal(json.RawMessage(text), info); err != nil {
		return nil, fmt.Errorf("leader at %s/%s: %w", path, leader, err)
	}
	if info.GetAddress().GetIp() == "" {
		return nil, fmt.Errorf("leader at %s/%s: its node has no address", path, leader)
	}
	return info, nil
}

// silent discards the ZooKeeper library's log.
type silent struct{}

func (silent) Printf(string, ...any) {}
