package master

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/master/observer"
	"meseta/master/validate"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/shallow"
	"meseta/runtime"
)

// registerAgent lets a new agent in: it is admitted to the registry, gets an id, and from then on is observed.
//
// Mesos: Master::registerSlave.
func (m *Master) registerAgent(from runtime.PID, msg *internalpb.RegisterSlaveMessage) {
	if err := validate.RegisterAgent(msg); err != nil {
		m.Log().Warn().Err(err).Stringer("from", from).Msg("invalid registration of an agent dropped")
		return
	}
	if m.refuseDown(from, msg.GetSlave()) {
		return
	}
	if !m.book.BeginRegistration(from) {
		m.Log().Info().Stringer("from", from).Msg("registration of the agent is in progress already")
		return
	}
	runtime.Await(m, authorizer.Of(m.Authorizer, nil), func(a authorizer.Approver, err error) {
		if err = m.acceptable(a, err, msg.GetSlave(), msg.GetVersion()); err != nil {
			m.Log().Warn().Err(err).Stringer("from", from).Msg("registration of an agent refused")
			m.book.EndRegistration(from)
			return
		}
		if m.refuseDown(from, msg.GetSlave()) {
			m.book.EndRegistration(from)
			return
		}
		m.admit(from, msg)
	})
}

// acceptable says why an agent must not be registered although its message is valid.
func (m *Master) acceptable(a authorizer.Approver, err error, info *mesospb.SlaveInfo, version string) error {
	if err == nil {
		err = authorizer.Check(a, authorizationpb.Action_REGISTER_AGENT, nil)
	}
	if err == nil {
		err = validate.AgentVersion(version)
	}
	switch {
	case err != nil:
		return err
	case info.Domain != nil && m.info.Domain == nil:
		return errors.New("the agent has a domain, but the master has none")
	case info.Domain == nil && m.config.RequireDomain:
		return errors.New("the agent has no domain, but the master requires one")
	}
	return nil
}

// admit writes the agent into the registry, unless it is known at that address.
func (m *Master) admit(from runtime.PID, msg *internalpb.RegisterSlaveMessage) {
	if known := m.book.AgentAt(from); known != nil {
		if known.Connected {
			m.Log().Info().Stringer("agent_id", known.ID).Msg("agent is registered already, acknowledged again")
			m.acknowledgeRegistration(known)
			m.book.EndRegistration(from)
			return
		}
		m.removeAgent(known, "a new agent registered at the same address", &m.counts.Agents.Replaced)
	}
	id := m.nextAgentID()
	info := withAgentID(msg.GetSlave(), id.Proto())
	m.registry.Write("admit an agent", registrar.AdmitAgent{Info: info}, func(accepted bool) {
		m.book.EndRegistration(from)
		if !accepted { // an earlier master of the same id gave that id away
			m.Send(from, &internalpb.ShutdownMessage{Message: proto.String("Agent attempted to register but got duplicate agent id " + string(id))})
			return
		}
		m.admitted(from, info, msg)
	})
}

// withAgentID is a copy of info that shares all but the id.
func withAgentID(info *mesospb.SlaveInfo, id *mesospb.SlaveID) *mesospb.SlaveInfo {
	info = shallow.Copy(info)
	info.Id = id
	return info
}

func (m *Master) admitted(from runtime.PID, info *mesospb.SlaveInfo, msg *internalpb.RegisterSlaveMessage) {
	a := book.NewAgent(info, from)
	a.Version, a.Registered = msg.GetVersion(), m.Now()
	a.ResourceVersion, a.Checkpointed = msg.ResourceVersionUuid, msg.GetCheckpointedResources()
	a.Announce(msg.GetAgentCapabilities())
	a.Total = agentTotal(info, a.Checkpointed)
	m.enter(a)
	m.allocator.AddAgent(a)
	m.cluster.Feed.AgentAdded(a.ID)
	m.acknowledgeRegistration(a)
	m.counts.Agents.Registrations++
	m.Log().Info().Stringer("agent_id", a.ID).Stringer("pid", from).Str("hostname", info.GetHostname()).
		Stringer("resources", a.Total).Msg("agent registered")
	m.removeIfDown(a)
}

// agentTotal is what an agent has: its resources, where those that it checkpointed replace the ones they were made of.
//
// Mesos: applyCheckpointedResources.
func agentTotal(info *mesospb.SlaveInfo, checkpointed []*mesospb.Resource) resources.Resources {
	total := resources.FromValid(info.GetResources())
	for _, made := range checkpointed {
		origin := resources.FromValid([]*mesospb.Resource{originOf(made)})
		if total.Contains(origin) {
			total = total.Minus(origin).Plus(resources.FromValid([]*mesospb.Resource{made}))
		}
	}
	return total
}

// originOf is what a dynamically reserved resource or a persistent volume was made of.
func originOf(made *mesospb.Resource) *mesospb.Resource {
	r := proto.CloneOf(made)
	r.Shared = nil
	if len(r.Reservations) > 0 && r.Reservations[0].GetType() == mesospb.Resource_ReservationInfo_STATIC {
		r.Reservations = r.Reservations[:1]
	} else {
		r.Reservations = nil
	}
	if r.Reservation != nil {
		r.Reservation, r.Role = nil, nil
	}
	if r.GetDisk().GetPersistence() == nil {
		return r
	}
	r.Disk.Persistence, r.Disk.Volume = nil, nil
	if r.Disk.Source == nil {
		r.Disk = nil
	}
	return r
}

// enter enters a into the book, without tasks, and begins to watch it. There cannot be two agents at one address: an
// older one is gone.
func (m *Master) enter(a *book.Agent) {
	if older := m.book.AgentAt(a.PID); older != nil {
		m.removeAgent(older, "a new agent registered at the same address", &m.counts.Agents.Replaced)
	}
	m.book.AddAgent(a)
	m.Link(a.PID)
	m.observe(a)
}

// observe spawns the observer of a.
func (m *Master) observe(a *book.Agent) {
	master, id := runtime.RefOf(m), a.ID
	node := m.Node()
	ref, err := runtime.Spawn(node, node.NewID("slave-observer"), observer.New(observer.Options{
		Agent: a.PID, Interval: m.config.AgentPingTimeout, Patience: m.config.MaxAgentPingTimeouts,
		Silent: func() { runtime.Tell(master, func(m *Master) { m.agentSilent(id) }) },
		Heard:  func() { runtime.Tell(master, func(m *Master) { m.agentHeard(id) }) },
	}))
	if err != nil {
		panic(fmt.Sprintf("master: observe agent %s: %v", id, err)) // the id is fresh
	}
	m.observers[id] = ref
}

// acknowledgeRegistration tells a that it is registered, and how long it may be silent.
func (m *Master) acknowledgeRegistration(a *book.Agent) {
	m.Send(a.PID, &internalpb.SlaveRegisteredMessage{SlaveId: a.Info.Id, Connection: m.connection()})
}

func (m *Master) connection() *internalpb.MasterSlaveConnection {
	total := m.config.AgentPingTimeout * time.Duration(m.config.MaxAgentPingTimeouts)
	return &internalpb.MasterSlaveConnection{TotalPingTimeoutSeconds: proto.Float64(total.Seconds())}
}
