package slave

import (
	"context"
	"slices"

	"meseta/runtime"
	"meseta/slave/checkpoint"
	"meseta/slave/membership"
	"meseta/slave/recovery"
	"meseta/slave/wire"
)

// recover determines what an earlier agent has left here.
//
// Mesos: Slave::recover.
func (s *Slave) recover() {
	machine, described := s.config.machine(s.Self().Addr), s.described
	looked := runtime.Go(s, func(context.Context) (recovery.Found, error) { return recovery.Look(machine, described) })
	runtime.Await(s, looked, s.found)
}

// found takes over what an earlier agent has left.
func (s *Slave) found(r recovery.Found, err error) {
	if err != nil {
		s.fatal(err)
		return
	}
	if s.membership.State() == membership.Terminating {
		return
	}
	s.membership.Identify(r.Info)
	if err := s.operations.Recover(r.Earlier); err != nil {
		s.cannotRecover(err)
		return
	}
	s.counts.RecoveryErrors = uint64(r.Earlier.Errors)
	s.drain.Recover(r.Earlier.Drain)
	plan := r.Plan(checkpoint.Root(s.config.WorkDir), s.config.Recover, nil)
	for _, warning := range slices.Concat(r.Warnings, r.Earlier.Warnings, plan.Warnings) {
		s.Log().Warn().Msg(warning)
	}
	s.reconnection.Begin(plan, func() { s.recovered(r, plan) })
}

// cannotRecover ends an agent that cannot take over what an earlier one has left.
//
// Mesos: Slave::__recover.
func (s *Slave) cannotRecover(err error) {
	s.fatal(recovery.Failed(checkpoint.Root(s.config.WorkDir), err))
}

// recovered ends recovery: the agent looks for its master, or, if it was started to clean up, waits for the end of its
// executors.
//
// Mesos: Slave::__recover.
func (s *Slave) recovered(r recovery.Found, plan recovery.Plan) {
	if s.membership.State() == membership.Terminating {
		return
	}
	s.counts.Recovered(s.Now().Sub(s.started))
	s.Log().Info().Str("pid", s.Self().String()).Str("hostname", r.Info.GetHostname()).
		Str("resources", wire.Describe(r.Info.GetResources())).Int("attributes", len(r.Info.GetAttributes())).
		Stringer("agent_id", s.membership.ID()).Msg("agent started")
	if r.Boot != r.Earlier.Boot {
		s.recorder.Boot(r.Boot)
	}
	s.recorder.RetireLeftovers(slices.DeleteFunc(r.Earlier.Leftovers, func(l checkpoint.Leftover) bool {
		return !slices.Contains(plan.Retired, l.Path)
	}))
	if s.config.Recover == recovery.Cleanup {
		s.membership.End()
		s.endIfEmpty()
		return
	}
	s.membership.Recovered()
	s.goOnDraining()
	s.registration.Begin()
	s.lending.Begin()
}
