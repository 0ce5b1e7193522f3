package election

import (
	"context"
	"time"

	"github.com/go-zookeeper/zk"
)

// Ensemble is the servers of a ZooKeeper. The real ones are behind [ZooKeeper.Servers]; package electiontest has some
// that run in the simulator.
type Ensemble interface {
	// Open begins a session. It does not wait for a server to answer. Everything that happens to the session is told,
	// on any goroutine, until the session is closed.
	Open(ctx context.Context, timeout time.Duration, tell func(zk.Event)) (Session, error)
}

// Session is a session with ZooKeeper. Its methods block until a server has answered or the connection is lost, and
// fail with the errors of package zk.
type Session interface {
	AddAuth(scheme string, auth []byte) error
	Exists(path string) (bool, *zk.Stat, error)
	Create(path string, data []byte, flags int32, acl []zk.ACL) (string, error)
	Get(path string) ([]byte, *zk.Stat, error)
	Delete(path string, version int32) error
	// ChildrenW leaves a watch: the next change of the children is told.
	ChildrenW(path string) ([]string, *zk.Stat, <-chan zk.Event, error)
	SessionID() int64
	// Timeout returns how long the servers keep the session without hearing from it: what they granted of what was
	// asked for, or 0 before the first of them has answered.
	Timeout() time.Duration
	// Close ends the session. It may block for a second.
	Close()
}
