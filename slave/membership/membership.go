// Package membership holds an agent's place in its cluster: its identity and resources, the leading master, and the
// state of its registration. The agent's conversations share it; package registration changes it.
package membership

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/ledger"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// State is the state of an agent's registration.
//
// Mesos: Slave::State.
type State int

// An agent starts as Recovering. It alternates between Disconnected and Running as masters come and go. Terminating is
// final.
const (
	Recovering   State = iota // it determines its identity, and takes over what an earlier agent has left
	Disconnected              // it is not registered
	Running                   // it is registered
	Terminating               // it was asked to shut down, and waits for its executors to end
)

func (s State) String() string {
	return [...]string{"recovering", "disconnected", "running", "terminating"}[s]
}

// Membership is an agent's place in its cluster. It belongs to the agent's actor and may be used only on its turns. A
// new one is Recovering, without a description of the agent and without a leader.
type Membership struct {
	*runtime.Actor // the agent's
	state          State
	info           *mesospb.SlaveInfo // replaced, never changed, because it is sent
	ledger         ledger.Ledger      // the agent's resources; a master's offers must be of its version
	leader         *mesospb.MasterInfo
	master         runtime.PID
}

// New returns the membership of the agent whose actor is actor.
func New(actor *runtime.Actor) *Membership { return &Membership{Actor: actor} }

// State returns the state.
func (m *Membership) State() State { return m.state }

// Info returns the description of the agent. It is nil before [Membership.Identify], and has no ID before the agent has
// registered for the first time. It is replaced, never changed.
func (m *Membership) Info() *mesospb.SlaveInfo { return m.info }

// ID returns the agent's ID, or "" before it has registered for the first time.
func (m *Membership) ID() ids.Agent { return ids.AgentOf(m.info.GetId()) }

// ResourceVersion returns the version of the agent's current resources.
func (m *Membership) ResourceVersion() *mesospb.UUID { return m.ledger.ResourceVersion }

// Ledger returns the agent's resources.
func (m *Membership) Ledger() *ledger.Ledger { return &m.ledger }

// Leader returns the leading master, or nil.
func (m *Membership) Leader() *mesospb.MasterInfo { return m.leader }

// Master returns the PID of the leading master, or zero.
func (m *Membership) Master() runtime.PID { return m.master }

// FromMaster reports whether a message is from the leading master. It logs messages from others, which are ignored.
func (m *Membership) FromMaster(from runtime.PID, what string) bool {
	if from == m.master && !from.IsZero() {
		return true
	}
	m.Log().Warn().Stringer("from", from).Stringer("master", m.master).Str("what", what).
		Msg("ignored: not from the leading master")
	return false
}

// SendMaster sends a message to the leading master. If there is none, the message is lost.
func (m *Membership) SendMaster(x proto.Message) {
	if !m.master.IsZero() {
		m.Send(m.master, x)
	}
}

// ---- what changes it ----

// Identify sets the description of the agent, with a new version of its resources. The agent stays Recovering.
func (m *Membership) Identify(info *mesospb.SlaveInfo) {
	m.info = info
	m.ledger = ledger.New(info.GetResources(), nil, &mesospb.UUID{Value: ids.NewUUID(m.Rand()).Bytes()})
}

// Recovered records that recovery is over.
func (m *Membership) Recovered() { m.disconnect() }

// Follow sets the leading master, with which the agent is not registered yet. nil means that no master leads.
func (m *Membership) Follow(leader *mesospb.MasterInfo) {
	m.leader, m.master = leader, election.PID(leader)
	m.disconnect()
}

func (m *Membership) disconnect() {
	if m.state != Terminating {
		m.state = Disconnected
	}
}

// Register records that the agent is registered under the given ID.
func (m *Membership) Register(id ids.Agent) {
	if m.ID() != id {
		m.info = proto.CloneOf(m.info)
		m.info.Id = id.Proto()
	}
	m.state = Running
}

// End makes the agent Terminating.
func (m *Membership) End() { m.state = Terminating }
