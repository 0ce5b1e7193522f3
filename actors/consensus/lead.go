package consensus

import (
	"go.etcd.io/raft/v3"

	"meseta/actors/election"
	"meseta/messages/pb/consensuspb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// lead is what a member knows of the leadership.
type lead struct {
	term      uint64 // in which this member leads; 0: it does not
	begun     uint64 // the latest term of which an entry is committed
	told      bool   // what those that wait in watches know
	watches   []runtime.Promise[bool]
	announced uint64                      // the term in which this member has announced itself
	eligible  []runtime.Promise[struct{}] // candidacies that wait until this member may lead the cluster
	known     *mesospb.MasterInfo         // what the detector says
}

// committed notes that an entry of a term is committed.
func (l *lead) committed(term uint64) { l.begun = max(l.begun, term) }

// Leads reports whether the member leads and its term has begun.
func (m *Member) Leads() bool {
	if m.raft == nil || m.ended {
		return false
	}
	s := m.raft.BasicStatus()
	return s.RaftState == raft.StateLeader && m.lead.begun == s.GetTerm()
}

// observe looks at what has become of the leadership.
func (m *Member) observe() {
	l, term := &m.lead, uint64(0)
	if m.raft.BasicStatus().RaftState == raft.StateLeader {
		term = m.raft.BasicStatus().GetTerm()
	}
	if l.term != term {
		l.term = term
		m.proposals.fail(ErrLost) // of the term before
		m.meeting.absent, m.reforms, m.settling = nil, false, settling{}
	}
	l.tell(m.Leads())
	m.detect()
	m.announce()
	m.settle()
	m.meeting.outrank()
	m.admit()
}

// admit completes what waits until this member may lead the cluster.
func (m *Member) admit() {
	if len(m.lead.eligible) == 0 || !m.meeting.eligible() {
		return
	}
	waiting := m.lead.eligible
	m.lead.eligible = nil
	for _, w := range waiting {
		w.Set(struct{}{})
	}
}

// lose is the end of all that a member leads.
func (l *lead) lose(m *Member) {
	l.term = 0
	l.tell(false)
	m.options.Leader.Appoint(nil)
}

// tell completes the futures of those that know otherwise.
func (l *lead) tell(leads bool) {
	if l.told == leads {
		return
	}
	l.told = leads
	watches := l.watches
	l.watches = nil
	for _, w := range watches {
		w.Set(leads)
	}
}

// Leading completes with whether this member leads as soon as that differs from previous.
func (m *Member) Leading(previous bool) runtime.Future[bool] {
	if m.lead.told != previous {
		return runtime.Ready(m.lead.told)
	}
	w := runtime.Owe[bool](m)
	m.lead.watches = append(m.lead.watches, w)
	return w.Future()
}

// Leading calls [Member.Leading] on a turn of the member that ref refers to.
func Leading(ref runtime.Ref[*Member], previous bool) runtime.Future[bool] {
	return runtime.Ask(ref, (*Member).Leading, previous)
}

// announce has the group know the leader's description.
func (m *Member) announce() {
	if m.candidate == nil || !m.Leads() || m.lead.announced == m.lead.term {
		return
	}
	m.lead.announced = m.lead.term
	runtime.Await(m, m.submit(&consensuspb.Command{What: &consensuspb.Command_Announcement{
		Announcement: &consensuspb.Announcement{Member: m.self.Id, Term: m.lead.term, Info: m.candidate},
	}}), func(_ struct{}, err error) {
		if err != nil && m.Leads() { // it was dropped
			m.lead.announced = 0
			m.announce()
		}
	})
}

// detect tells the detector who leads: the member that has announced itself in the term that is.
func (m *Member) detect() {
	s, a := m.raft.BasicStatus(), m.group.announcement
	var leader *mesospb.MasterInfo
	if s.Lead != 0 && a.GetMember() == s.Lead && a.GetTerm() == s.GetTerm() {
		leader = a.GetInfo()
	}
	leader = m.meeting.leaderOf(leader)
	if leader != m.lead.known {
		m.lead.known = leader
		m.options.Leader.Appoint(leader)
	}
}

// contend makes info what the member announces when it leads. The future completes when it is one of those that may lead: were
// a master that waits for a place named by ZooKeeper, nobody would lead.
func (m *Member) contend(info *mesospb.MasterInfo) runtime.Future[struct{}] {
	m.candidate = info
	w := runtime.Owe[struct{}](m)
	m.lead.eligible = append(m.lead.eligible, w)
	if m.raft != nil {
		m.announce()
		m.admit()
	}
	return w.Future()
}

// Election is how a master takes part in the election among the members of its group.
type Election struct {
	*election.Standalone // detects what the member announces; it is the Leader of its options
	Member               runtime.Ref[*Member]
	ZooKeeper            *election.Election // where the candidacy is announced, too; nil: nowhere
}

var (
	_ election.Contender = Election{}
	_ election.Detector  = Election{}
)

// Contend implements [election.Contender]. Without ZooKeeper the candidacy is never lost: a member that gives up ends its
// master.
func (e Election) Contend(info *mesospb.MasterInfo) runtime.Future[runtime.Future[struct{}]] {
	eligible := runtime.Ask(e.Member, (*Member).contend, info)
	if e.ZooKeeper != nil {
		return runtime.Flatten(runtime.Then(eligible, func(struct{}) (runtime.Future[runtime.Future[struct{}]], error) {
			return e.ZooKeeper.Contend(info), nil
		}))
	}
	return runtime.Then(eligible, func(struct{}) (runtime.Future[struct{}], error) {
		return runtime.NewPromise[struct{}]().Future(), nil
	})
}
