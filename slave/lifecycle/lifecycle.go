// Package lifecycle starts the executors of an agent, registers them, sends them tasks, and ends them. The agent decides when;
// this package carries it out, and handles what executors and their containers do on their own.
package lifecycle

import (
	"net/netip"
	"time"

	"meseta/actors/hooks"
	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/counts"
	"meseta/slave/line"
	"meseta/slave/membership"
	"meseta/slave/prepare"
	"meseta/slave/recorder"
	"meseta/slave/updates"
)

// Options configures [Executors]. The parts of the agent, Networks, Prepare and Idle are required.
type Options struct {
	Agent      *membership.Membership
	Book       *book.Book
	Containers containerizer.Containerizer
	Lines      *line.Lines
	Recorder   *recorder.Recorder
	Updates    *updates.Updates
	Counts     *counts.Counts
	Hooks      *hooks.Hooks // nil means none
	Disk       disk.Disk    // for sandboxes
	// Networks returns those whose addresses are all on this machine. It may block.
	Networks func() ([]netip.Prefix, error)

	Prepare       prepare.Options
	SwitchUser    bool          // run executors as the user that their framework names
	Registration  time.Duration // time for an executor to register after its container was launched; 0 means that none registers in time
	ShutdownGrace time.Duration // between asking an executor to end and killing it; 0 means that it is killed at once
	// AsksAgain says that executors of an earlier run of the agent may be asked more than once to re-register.
	AsksAgain bool

	// Idle is called for a framework that may have no executors and tasks left on the agent.
	Idle func(ids.Framework)
}

// Executors handles the executors of an agent. It belongs to the agent's actor and may be used only on its turns.
type Executors struct {
	*runtime.Actor // the agent's
	agent          *membership.Membership
	book           *book.Book
	containers     containerizer.Containerizer
	lines          *line.Lines
	recorder       *recorder.Recorder
	updates        *updates.Updates
	counts         *counts.Counts
	hooks          *hooks.Hooks
	disk           disk.Disk
	networks       func() ([]netip.Prefix, error)
	prepare        prepare.Options
	switchUser     bool
	registration   time.Duration
	grace          time.Duration
	asksAgain      bool
	idle           func(ids.Framework)

	// records are checkpoints of tasks, and of how to reach their executors, that are being written.
	records map[book.Run]runtime.Future[struct{}]
}

// New returns the executors of the agent whose actor is actor.
func New(actor *runtime.Actor, o Options) *Executors {
	return &Executors{
		Actor: actor, agent: o.Agent, book: o.Book, containers: o.Containers, lines: o.Lines, recorder: o.Recorder,
		updates: o.Updates, counts: o.Counts, hooks: o.Hooks, disk: o.Disk, networks: o.Networks, prepare: o.Prepare, switchUser: o.SwitchUser, registration: o.Registration,
		grace: o.ShutdownGrace, asksAgain: o.AsksAgain, idle: o.Idle, records: map[book.Run]runtime.Future[struct{}]{},
	}
}
