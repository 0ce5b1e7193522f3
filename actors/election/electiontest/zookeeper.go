// Package electiontest has a ZooKeeper for simulated clusters. It loses connections, and expires sessions late, when a
// test says so.
package electiontest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"meseta/actors/election"
	"meseta/runtime"
)

// ZooKeeper is a server. It is an actor of the simulated world, for the sake of its clock; the other methods may be
// called by a test between two steps.
type ZooKeeper struct {
	runtime.Actor
	// Timeout is what sessions are granted. It must be set before the first one.
	Timeout time.Duration
	// Late returns how much later than after Timeout a session expires that is not heard from. nil means at once.
	Late func() time.Duration
	// Flaky, if set, decides whether the connection is lost during an operation, which may have been carried out.
	Flaky func() (lost, done bool)
	// Patient makes the server say that it keeps sessions for longer than it does. Two masters may then lead at once.
	Patient bool

	nodes    map[string]*node
	sessions []*session // that have not expired, in the order of their beginning
	last     int64
}

type node struct {
	data  []byte
	owner int64 // 0: persistent
	acl   []zk.ACL
	next  int // number of the next sequential child
}

// New returns a server without nodes.
func New(timeout time.Duration) *ZooKeeper {
	return &ZooKeeper{Timeout: timeout, nodes: map[string]*node{}}
}

// Nodes returns the data of all nodes by path.
func (z *ZooKeeper) Nodes() map[string]string {
	all := map[string]string{}
	for path, n := range z.nodes {
		all[path] = string(n.data)
	}
	return all
}

// Client returns the network between a process and the server, as the process's ensemble.
func (z *ZooKeeper) Client() *Client { return &Client{server: z} }

// Client is the network between a process and the server.
type Client struct {
	server *ZooKeeper
	cut    bool
	open   []*session
}

// Cut cuts the process off from the server, until Heal.
func (c *Client) Cut() {
	if c.cut {
		return
	}
	c.cut = true
	for _, s := range c.open {
		s.disconnect()
	}
}

// Heal ends Cut.
func (c *Client) Heal() {
	if !c.cut {
		return
	}
	c.cut = false
	for _, s := range slices.Clone(c.open) {
		s.connect()
	}
}

// Die is the end of the process. Its sessions expire when their time is over.
func (c *Client) Die() {
	for _, s := range c.open {
		s.tell = func(zk.Event) {}
	}
	c.Cut()
	c.open = nil
}

// Expire has the server expire the sessions of the process at once, and tell it, unless it is cut off.
func (c *Client) Expire() {
	for _, s := range slices.Clone(c.open) {
		if s.connected {
			c.server.expire(s)
		}
	}
}

// Open implements [election.Ensemble].
func (c *Client) Open(_ context.Context, _ time.Duration, tell func(zk.Event)) (election.Session, error) {
	s := &session{client: c, tell: tell, watched: map[string]bool{}}
	c.open = append(c.open, s)
	if !c.cut {
		s.connect()
	}
	return s, nil
}

// session is a [election.Session].
type session struct {
	client    *Client
	tell      func(zk.Event)
	id        int64 // 0: no server has answered yet
	connected bool
	expired   bool // the server has forgotten it
	watched   map[string]bool
	missed    []string // changes while it was not connected
	expiry    runtime.Timer
}

func (s *session) state(state zk.State) { s.tell(zk.Event{Type: zk.EventSession, State: state}) }

func (s *session) connect() {
	z := s.client.server
	if s.expired {
		s.state(zk.StateExpired)
		return
	}
	if s.id == 0 {
		z.last++
		s.id = z.last
		z.sessions = append(z.sessions, s)
	}
	s.expiry.Cancel()
	s.connected = true
	s.state(zk.StateHasSession)
	for _, path := range s.missed {
		s.tell(zk.Event{Type: zk.EventNodeChildrenChanged, Path: path})
	}
	s.missed = nil
}

func (s *session) disconnect() {
	if !s.connected {
		return
	}
	z := s.client.server
	s.connected = false
	s.state(zk.StateDisconnected)
	wait := z.Timeout
	if z.Late != nil {
		wait += z.Late()
	}
	runtime.Tell(runtime.RefOf(z), func(z *ZooKeeper) {
		if !s.connected {
			s.expiry = z.Delay(wait, func() { z.expire(s) })
		}
	})
}

// expire forgets a session and what belongs to it.
func (z *ZooKeeper) expire(s *session) {
	if s.expired {
		return
	}
	s.expired = true
	z.sessions = slices.DeleteFunc(z.sessions, func(other *session) bool { return other == s })
	for _, path := range slices.Sorted(maps.Keys(z.nodes)) {
		if z.nodes[path].owner == s.id {
			delete(z.nodes, path)
			z.changed(parent(path))
		}
	}
	if s.connected {
		s.connected = false
		s.state(zk.StateExpired)
	}
}

