// Package recorder decides what an agent writes down, for the agent that comes after it in the same work directory, and when
// that and the sandboxes may be deleted. How files and records look is the business of package checkpoint.
//
// Frameworks that did not ask for checkpoints get a sandbox and nothing else.
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

// Options say for which agent, and where. All but Authorizer are required.
type Options struct {
	Root       checkpoint.Root // the work directory
	Agent      *membership.Membership
	Disk       runtime.Ref[*disk.Writer]
	Garbage    runtime.Ref[*gc.GarbageCollector]
	GCDelay    time.Duration         // how long a directory stays that is not used any more, when there is room; 0: it goes at once
	Authorizer authorizer.Authorizer // who may look into sandboxes; nil: everybody
	// Fatal is called, on the agent's turn, when something is not written that no agent can be without.
	Fatal func(error)
}

// Recorder writes down what becomes of an agent. It belongs to the agent's actor and may be used only on its turns.
type Recorder struct {
	*runtime.Actor // the agent's
	root           checkpoint.Root
	agent          *membership.Membership
	disk           runtime.Ref[*disk.Writer]
	garbage        runtime.Ref[*gc.GarbageCollector]
	gcDelay        time.Duration
	authorizer     authorizer.Authorizer
	fatal          func(error)
}

// New returns the recorder of the agent that is actor.
func New(actor *runtime.Actor, o Options) *Recorder {
	return &Recorder{
		Actor: actor, root: o.Root, agent: o.Agent, disk: o.Disk, garbage: o.Garbage, gcDelay: o.GCDelay,
		authorizer: o.Authorizer, fatal: o.Fatal,
	}
}

// write gives records to the disk. The future completes when they are there, and all that was written before.
func (r *Recorder) write(records checkpoint.Records) runtime.Future[struct{}] {
	return runtime.Ask(r.disk, (*disk.Writer).Write, records.Batch)
}

// mustWrite is write for what an agent cannot be without.
func (r *Recorder) mustWrite(records checkpoint.Records) {
	runtime.Await(r, r.write(records), func(_ struct{}, err error) {
		if err != nil {
			r.fatal(err)
		}
	})
}

// note is write for what helps the next agent and can be missed.
func (r *Recorder) note(records checkpoint.Records) {
	runtime.Await(r, r.write(records), func(_ struct{}, err error) {
		if err != nil {
			r.Log().Error().Err(err).Msg("not written down")
		}
	})
}

// sandboxes is the directory of the agent's sandboxes.
func (r *Recorder) sandboxes() checkpoint.Agent { return r.root.Agent(r.agent.ID()) }

// meta is the directory of the agent's checkpoints.
func (r *Recorder) meta() checkpoint.Agent { return r.root.Meta().Agent(r.agent.ID()) }

// Boot writes down when the system was started: executors of an earlier start are surely gone. A system that does not tell,
// whose boot is empty, has nothing to write down.
func (r *Recorder) Boot(boot string) {
	if boot == "" {
		return
	}
	var records checkpoint.Records
	records.Text(r.root.Meta().BootID(), boot)
	r.mustWrite(records)
}

// Identity writes down who the agent is, which has registered for the first time.
func (r *Recorder) Identity() {
	var records checkpoint.Records
	records.Message(r.meta().Info(), wire.DowngradeAgent(r.agent.Info()))
	records.Link(string(r.meta()), r.root.Meta().LatestAgent())
	r.mustWrite(records)
}

// Drain writes down that the agent is being emptied; with nil, that it is not any more.
func (r *Recorder) Drain(config *mesospb.DrainConfig) {
	var records checkpoint.Records
	if config != nil {
		records.Message(r.meta().DrainConfig(), config)
	} else {
		records.Remove(r.meta().DrainConfig())
	}
	r.note(records)
}

// Framework writes down what has become of a framework that was written down before.
func (r *Recorder) Framework(f *book.Framework) {
	var records checkpoint.Records
	r.describe(&records, f)
	r.note(records)
}

func (r *Recorder) describe(records *checkpoint.Records, f *book.Framework) {
	place := r.meta().Framework(f.ID)
	records.Message(place.Info(), f.Info)
	records.Text(place.PID(), wire.PID(f.PID))
}

// Save keeps the directories from being deleted that a launch is going to use again. The future completes when none of them
// is being deleted.
func (r *Recorder) Save(f ids.Framework, e ids.Executor) runtime.Future[[]bool] {
	var all []string
	for _, agent := range []checkpoint.Agent{r.sandboxes(), r.meta()} {
		framework := agent.Framework(f)
		all = append(all, string(framework), string(framework.Executor(e)))
	}
	return runtime.Flatten(runtime.Call(r.garbage, (*gc.GarbageCollector).UnscheduleAll, all))
}
