package slave

import (
	"context"
	"slices"

	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/recovery"
	"meseta/slave/wire"
)

// recover determines the resources of the machine, and whether the agent ran here before. Until then the agent accepts
// no executors.
//
// Mesos: Slave::recover. Executors of an earlier run are not recovered yet: they are told to shut down, and the master
// learns that their tasks are lost.
func (s *Slave) recover() {
	machine := s.config.machine(s.Self().Addr)
	looked := runtime.Go(s, func(context.Context) (recovery.Found, error) { return recovery.Look(machine) })
	runtime.Await(s, looked, s.recovered)
}

// recovered starts the agent with the identity that was determined.
//
// Mesos: Slave::__recover.
func (s *Slave) recovered(r recovery.Found, err error) {
	if err != nil {
		s.fatal(err)
		return
	}
	if s.membership.State() == membership.Terminating {
		return
	}
	s.membership.Recovered(r.Info)
	if err := s.operations.Recover(r.Earlier); err != nil {
		s.fatal(err)
		return
	}
	s.drain.Recover(r.Earlier.Drain)
	s.counts.Recovered(s.Now().Sub(s.started))
	s.Log().Info().Str("pid", s.Self().String()).Str("hostname", r.Info.GetHostname()).
		Str("resources", wire.Describe(r.Info.GetResources())).Int("attributes", len(r.Info.GetAttributes())).
		Stringer("agent_id", s.membership.ID()).Msg("agent started")
	for _, warning := range slices.Concat(r.Warnings, r.Earlier.Warnings) {
		s.Log().Warn().Msg(warning)
	}
	s.recorder.Boot(r.Boot)
	s.dismissOrphans(r.Earlier.Orphans())
	s.recorder.RetireLeftovers(r.Earlier.Leftovers)
	s.drained()
	s.registration.Begin()
	s.lending.Begin()
}

// dismissOrphans shuts down executors of an earlier run. Executors of frameworks with checkpointing would otherwise
// wait for their agent while their resources are offered again.
//
// Mesos: Slave::_recover with --recover=cleanup.
func (s *Slave) dismissOrphans(orphans []runtime.PID) {
	for _, pid := range orphans {
		s.Log().Info().Stringer("executor", pid).Msg("shutting down an executor of an earlier run of the agent")
		s.lines.Dismiss(book.Line{PID: pid})
	}
}