// changed tells those that watch the children of path.
func (z *ZooKeeper) changed(path string) {
	for _, s := range z.sessions {
		switch {
		case !s.watched[path]:
			continue
		case s.connected:
			s.tell(zk.Event{Type: zk.EventNodeChildrenChanged, Path: path})
		default:
			s.missed = append(s.missed, path)
		}
		delete(s.watched, path)
	}
}

// does carries out an operation, unless the connection is lost.
func (s *session) does(operation func(z *ZooKeeper) error) error {
	z := s.client.server
	switch {
	case s.expired:
		return zk.ErrSessionExpired
	case !s.connected:
		return zk.ErrConnectionClosed
	case z.Flaky == nil:
		return operation(z)
	}
	lost, done := z.Flaky()
	if !lost {
		return operation(z)
	}
	if done {
		_ = operation(z) // nobody learns how it ended
	}
	s.disconnect()
	runtime.Tell(runtime.RefOf(z), func(z *ZooKeeper) { // another connection is made at once
		if !s.client.cut && !s.connected && slices.Contains(s.client.open, s) {
			s.connect()
		}
	})
	return zk.ErrConnectionClosed
}

// AddAuth implements [election.Session].
func (s *session) AddAuth(string, []byte) error { return s.does(func(*ZooKeeper) error { return nil }) }

// SessionID implements [election.Session].
func (s *session) SessionID() int64 { return s.id }

// Timeout implements [election.Session].
func (s *session) Timeout() time.Duration {
	if s.client.server.Patient {
		return 10 * s.client.server.Timeout
	}
	return s.client.server.Timeout
}

// Exists implements [election.Session].
func (s *session) Exists(path string) (there bool, _ *zk.Stat, _ error) {
	err := s.does(func(z *ZooKeeper) error {
		_, there = z.nodes[path]
		return nil
	})
	return there, nil, err
}

// Create implements [election.Session].
func (s *session) Create(path string, data []byte, flags int32, acl []zk.ACL) (string, error) {
	err := s.does(func(z *ZooKeeper) error {
		above, ok := z.nodes[parent(path)]
		if !ok && parent(path) != "" {
			return zk.ErrNoNode
		}
		n := &node{data: data, acl: acl}
		if flags&zk.FlagSequence != 0 {
			path += fmt.Sprintf("%010d", above.next)
		}
		if above != nil {
			above.next++ // every creation counts, as with the real one
		}
		if flags&zk.FlagEphemeral != 0 {
			n.owner = s.id
		}
		if z.nodes[path] != nil {
			return zk.ErrNodeExists
		}
		z.nodes[path] = n
		z.changed(parent(path))
		return nil
	})
	return path, err
}

// Get implements [election.Session].
func (s *session) Get(path string) (data []byte, stat *zk.Stat, err error) {
	err = s.does(func(z *ZooKeeper) error {
		n, ok := z.nodes[path]
		if !ok {
			return zk.ErrNoNode
		}
		data, stat = n.data, &zk.Stat{EphemeralOwner: n.owner}
		return nil
	})
	return data, stat, err
}

// Delete implements [election.Session].
func (s *session) Delete(path string, _ int32) error {
	return s.does(func(z *ZooKeeper) error {
		if _, ok := z.nodes[path]; !ok {
			return zk.ErrNoNode
		}
		z.Remove(path)
		return nil
	})
}

// ChildrenW implements [election.Session].
func (s *session) ChildrenW(path string) (names []string, _ *zk.Stat, _ <-chan zk.Event, _ error) {
	err := s.does(func(z *ZooKeeper) error {
		if _, ok := z.nodes[path]; !ok {
			return zk.ErrNoNode
		}
		for _, child := range slices.Sorted(maps.Keys(z.nodes)) {
			if parent(child) == path {
				names = append(names, strings.TrimPrefix(child, path+"/"))
			}
		}
		s.watched[path] = true
		return nil
	})
	return names, nil, nil, err
}

// Close implements [election.Session].
func (s *session) Close() {
	s.client.open = slices.DeleteFunc(s.client.open, func(other *session) bool { return other == s })
	s.tell = func(zk.Event) {}
	if s.connected { // or the server does not learn of it
		s.client.server.expire(s)
	}
}

// Remove removes a node, as an operator can.
func (z *ZooKeeper) Remove(path string) {
	delete(z.nodes, path)
	z.changed(parent(path))
}

func parent(path string) string { return path[:strings.LastIndexByte(path, '/')] }
