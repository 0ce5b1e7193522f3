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

// infoPrefix begins the names of the nodes by which masters announce themselves; the lowest number leads.
const infoPrefix = "json.info_"

// store is what of a ZooKeeper is read.
type store interface {
	Children(path string) ([]string, *zk.Stat, error)
	Get(path string) ([]byte, *zk.Stat, error)
}

// Leader asks the ZooKeeper which master leads.
func (z *ZooKeeper) Leader(ctx context.Context) (*mesospb.MasterInfo, error) {
	info, err := z.ask(ctx)
	switch {
	case err == nil:
		return info, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: no ZooKeeper answers there", z)
	case errors.Is(err, zk.ErrNoAuth) && z.credential == "":
		return nil, fmt.Errorf("%s: only some users may read that; should be zk://user:password@…", z)
	case errors.Is(err, zk.ErrNoAuth), errors.Is(err, zk.ErrAuthFailed):
		return nil, fmt.Errorf("%s: that user may not read it, or the password is wrong", z)
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
	defer context.AfterFunc(ctx, conn.Close)() // so that what is asked of a connection that is lost ends
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
		// A leader that went away in between, or a connection: the next one knows.
		again := errors.Is(err, errLeaderLeft) || errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrSessionExpired)
		if !again || ctx.Err() != nil {
			return info, err
		}
	}
}

const (
	sessionTimeout = 5 * time.Second
	firstWord      = time.Second // how long a server may take until it answers, when there may be others
)

// resolve returns the addresses of the servers. A name that is not known is left out if there are others.
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

// dialer leaves servers that take a connection and then say nothing, which the library would wait for.
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

// impatient is a connection that is closed unless something is heard from it soon.
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

// connected waits until the connection is usable, so that a ZooKeeper that is away ends in an error and not in waiting.
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

// errLeaderLeft says that the leader ended between two questions.
var errLeaderLeft = errors.New("the leader has left")

func leaderIn(s store, path string) (*mesospb.MasterInfo, error) {
	names, _, err := s.Children(path)
	if errors.Is(err, zk.ErrNoNode) {
		return nil, fmt.Errorf("there is no %s in this ZooKeeper", path)
	}
	if err != nil {
		return nil, fmt.Errorf("masters at %s: %w", path, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, infoPrefix) })
	if len(names) == 0 {
		return nil, fmt.Errorf("no master leads at %s", path)
	}
	leader := slices.Min(names) // the numbers have leading zeros
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
		return nil, fmt.Errorf("leader at %s/%s: it does not say its address", path, leader)
	}
	return info, nil
}

// silent is a logger of a library that has nothing to say to users.
type silent struct{}

func (silent) Printf(string, ...any) {}
