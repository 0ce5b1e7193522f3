// Package recorder decides what an agent checkpoints for the next agent in the same work directory, and when
// checkpoints and sandboxes may be deleted. Package checkpoint defines the files and records.
//
// Frameworks without checkpointing have sandboxes only.
package recorder

import (
	"time"

	"meseta/actors/authorizer"
	"meseta/actors/gc"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/book"
	"meseta/slave/checkpoint"
	"meseta/slave/membership"
	"meseta/slave/wire"
)

// Options configures a [Recorder]. All fields but GCDelay and Authorizer are required.
type Options struct {
	Root       checkpoint.Root // the work directory
	Agent      *membership.Membership
	Disk       runtime.Ref[*disk.Writer]
	Files      disk.Disk // on which the writer writes
	Garbage    runtime.Ref[*gc.GarbageCollector]
	GCDelay    time.Duration         // how long an unused directory is kept if there is room; 0 means that it is deleted at once
	Authorizer authorizer.Authorizer // decides who may read sandboxes; nil allows everybody
	// Fatal is called, on the agent's turn, when something cannot be written without which the agent must not go on.
	Fatal func(error)
}

// Recorder checkpoints the state of an agent. It belongs to the agent's actor and may be used only on its turns.
type Recorder struct {
	*runtime.Actor // the agent's
	root           checkpoint.Root
	agent          *membership.Membership
	disk           runtime.Ref[*disk.Writer]
	files          disk.Disk
	garbage        runtime.Ref[*gc.GarbageCollector]
	gcDelay        time.Duration
	authorizer     authorizer.Authorizer
	fatal          func(error)

	// describing are the descriptions of frameworks that are being written. If each executor of a new framework wrote one,
	// they could not be written together.
	describing map[ids.Framework]runtime.Future[struct{}]
}

// New returns the recorder of the agent whose actor is actor.
func New(actor *runtime.Actor, o Options) *Recorder {
	return &Recorder{
		Actor: actor, root: o.Root, agent: o.Agent, disk: o.Disk, files: o.Files, garbage: o.Garbage, gcDelay: o.GCDelay,
		authorizer: o.Authorizer, fatal: o.Fatal, describing: map[ids.Framework]runtime.Future[struct{}]{},
	}
}

// write writes records. The future completes when these, and everything before them, are on disk.
func (r *Recorder) write(records checkpoint.Records) runtime.Future[struct{}] {
	return runtime.Ask(r.disk, (*disk.Writer).Write, records.Batch)
}

// mustWrite is like write, for records without which the agent must not go on.
func (r *Recorder) mustWrite(records checkpoint.Records) {
	runtime.Await(r, r.write(records), func(_ struct{}, err error) {
		if err != nil {
			r.fatal(err)
		}
	})
}

// note is like write, for records that are useful but not necessary.
func (r *Recorder) note(records checkpoint.Records) {
	runtime.Await(r, r.write(records), func(_ struct{}, err error) {
		if err != nil {
			r.Log().Error().Err(err).Msg("not written down")
		}
	})
}

// sandboxes returns the directory of the agent's sandboxes.
func (r *Recorder) sandboxes() checkpoint.Agent { return r.root.Agent(r.agent.ID()) }

// meta returns the directory of the agent's checkpoints.
func (r *Recorder) meta() checkpoint.Agent { return r.root.Meta().Agent(r.agent.ID()) }

// Boot checkpoints the boot ID of the system. Executors from before a reboot are gone for certain. An empty ID is not
// written.
func (r *Recorder) Boot(boot string) {
	if boot == "" {
		return
	}
	var records checkpoint.Records
	records.Text(r.root.Meta().BootID(), boot)
	r.mustWrite(records)
}

// Remove deletes files that an earlier run of the agent has left and that are not true any more.
func (r *Recorder) Remove(files []string) {
	var records checkpoint.Records
	for _, f := range files {
		records.Remove(f)
	}
	r.note(records)
}

// Identity checkpoints the agent's description after its first registration.
func (r *Recorder) Identity() {
	var records checkpoint.Records
	records.Message(r.meta().Info(), wire.DowngradeAgent(r.agent.Info()))
	records.Link(string(r.meta()), r.root.Meta().LatestAgent())
	r.mustWrite(records)
}

// Drain checkpoints that the agent is draining, or, if config is nil, that it is not any more. The future completes when that
// is on disk.
func (r *Recorder) Drain(config *mesospb.DrainConfig) runtime.Future[struct{}] {
	var records checkpoint.Records
	if config != nil {
		records.Message(r.meta().DrainConfig(), config)
	} else {
		records.Remove(r.meta().DrainConfig())
	}
	return r.write(records)
}

// Framework checkpoints a changed framework, if it was checkpointed before or is about to be. The future completes when that is on disk.
func (r *Recorder) Framework(f *book.Framework) runtime.Future[struct{}] {
	if _, underWay := r.describing[f.ID]; !f.Recorded && !underWay {
		return runtime.Ready(struct{}{})
	}
	var records checkpoint.Records
	r.describe(&records, f)
	return r.write(records)
}

func (r *Recorder) describe(records *checkpoint.Records, f *book.Framework) {
	place := r.meta().Framework(f.ID)
	records.Message(place.Info(), f.Info)
	records.Text(place.PID(), wire.PID(f.PID))
}

// Save saves the directories that a launch will use again from deletion. The future completes when none of them is
// being deleted.
func (r *Recorder) Save(f ids.Framework, e ids.Executor) runtime.Future[[]bool] {
	var all []string
	for _, agent := range []checkpoint.Agent{r.sandboxes(), r.meta()} {
		framework := agent.Framework(f)
		all = append(all, string(framework), string(framework.Executor(e)))
	}
	return runtime.Flatten(runtime.Call(r.garbage, (*gc.GarbageCollector).UnscheduleAll, all))
}
