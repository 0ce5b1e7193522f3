package election

import (
	"time"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Election is the election of masters in ZooKeeper, as a [Detector] and a [Contender]. The two share a session.
type Election struct {
	node   *runtime.Node
	leader *Standalone
	group  runtime.Ref[*Group]
}

// Enter spawns a [Group] on node that follows the election at z. timeout is how long ZooKeeper should keep a session
// without hearing from it (--zk_session_timeout); the servers have bounds of their own.
func (z *ZooKeeper) Enter(node *runtime.Node, ensemble Ensemble, timeout time.Duration) (*Election, error) {
	leader := NewStandalone(nil)
	group, err := runtime.Spawn(node, node.NewID("zookeeper-group"), &Group{
		zooKeeper: z, ensemble: ensemble, timeout: timeout, leader: leader,
	})
	return &Election{node, leader, group}, err
}

// Detect implements [Detector].
func (e *Election) Detect(previous *mesospb.MasterInfo) runtime.Future[*mesospb.MasterInfo] {
	return e.leader.Detect(previous)
}

// Contend implements [Contender]. It fails while an earlier candidacy lasts.
func (e *Election) Contend(info *mesospb.MasterInfo) runtime.Future[runtime.Future[struct{}]] {
	return runtime.Ask(e.group, (*Group).contend, info)
}

// Close implements [Closer]. It ends the candidacy, if there is one, and the session.
func (e *Election) Close() { e.node.Terminate(e.group.PID()) }
