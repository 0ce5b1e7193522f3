// Package membership is an agent's place in its cluster: who the agent is, what it has, which master leads, and how far the
// agent is in joining it. The agent's conversations share it; package registration moves it on.
package membership

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/ledger"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// State is how far an agent is in joining its cluster.
//
// Mesos: Slave::State.
type State int

// An agent begins as Recovering. It is Disconnected and Running in turn as masters come and go; Terminating is for good.
const (
	Recovering   State = iota // it finds out what it is, and lets nobody in
	Disconnected              // no master knows of this run of the agent
	Running                   // registered
	Terminating               // asked to shut down; it waits for its executors to end
)

func (s State) String() string {
	return [...]string{"recovering", "disconnected", "running", "terminating"}[s]
}

// Membership is an agent's place in its cluster. It belongs to the agent's actor and may be used only on its turns. A new one
// is Recovering, knows nothing of the agent, and no leader.
type Membership struct {
	*runtime.Actor // the agent's
	state          State
	info           *mesospb.SlaveInfo // replaced, never changed: it travels
	ledger         ledger.Ledger      // what the agent has; what a master offers must be of its version
	leader         *mesospb.MasterInfo
	master         runtime.PID
}

// New returns the membership of the agent that is actor.
func New(actor *runtime.Actor) *Membership { return &Membership{Actor: actor} }

// State is how far the agent is.
func (m *Membership) State() State { return m.state }

// Info describes the agent; nil while it is Recovering, and without an id before it has registered for the first time. It is
// never changed, but replaced.
func (m *Membership) Info() *mesospb.SlaveInfo { return m.info }

// ID is what the master calls the agent; empty before it has registered for the first time.
func (m *Membership) ID() ids.Agent { return ids.AgentOf(m.info.GetId()) }

// ResourceVersion is of what the agent has now.
func (m *Membership) ResourceVersion() *mesospb.UUID { return m.ledger.ResourceVersion }

// Ledger is what the agent has.
func (m *Membership) Ledger() *ledger.Ledger { return &m.ledger }

// Leader is the master that leads; nil: nobody does.
func (m *Membership) Leader() *mesospb.MasterInfo { return m.leader }

// Master is where the leader is; zero: nobody leads.
func (m *Membership) Master() runtime.PID { return m.master }

// FromMaster reports whether a message comes from the master that leads; what others say in its place is ignored.
func (m *Membership) FromMaster(from runtime.PID, what string) bool {
	if from == m.master && !from.IsZero() {
		return true
	}
	m.Log().Warn().Stringer("from", from).Stringer("master", m.master).Str("what", what).
		Msg("ignored: not from the leading master")
	return false
}

// SendMaster sends a message to the master that leads. If nobody does, the message is lost.
func (m *Membership) SendMaster(x proto.Message) {
	if !m.master.IsZero() {
		m.Send(m.master, x)
	}
}

// ---- what changes it ----

// Recovered makes the agent what info says, with a fresh version of its resources.
func (m *Membership) Recovered(info *mesospb.SlaveInfo) {
	m.info = info
	m.ledger = ledger.New(info.GetResources(), nil, &mesospb.UUID{Value: ids.NewUUID(m.Rand()).Bytes()})
	m.disconnect()
}

// Follow makes leader the one whose word counts; nil: nobody's does. It does not know of the agent yet.
func (m *Membership) Follow(leader *mesospb.MasterInfo) {
	m.leader, m.master = leader, election.PID(leader)
	m.disconnect()
}

func (m *Membership) disconnect() {
	if m.state != Terminating {
		m.state = Disconnected
	}
}

// Register makes the agent a Running one, under the id that its master has given it.
func (m *Membership) Register(id ids.Agent) {
	if m.ID() != id {
		m.info = proto.CloneOf(m.info)
		m.info.Id = id.Proto()
	}
	m.state = Running
}

// End makes the agent one that is Terminating, for good.
func (m *Membership) End() { m.state = Terminating }
