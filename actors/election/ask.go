package election

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-zookeeper/zk"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Leader returns the master that leads according to ZooKeeper.
func (z *ZooKeeper) Leader(ctx context.Context) (*mesospb.MasterInfo, error) {
	return query(ctx, z, func(conn *zk.Conn, path string) (*mesospb.MasterInfo, error) { return leaderIn(conn, path) })
}

// Replicas returns where those are that share a registry, or the log of C++ masters, whether one of them leads or not.
func (z *ZooKeeper) Replicas(ctx context.Context) ([]runtime.PID, error) {
	return query(ctx, z, replicasIn)
}

func replicasIn(conn *zk.Conn, path string) ([]runtime.PID, error) {
	names, _, err := conn.Children(path + replicasNode)
	if err != nil {
		return nil, err
	}
	var all []runtime.PID
	for _, name := range names {
		text, _, err := conn.Get(path + replicasNode + "/" + name)
		if pid, bad := runtime.ParsePID(string(text)); err == nil && bad == nil { // it may have left
			all = append(all, pid)
		}
	}
	return all, nil
}

// query reads something below the path in ZooKeeper.
func query[T any](ctx context.Context, z *ZooKeeper, read func(*zk.Conn, string) (T, error)) (none T, err error) {
	found, err := queryOnce(ctx, z, read)
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return none, fmt.Errorf("%s: no ZooKeeper server answers", z)
	case errors.Is(err, zk.ErrNoAuth) && z.credential == "":
		return none, fmt.Errorf("%s: reading this path requires a user; use zk://user:password@…", z)
	case errors.Is(err, zk.ErrNoAuth), errors.Is(err, zk.ErrAuthFailed):
		return none, fmt.Errorf("%s: the user may not read this path, or the password is wrong", z)
	}
	return none, fmt.Errorf("%s: %w", z, err)
}

func queryOnce[T any](ctx context.Context, z *ZooKeeper, read func(*zk.Conn, string) (T, error)) (none T, err error) {
	servers, err := z.resolve(ctx)
	if err != nil {
		return none, err
	}
	conn, events, err := zk.Connect(servers, askTimeout, zk.WithLogger(silent{}), zk.WithDialer(dialer(ctx)))
	if err != nil {
		return none, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.Close)() // requests on a lost connection end with ctx
	if err := connected(ctx, events); err != nil {
		return none, err
	}
	if z.credential != "" {
		if err := conn.AddAuth("digest", []byte(z.credential)); err != nil {
			return none, err
		}
	}
	for {
		found, err := read(conn, z.path)
		// The leader or the connection went away in between. Another attempt sees the new state.
		again := errors.Is(err, errLeaderLeft) || errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrSessionExpired)
		if !again || ctx.Err() != nil {
			return found, err
		}
	}
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

// silent discards the ZooKeeper library's log.
type silent struct{}

func (silent) Printf(string, ...any) {}
