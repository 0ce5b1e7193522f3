package election

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-zookeeper/zk"

	"meseta/messages/pb/mesospb"
)

// round is one visit of a [Group] to ZooKeeper. It is work that blocks, and belongs to no actor.
type round struct {
	session   Session
	zooKeeper *ZooKeeper
	prove     bool   // the session has not proved yet who it belongs to
	candidate bool   // a master contends
	data      []byte // of the candidate's node
	node      string // the name of that node; empty if there is none yet
	unsure    bool   // an earlier attempt to create the node may have succeeded
	errand    errand
}

// sight is what a round found. It also tells how far a round came that failed.
type sight struct {
	leader   *mesospb.MasterInfo // nil if there is none
	problem  error               // why the node of the leader says nothing
	node     string              // the candidate's node; empty if it has none
	proved   bool
	creating bool // the creation of the node was begun
	replica  gathering
}

// run announces the candidate if it is not announced yet, and looks who leads.
func (r round) run() (s sight, err error) {
	s.node, s.proved, s.creating = r.node, !r.prove, r.unsure
	s.replica = gathering{pid: r.errand.pid, node: r.errand.node, creating: r.errand.unsure, known: r.errand.known}
	if r.prove && r.zooKeeper.credential != "" {
		if err := r.session.AddAuth("digest", []byte(r.zooKeeper.credential)); err != nil {
			return s, fmt.Errorf("prove to be the user of %s: %w", r.zooKeeper, err)
		}
	}
	s.proved = true
	if err := r.makePath(r.zooKeeper.path); err != nil {
		return s, err
	}
	if r.candidate && r.node == "" {
		if err := r.announce(&s); err != nil {
			return s, err
		}
	}
	if err := r.look(&s); err != nil {
		return s, err
	}
	return s, r.assemble(&s)
}

// access returns who may do what with the nodes that are made: the user everything and all others read, or, without a
// user, all everything.
//
// Mesos: EVERYONE_READ_CREATOR_ALL and ZOO_OPEN_ACL_UNSAFE.
func (r round) access() []zk.ACL {
	if r.zooKeeper.credential == "" {
		return zk.WorldACL(zk.PermAll)
	}
	return append(zk.WorldACL(zk.PermRead), zk.AuthACL(zk.PermAll)...)
}

// makePath creates the node at path and those above it, unless they exist.
//
// Mesos: GroupProcess::create.
func (r round) makePath(path string) error {
	there, _, err := r.session.Exists(path)
	if err != nil {
		return fmt.Errorf("look for %s: %w", path, err)
	}
	if there {
		return nil
	}
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		if err := r.makePath(path[:i]); err != nil {
			return err
		}
	}
	if _, err := r.session.Create(path, nil, 0, r.access()); err != nil && !errors.Is(err, zk.ErrNodeExists) {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// announce creates the candidate's node. A node that an earlier round created without learning of it is used.
//
// Mesos: GroupProcess::doJoin.
func (r round) announce(s *sight) (err error) {
	if r.unsure {
		if s.node, err = r.findOwn(r.zooKeeper.path, candidates, r.data); err != nil || s.node != "" {
			return err
		}
	}
	s.creating = true
	s.node, err = r.createSequential(r.zooKeeper.path+"/"+infoPrefix, r.data)
	return err
}

// createSequential creates a node whose name ends with a number and that lasts as long as the session, and returns its name.
func (r round) createSequential(prefix string, data []byte) (name string, err error) {
	path, err := r.session.Create(prefix, data, zk.FlagEphemeral|zk.FlagSequence, r.access())
	if err != nil {
		return "", fmt.Errorf("announce this master at %s: %w", prefix, err)
	}
	return path[strings.LastIndexByte(path, '/')+1:], nil
}

// findOwn returns the name of the node with some data that this session has created below path, if there is one. which
// chooses and sorts the names that come into question.
func (r round) findOwn(path string, which func([]string) []string, data []byte) (string, error) {
	names, _, _, err := r.session.ChildrenW(path)
	if err != nil {
		return "", fmt.Errorf("masters at %s: %w", path, err)
	}
	for _, name := range which(names) {
		content, stat, err := r.session.Get(path + "/" + name)
		switch {
		case errors.Is(err, zk.ErrNoNode):
		case err != nil:
			return "", fmt.Errorf("master at %s/%s: %w", path, name, err)
		case stat.EphemeralOwner == r.session.SessionID() && bytes.Equal(content, data):
			return name, nil
		}
	}
	return "", nil
}

// look finds the leader, and whether the candidate's node is still there. It looks again as often as the leader leaves
// while it looks.
func (r round) look(s *sight) error {
	for {
		names, _, _, err := r.session.ChildrenW(r.zooKeeper.path)
		if err != nil {
			return fmt.Errorf("masters at %s: %w", r.zooKeeper.path, err)
		}
		names = candidates(names)
		if !slices.Contains(names, s.node) {
			s.node = ""
		}
		switch again, err := r.outrank(names, s.node); {
		case err != nil:
			return err
		case again:
			continue
		case len(names) == 0:
			return nil
		}
		s.leader, err = announcedBy(r.session, r.zooKeeper.path+"/"+names[0])
		switch bad := (unreadable{}); {
		case errors.Is(err, errLeaderLeft):
		case errors.As(err, &bad):
			s.problem = err
			return nil
		default:
			return err
		}
	}
}
