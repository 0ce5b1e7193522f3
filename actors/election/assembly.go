package election

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-zookeeper/zk"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// The nodes through which masters that share a registry find each other. Below log_replicas, each master has an ephemeral
// node with the PID of its replica, as in Mesos, so that operators and tools find what they know. Mesos's replicas skip
// log_group there and in the path above it, since its name ends with no number.
//
// Mesos: ZooKeeperNetwork, LogProcess, which are given path + "/log_replicas".
const (
	replicasNode  = "/log_replicas"
	agreementNode = "/log_group"
)

// Assembly is what ZooKeeper tells a master about the masters that share a registry with it.
type Assembly struct {
	// Connected reports whether ZooKeeper is known to hold a session of this process. If it is false, the rest is what was
	// known last.
	Connected bool
	// Present are the PIDs of all replicas, in the order in which they have come.
	Present []runtime.PID
	// Agreement is what [Election.Agree] has stored; nil: nothing.
	Agreement []byte
	// Leader is the master with the lowest node; nil: there is none.
	Leader *mesospb.MasterInfo
	// Broken is why ZooKeeper cannot be used any more, and nothing else will be told; nil: it can.
	Broken error
}

// replica is the part that this process takes in an assembly.
type replica struct {
	pid    runtime.PID
	node   string // the name of its node; empty until it is announced
	unsure bool   // whether the node was created is unknown
	known  map[string]runtime.PID
	tell   func(Assembly)
	told   Assembly

	proposal []byte          // what is to be agreed on; nil: nothing
	rivals   map[string]bool // the addresses of masters whose nodes have to go if they are before this one's
}

// Assemble announces the replica pid below log_replicas for as long as the process lives, and has tell called on a turn
// of the group with what is found there, now and whenever it changes. It must be called once, before anything is
// expected from the other methods that are about the assembly.
func (e *Election) Assemble(pid runtime.PID, tell func(Assembly)) {
	runtime.Tell(e.group, func(g *Group) {
		g.replica = &replica{pid: pid, tell: tell}
		if g.broken != nil {
			g.replica.broke(g.broken)
		}
		g.refresh()
	})
}

// Agree stores what the masters of the assembly agree on, in one step, unless something is stored already. What holds in
// the end is told as [Assembly.Agreement].
func (e *Election) Agree(content []byte) {
	runtime.Tell(e.group, func(g *Group) {
		g.replica.proposal = content
		g.refresh()
	})
}

// Outrank makes the candidate of this process the leader as ZooKeeper has it: as long as no other masters are given, the
// nodes of those at the given addresses, "ip:port", are removed if they are before the candidate's. The masters that live
// contend again, behind it.
func (e *Election) Outrank(addresses []string) {
	rivals := map[string]bool{}
	for _, a := range addresses {
		rivals[a] = true
	}
	runtime.Tell(e.group, func(g *Group) {
		g.replica.rivals = rivals
		g.refresh()
	})
}

// forget notes that the session has ended, and the node with it.
func (r *replica) forget() {
	if r == nil {
		return
	}
	r.node, r.unsure = "", false
	r.told.Connected = false
	r.tell(r.told)
}

// broke tells that ZooKeeper cannot be used any more.
func (r *replica) broke(why error) {
	if r != nil {
		r.told.Connected, r.told.Broken = false, why
		r.tell(r.told)
	}
}

// saw handles what a round found. It reports whether another round is necessary, since somebody has removed the node.
func (r *replica) saw(s *sight) (again bool) {
	if r == nil || s.replica.pid != r.pid {
		return false // the round was begun before there was a replica
	}
	r.node, r.unsure, r.known = s.replica.node, s.replica.creating && s.replica.node == "", s.replica.known
	if s.replica.agreement != nil {
		r.proposal = nil
	}
	if !s.replica.complete {
		return false
	}
	now := Assembly{Connected: true, Present: s.replica.present, Agreement: s.replica.agreement, Leader: s.leader}
	if t := r.told; t.Connected && slices.Equal(t.Present, now.Present) && bytes.Equal(t.Agreement, now.Agreement) && same(t.Leader, now.Leader) {
		return r.node == ""
	}
	r.told = now
	r.tell(now)
	return r.node == ""
}

