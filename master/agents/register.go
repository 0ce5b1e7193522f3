package agents

import (
	"errors"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/registrar"
	"meseta/master/authorization"
	"meseta/master/book"
	"meseta/master/peers"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/ledger"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
	"meseta/runtime"
)

// Registrations implements registration, re-registration and reports of changed resources. It ignores messages of
// agents that are being removed.
type Registrations struct {
	*core
	peers         *peers.Peers
	watch         *Watch
	removals      *Removals
	drains        *Drains
	maintenance   *Maintenance
	nextID        func() ids.Agent
	domain        bool // the master has one
	requireDomain bool // agents must have one
	taken         taken
	connection    *internalpb.MasterSlaveConnection // the part of acknowledgements that says how long agents may be silent
	meanwhile     map[ids.Agent]*reregistration
}

// Register admits a new agent to the registry, gives it an ID and begins to observe it.
//
// Mesos: Master::registerSlave.
func (r *Registrations) Register(from runtime.PID, msg *internalpb.RegisterSlaveMessage) {
	if r.peers.Queue(from, func() { r.Register(from, msg) }) || r.isStranger(from) {
		return
	}
	if err := validate.RegisterAgent(msg); err != nil {
		r.Log().Warn().Err(err).Stringer("from", from).Msg("invalid registration of an agent dropped")
		return
	}
	if r.maintenance.refuseDown(from, msg.GetSlave()) {
		return
	}
	if !r.book.BeginRegistration(from) {
		r.Log().Info().Stringer("from", from).Msg("registration of the agent is in progress already")
		return
	}
	runtime.Await(r, r.peers.Agent(from), func(a authorizer.Approver, err error) {
		if err = r.acceptable(a, err, msg.GetSlave(), msg.GetVersion()); err != nil {
			r.Log().Warn().Err(err).Stringer("from", from).Msg("registration of an agent refused")
			r.book.EndRegistration(from)
			return
		}
		if r.maintenance.refuseDown(from, msg.GetSlave()) {
			r.book.EndRegistration(from)
			return
		}
		r.admit(from, msg)
	})
}

// isStranger reports, and logs, whether an agent is not authenticated but has to be. It hears nothing, and retries.
func (r *Registrations) isStranger(from runtime.PID) bool {
	err := r.peers.CheckAgent(from)
	if err != nil {
		r.Log().Warn().Err(err).Stringer("from", from).Msg("registration of an agent refused")
	}
	return err != nil
}

// acceptable returns an error if an agent must not be registered although its message is valid.
func (r *Registrations) acceptable(a authorizer.Approver, err error, info *mesospb.SlaveInfo, version string) error {
	for _, action := range authorization.RegisterAgent(info) {
		if err == nil {
			err = action.Forbidden(a)
		}
	}
	if err == nil {
		err = validate.AgentVersion(version)
	}
	switch {
	case err != nil:
		return err
	case info.Domain != nil && !r.domain:
		return errors.New("the agent has a domain, but the master has none")
	case info.Domain == nil && r.requireDomain:
		return errors.New("the agent has no domain, but the master requires one")
	}
	return nil
}

// admit writes the agent to the registry, unless an agent is registered at its address.
func (r *Registrations) admit(from runtime.PID, msg *internalpb.RegisterSlaveMessage) {
	if known := r.book.AgentAt(from); known != nil {
		if known.Connected {
			r.Log().Info().Stringer("agent_id", known.ID).Msg("agent is registered already, acknowledged again")
			r.acknowledge(known)
			r.book.EndRegistration(from)
			return
		}
		r.removals.Remove(known, "a new agent registered at the same address", &r.counts.Replaced)
	}
	id := r.nextID()
	info := withAgentID(msg.GetSlave(), id.Proto())
	r.registry.Write("admit an agent", registrar.AdmitAgent{Info: info}, func(accepted bool) {
		r.book.EndRegistration(from)
		if !accepted { // an earlier master with the same ID used that agent ID
			r.Send(from, &internalpb.ShutdownMessage{Message: proto.String("Agent attempted to register but got duplicate agent id " + string(id))})
			return
		}
		r.admitted(from, info, msg)
	})
}

// withAgentID returns a copy of info with another ID. The copy shares all other fields.
func withAgentID(info *mesospb.SlaveInfo, id *mesospb.SlaveID) *mesospb.SlaveInfo {
	info = shallow.Copy(info)
	info.Id = id
	return info
}

func (r *Registrations) admitted(from runtime.PID, info *mesospb.SlaveInfo, msg *internalpb.RegisterSlaveMessage) {
	a := book.NewAgent(info, from)
	a.Version, a.Registered = msg.GetVersion(), r.Now()
	a.Announce(msg.GetAgentCapabilities())
	a.Ledger = ledger.New(info.GetResources(), msg.GetCheckpointedResources(), msg.ResourceVersionUuid)
	r.enter(a, r.watch.begin)
	r.cluster.Allocator.AddAgent(a)
	r.cluster.Feed.AgentAdded(a.ID)
	r.acknowledge(a)
	r.counts.Registrations++
	r.Log().Info().Stringer("agent_id", a.ID).Stringer("pid", from).Str("hostname", info.GetHostname()).
		Stringer("resources", a.Total).Msg("agent registered")
	r.maintenance.removeIfDown(a)
}

// enter adds a to the book, without tasks, and has it observed. An older agent at the same address no longer
// exists and is removed.
func (r *Registrations) enter(a *book.Agent, observe func(*book.Agent)) {
	if older := r.book.AgentAt(a.PID); older != nil {
		r.removals.Remove(older, "a new agent registered at the same address", &r.counts.Replaced)
	}
	r.book.AddAgent(a)
	r.Link(a.PID)
	observe(a)
}

// acknowledge tells a that it is registered, and how long it may be silent.
func (r *Registrations) acknowledge(a *book.Agent) {
	r.Send(a.PID, &internalpb.SlaveRegisteredMessage{SlaveId: a.Info.Id, Connection: r.connection})
}
