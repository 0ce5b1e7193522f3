package election

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	askTimeout = 5 * time.Second // of the session of a single question
	firstWord  = time.Second     // time for a server to answer before the next one is tried
)

// Servers returns the servers of z as an [Ensemble].
func (z *ZooKeeper) Servers() Ensemble { return servers{z} }

// servers is the [Ensemble] that is reached by TCP.
type servers struct{ zooKeeper *ZooKeeper }

// connection is a [Session] with [servers].
type connection struct {
	*zk.Conn
	granted atomic.Int64 // of the timeout, in nanoseconds
}

// Open implements [Ensemble]. The names of the servers are resolved anew for each session.
func (s servers) Open(ctx context.Context, timeout time.Duration, tell func(zk.Event)) (Session, error) {
	addresses, err := s.zooKeeper.resolve(ctx)
	if err != nil {
		return nil, err
	}
	c := &connection{}
	dial := func(network, address string, timeout time.Duration) (net.Conn, error) {
		conn, err := dialer(context.Background())(network, address, timeout)
		if err != nil {
			return nil, err
		}
		return &greeted{Conn: conn, granted: &c.granted}, nil
	}
	c.Conn, _, err = zk.Connect(addresses, timeout, zk.WithLogger(silent{}), zk.WithDialer(dial), zk.WithEventCallback(tell),
		zk.WithMaxBufferSize(maxPacket))
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // nobody is left to use it
		c.Close()
	}
	return c, ctx.Err()
}

// maxPacket bounds what a server may send at once, in bytes. Servers accept no larger packets themselves.
const maxPacket = 1 << 20

// Timeout implements [Session].
func (c *connection) Timeout() time.Duration { return time.Duration(c.granted.Load()) }

// greeted looks at the first packet of a server: at its length, for which the library would make room unseen, and at the
// granted timeout, which the library keeps for itself. The packet begins with its length, the version of the protocol,
// and the timeout in milliseconds, of four bytes each.
type greeted struct {
	net.Conn
	granted *atomic.Int64
	begin   []byte // up to 12 bytes
}

// Read implements [net.Conn].
func (g *greeted) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if n <= 0 || len(g.begin) == 12 {
		return n, err
	}
	g.begin = append(g.begin, b[:min(n, 12-len(g.begin))]...)
	if len(g.begin) >= 4 && binary.BigEndian.Uint32(g.begin) > maxPacket {
		return 0, errors.New("this is no ZooKeeper server")
	}
	if len(g.begin) == 12 {
		g.granted.Store(int64(time.Duration(int32(binary.BigEndian.Uint32(g.begin[8:]))) * time.Millisecond))
	}
	return n, err
}

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
