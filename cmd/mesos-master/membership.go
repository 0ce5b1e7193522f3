package main

import (
	"errors"
	"fmt"
	"time"

	"meseta/actors/election"
	"meseta/cmd/internal/flags"
	"meseta/messages/units"
	"meseta/runtime"
)

// membership says how the master finds the other masters of its cluster.
type membership struct {
	zk      string
	timeout time.Duration
	quorum  int
	found   bool          // an empty registry may be made
	absence time.Duration // for which a master must be gone before another one takes its place

	zooKeeper *election.ZooKeeper // zk, parsed; nil if this master is the only one
}

func (m *membership) bind(set *flags.Set) {
	set.Bind("zk", &m.zk)
	set.Bind("zk_session_timeout", &m.timeout)
	set.Bind("quorum", &m.quorum)
	set.Bind("log_auto_initialize", &m.found)
	set.Bind("master_replacement_timeout", &m.absence)
}

// check validates the flags together.
//
// Mesos: main of the master, which requires --quorum with --zk.
func (m *membership) check(registry string) (err error) {
	switch {
	case m.quorum < 0:
		return fmt.Errorf("quorum: %d is not a number of masters", m.quorum)
	case m.quorum > 1 && m.zk == "":
		return fmt.Errorf("quorum: %d: it needs --zk; the quorum of --masters is a majority of these", m.quorum)
	case m.quorum > 1 && registry == "in_memory":
		return fmt.Errorf("quorum: %d: several masters need --registry=replicated_log", m.quorum)
	case m.timeout <= 0:
		return flags.Invalid("zk_session_timeout", units.FormatDuration(m.timeout), "more than 0secs")
	case m.absence <= 0:
		return flags.Invalid("master_replacement_timeout", units.FormatDuration(m.absence), "more than 0secs")
	case m.zk == "":
		return nil
	case m.quorum == 0 && registry == "replicated_log":
		return errors.New("quorum: it is required with --zk, unless --registry=in_memory")
	}
	if m.zooKeeper, err = election.ParseZooKeeper(m.zk); err != nil {
		return fmt.Errorf("zk: %w", err)
	}
	return nil
}

// shares reports whether the master shares its registry with others that it finds in ZooKeeper.
func (m *membership) shares() bool { return m.quorum > 1 }

// enter returns the election in ZooKeeper, or that of a master without rivals.
func (m *membership) enter(node *runtime.Node) (election.Contender, election.Detector, error) {
	if m.zooKeeper == nil {
		leader := election.NewStandalone(nil)
		return election.StandaloneContender{Elected: leader.Appoint}, leader, nil
	}
	e, err := m.zooKeeper.Enter(node, m.zooKeeper.Servers(), m.timeout)
	return e, e, err
}
