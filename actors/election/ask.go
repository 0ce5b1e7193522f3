package election

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-zookeeper/zk"

	"meseta/messages/pb/mesospb"
)

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
	conn, events, err := zk.Connect(servers, askTimeout, zk.WithLogger(silent{}), zk.WithDialer(dialer(ctx)))
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
