package consensustest

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus"
	"meseta/actors/election"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// SessionTimeout is how long the ZooKeeper of a cluster keeps sessions that it does not hear from.
const SessionTimeout = 10 * time.Second

// zooKeeper is where masters announce themselves.
const zooKeeper = "zk://zk.example/mesos"

// enter begins a session with ZooKeeper, if the cluster has one.
func (n *Node) enter(o *consensus.Options) error {
	c := n.cluster
	if c.ZooKeeper == nil {
		return nil
	}
	z, err := election.ParseZooKeeper(zooKeeper)
	if err != nil {
		return err
	}
	n.Client = c.ZooKeeper.Client()
	e, err := z.Enter(n.node(), n.Client, SessionTimeout)
	o.Masters = nil
	o.ZooKeeper = &consensus.ZooKeeper{Election: e, Quorum: c.config.Quorum, Found: true, Patience: time.Minute}
	return err
}

// leave is the end of the process as ZooKeeper sees it.
func (n *Node) leave() {
	if n.Client != nil {
		n.Client.Die()
	}
}

// contend lets a master of the node take part in the election.
func (n *Node) contend(e consensus.Election) error {
	info := election.MasterInfo(runtime.PID{ID: "master", Addr: n.Addr})
	info.Id = proto.String(fmt.Sprintf("%s-%d", n.Addr, n.starts))
	n.Master = &Master{Info: info, node: n, election: e}
	_, err := runtime.Spawn(n.node(), "master", n.Master)
	return err
}

// Master is a master as far as its leadership goes: it contends, follows the leader, and its process ends when it no
// longer leads.
type Master struct {
	runtime.Actor
	Info   *mesospb.MasterInfo
	Leader *mesospb.MasterInfo // whom it takes for the leader

	node     *Node
	election consensus.Election
}

// Initialize implements [runtime.Initializer].
func (m *Master) Initialize() {
	m.contend()
	m.detect()
}

// Leads reports whether it takes itself for the leader.
func (m *Master) Leads() bool { return m.Leader != nil && m.Leader.GetId() == m.Info.GetId() }

func (m *Master) contend() {
	runtime.Await(m, m.election.Contend(m.Info), func(candidacy runtime.Future[struct{}], err error) {
		if err != nil {
			m.giveUp(err)
			return
		}
		runtime.Await(m, candidacy, func(_ struct{}, err error) {
			switch {
			case err != nil:
				m.giveUp(err)
			case m.Leads():
				m.giveUp(errors.New("the candidacy of the leader was lost"))
			default:
				m.contend()
			}
		})
	})
}

func (m *Master) detect() {
	runtime.Await(m, m.election.Detect(m.Leader), func(leader *mesospb.MasterInfo, err error) {
		led := m.Leads()
		switch m.Leader = leader; {
		case err != nil:
			m.giveUp(err)
		case led && !m.Leads():
			m.giveUp(errors.New("another master leads now, or none"))
		default:
			m.detect()
		}
	})
}

// giveUp is the end of the process, which may start again.
func (m *Master) giveUp(error) {
	if n := m.node; n.Up && n.Master == m {
		n.Up = false
		n.cluster.Exit(n.Addr)
		n.leave()
	}
}