// errand is what a round has to do for the replica of its process.
type errand struct {
	pid      runtime.PID // zero: there is none
	node     string      // the name of its node; empty if there is none yet
	unsure   bool        // an earlier attempt to create the node may have succeeded
	known    map[string]runtime.PID
	proposal []byte
	rivals   map[string]bool
}

func (r *replica) errand() errand {
	if r == nil {
		return errand{}
	}
	return errand{r.pid, r.node, r.unsure, r.known, r.proposal, r.rivals}
}

// gathering is what a round found about the assembly.
type gathering struct {
	pid       runtime.PID
	node      string
	creating  bool
	known     map[string]runtime.PID // the replicas, by the names of their nodes
	present   []runtime.PID
	agreement []byte
	complete  bool // the round has looked at everything
}

// assemble announces the replica if it is not announced yet, agrees, and looks who is there.
func (r round) assemble(s *sight) error {
	e, path := r.errand, r.zooKeeper.path+replicasNode
	if e.pid == (runtime.PID{}) {
		return nil
	}
	if err := r.makePath(path); err != nil {
		return err
	}
	if err := r.agree(&s.replica); err != nil {
		return err
	}
	if err := r.joins(path, &s.replica); err != nil {
		return err
	}
	names, _, _, err := r.session.ChildrenW(path)
	if err != nil {
		return fmt.Errorf("replicas at %s: %w", path, err)
	}
	if !slices.Contains(names, s.replica.node) {
		s.replica.node = "" // somebody has removed it: the next round makes another
	}
	if err := r.meet(path, names, &s.replica); err != nil {
		return err
	}
	s.replica.complete = true
	return nil
}

// agree reads what was agreed on, after it has stored what is proposed. What stands is not changed.
func (r round) agree(g *gathering) (err error) {
	path := r.zooKeeper.path + agreementNode
	if r.errand.proposal != nil {
		_, err := r.session.Create(path, r.errand.proposal, 0, r.access())
		if err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return fmt.Errorf("create %s: %w", path, err)
		}
	}
	g.agreement, _, err = r.session.Get(path)
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// joins creates the node of the replica, unless there is one.
func (r round) joins(path string, g *gathering) (err error) {
	if g.node != "" {
		return nil
	}
	content := []byte(r.errand.pid.String())
	if r.errand.unsure {
		if g.node, err = r.findOwn(path, replicas, content); err != nil || g.node != "" {
			return err
		}
	}
	g.creating = true
	g.node, err = r.createSequential(path+"/", content)
	return err
}

// meet reads the nodes of replicas that are not known yet.
func (r round) meet(path string, names []string, g *gathering) error {
	known := map[string]runtime.PID{}
	for _, name := range replicas(names) {
		pid, ok := g.known[name]
		if !ok {
			content, _, err := r.session.Get(path + "/" + name)
			switch {
			case errors.Is(err, zk.ErrNoNode):
				continue
			case err != nil:
				return fmt.Errorf("replica at %s/%s: %w", path, name, err)
			}
			if pid, err = runtime.ParsePID(string(content)); err != nil {
				continue // none of ours, nor of Mesos's
			}
		}
		known[name] = pid
		g.present = append(g.present, pid)
	}
	g.known = known
	return nil
}

// replicas returns the names of nodes that are numbers, the lowest first. They are padded with zeros.
func replicas(names []string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "" || strings.Trim(name, "0123456789") != "" })
	slices.Sort(names)
	return names
}

// outrank removes the nodes of rivals before the candidate's own, and reports whether there were any. That of a master that
// was the leader's predecessor may stay for long, if ZooKeeper expires its session late. A round that was begun by a leader
// that has been replaced since may remove the node of its successor, which then has to contend again: who may write does
// not depend on these nodes.
func (r round) outrank(names []string, own string) (found bool, err error) {
	if len(r.errand.rivals) == 0 || own == "" {
		return false, nil
	}
	for _, name := range names {
		if name >= own {
			break
		}
		node := r.zooKeeper.path + "/" + name
		info, err := announcedBy(r.session, node)
		if bad := (unreadable{}); errors.As(err, &bad) || errors.Is(err, errLeaderLeft) || err == nil && !r.errand.rivals[PID(info).Addr] {
			continue
		}
		if err == nil {
			err = r.session.Delete(node, -1)
		}
		if err != nil && !errors.Is(err, zk.ErrNoNode) {
			return false, fmt.Errorf("remove the node %s of a master that does not lead: %w", node, err)
		}
		found = true
	}
	return found, nil
}
