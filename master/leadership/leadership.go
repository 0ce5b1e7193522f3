// Package leadership holds the part of a master that deals with its leadership: it contends in the election, follows
// the leader, reads the registry when it is elected, and writes the leader's decisions to the registry.
//
// A master gives up when the election fails, when it loses its leadership, and when the registry cannot be read or
// written. It never becomes a follower again, because two masters must not lead: another master takes over.
package leadership

import (
	"errors"
	"fmt"
	"time"

	"meseta/actors/election"
	"meseta/actors/registrar"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
)

// phase is the progress of a leader with the registry.
type phase uint8

const (
	notRecovered phase = iota
	recovering
	recovered
	ended // it gave up
)

// Options configures [Leadership]. All fields but GiveUp are required.
type Options struct {
	Info      *mesospb.MasterInfo // describes this master
	Contender election.Contender
	Detector  election.Detector
	Registrar runtime.Ref[*registrar.Registrar]
	// Recover takes over the state that earlier masters wrote. When it returns, this master serves its cluster.
	Recover func(*registrypb.Registry)
	// GiveUp is called, on the master's turn, when the master has to end. nil means to panic, which ends the node.
	GiveUp func(reason error)
}

// Leadership is the part of a master that deals with its leadership. It belongs to the master's actor and may be used
// only on its turns.
type Leadership struct {
	*runtime.Actor // the master's
	options        Options
	leader         *mesospb.MasterInfo // nil if nobody leads
	elected        time.Time           // zero if this master was not elected
	phase          phase
}

// New returns a Leadership that has not begun.
func New(actor *runtime.Actor, options Options) *Leadership {
	return &Leadership{Actor: actor, options: options}
}

// Begin enters the election and follows the leader until the master ends.
func (l *Leadership) Begin() {
	l.contend()
	l.detect()
}

// State says who leads.
type State struct {
	Leader    *mesospb.MasterInfo // nil if nobody leads
	Leads     bool                // whether this master leads
	Recovered bool                // whether this master has read the registry
	Elected   time.Time           // when this master was elected last; zero if it never was
}

// State returns the current state.
func (l *Leadership) State() State {
	return State{Leader: l.leader, Leads: l.leads(), Recovered: l.Serves(), Elected: l.elected}
}

// Serves reports whether this master leads and has recovered.
func (l *Leadership) Serves() bool { return l.phase == recovered }

func (l *Leadership) leads() bool {
	return l.leader != nil && l.leader.GetId() == l.options.Info.GetId()
}

// contend enters the election.
func (l *Leadership) contend() {
	runtime.Await(l, l.options.Contender.Contend(l.options.Info), func(candidacy runtime.Future[struct{}], err error) {
		if err != nil {
			l.GiveUp(fmt.Errorf("contend for the leadership: %w", err))
			return
		}
		runtime.Await(l, candidacy, func(_ struct{}, err error) { l.lostCandidacy(err) })
	})
}

func (l *Leadership) lostCandidacy(err error) {
	switch {
	case err != nil:
		l.GiveUp(fmt.Errorf("watch the candidacy: %w", err))
	case l.leads():
		l.GiveUp(errors.New("the candidacy of the leader was lost"))
	default:
		l.Log().Info().Msg("candidacy lost, contending again")
		l.contend()
	}
}

// detect follows the leader until the master ends.
func (l *Leadership) detect() {
	runtime.Await(l, l.options.Detector.Detect(l.leader), func(leader *mesospb.MasterInfo, err error) {
		if err != nil {
			l.GiveUp(fmt.Errorf("detect the leader: %w", err))
			return
		}
		l.detected(leader)
		l.detect()
	})
}

// detected handles a change of the leader.
//
// Mesos: Master::detected.
func (l *Leadership) detected(leader *mesospb.MasterInfo) {
	led := l.leads()
	l.leader = leader
	switch {
	case l.leads() && !led:
		l.elected = l.Now()
		l.Log().Info().Msg("elected as the leading master")
		l.recover()
	case l.leads():
		l.elected = l.Now()
		l.Log().Info().Msg("elected again")
	case led:
		l.GiveUp(errors.New("another master leads now, or none"))
	case leader != nil:
		l.Log().Info().Stringer("leader", election.PID(leader)).Msg("another master leads")
	default:
		l.Log().Info().Msg("no master leads")
	}
}

// recover reads the registry, once.
//
// Mesos: Master::recover.
func (l *Leadership) recover() {
	if l.phase != notRecovered {
		return
	}
	l.phase = recovering
	runtime.Await(l, registrar.Recover(l.options.Registrar, l.options.Info), func(r *registrypb.Registry, err error) {
		switch {
		case l.phase != recovering:
			return // it gave up meanwhile
		case err != nil:
			l.GiveUp(err)
			return
		}
		l.options.Recover(r)
		l.phase = recovered
		l.Log().Info().Int("agents", len(r.GetSlaves().GetSlaves())).Msg("master recovered from the registry")
	})
}

// GiveUp ends this master, so that another can take over.
func (l *Leadership) GiveUp(reason error) {
	l.phase = ended
	if l.options.GiveUp == nil {
		panic(fmt.Sprintf("master: %v", reason))
	}
	l.Log().Error().Err(reason).Msg("master gives up")
	l.options.GiveUp(reason)
}
