// Package reconnect takes over what an earlier agent has left in the work directory: frameworks, executors that still run,
// and the status updates of their tasks. Package recovery determines what that is.
//
// The book is filled first, then the update streams go on, and then the containers are found again. After that executors
// reconnect: those with a driver are asked to, and those that use HTTP subscribe by themselves. They have
// --executor_reregistration_timeout for it. Those that are not there then are killed, and the agent may look for a master.
package reconnect

import (
	"iter"
	"slices"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/lifecycle"
	"meseta/slave/membership"
	"meseta/slave/recorder"
	"meseta/slave/recovery"
	"meseta/slave/updates"
)

// Options configures a [Reconnection]. All fields but Timeout and Again are required.
type Options struct {
	Agent      *membership.Membership
	Book       *book.Book
	Containers containerizer.Containerizer
	Executors  *lifecycle.Executors
	Recorder   *recorder.Recorder
	Updates    *updates.Updates

	Timeout time.Duration // time for executors to reconnect; 0 means that none is waited for
	Again   time.Duration // time between two requests to reconnect; 0 means that an executor is asked only once

	// Fatal is called, on the agent's turn, if the containers cannot be found again.
	Fatal func(error)
}

// Reconnection takes over what an earlier agent has left. It belongs to the agent's actor and may be used only on its
// turns.
type Reconnection struct {
	*runtime.Actor // the agent's
	options        Options
	open           bool
}

// New returns the reconnection of the agent whose actor is actor.
func New(actor *runtime.Actor, o Options) *Reconnection {
	return &Reconnection{Actor: actor, options: o}
}

// Open reports whether executors may reconnect.
func (r *Reconnection) Open() bool { return r.open }

// Begin takes over what the plan says, and calls done when the agent may look for a master. The agent must know its ID.
// Operations on resources are recovered before, because they may forbid the agent to start, and then nothing has been ended.
//
// Mesos: Slave::recover, from Slave::recoverFramework on.
func (r *Reconnection) Begin(p recovery.Plan, done func()) {
	for _, f := range p.Frameworks {
		r.restore(f)
	}
	r.options.Recorder.Remove(p.Obsolete)
	for _, s := range p.Streams {
		r.options.Updates.Recover(s.File, s.Recorded)
	}
	r.Log().Info().Int("frameworks", len(p.Frameworks)).Int("update_streams", len(p.Streams)).Msg("recovering containers")
	runtime.Await(r, r.options.Containers.Recover(r.survivors(p)), func(taken []ids.Container, err error) {
		if err != nil {
			r.options.Fatal(err)
			return
		}
		r.reconnect(p, taken, done)
	})
}

// restore adds a framework to the book, unless nothing of it can be recovered.
//
// Mesos: Slave::recoverFramework.
func (r *Reconnection) restore(x recovery.Framework) {
	f := r.options.Book.Add(x.Info, x.PID)
	f.Recorded = true
	for _, e := range x.Executors {
		r.options.Executors.Restore(f, e)
	}
	if f.Idle() {
		r.options.Book.Remove(f)
	}
}

// survivors returns the containers that may be alive, in the order of the plan.
func (r *Reconnection) survivors(p recovery.Plan) (all []containerizer.Survivor) {
	for e, x := range r.alive(p) {
		if !x.Lost {
			all = append(all, containerizer.Survivor{
				ID: e.Container, Directory: e.Directory, PID: x.Forked, Docker: isDocker(e.Info.GetContainer()),
			})
		}
	}
	return all
}

func isDocker(c *mesospb.ContainerInfo) bool {
	return c != nil && c.GetType() == mesospb.ContainerInfo_DOCKER
}

// alive yields the executors of the plan that had not ended, as they are in the book.
func (r *Reconnection) alive(p recovery.Plan) iter.Seq2[*book.Executor, recovery.Executor] {
	return func(yield func(*book.Executor, recovery.Executor) bool) {
		for _, f := range p.Frameworks {
			for _, x := range f.Executors {
				_, e := r.options.Book.Find(book.Run{Framework: f.ID, Executor: x.ID, Container: x.Container})
				if e != nil && !yield(e, x) {
					return
				}
			}
		}
	}
}

// reconnect gets in touch with the executors, and waits for them. taken are the containers that were taken over. An executor
// in another one is left alone if its process was not recorded, because its address may be somebody else's by now.
//
// Mesos: Slave::_recover.
func (r *Reconnection) reconnect(p recovery.Plan, taken []ids.Container, done func()) {
	r.open = true
	for e, x := range r.alive(p) {
		r.options.Executors.Watch(e.Run())
		if x.Forked != 0 || slices.Contains(taken, e.Container) {
			r.contact(e, x)
		}
	}
	if !p.Wait {
		done()
		return
	}
	r.Delay(r.options.Timeout, func() {
		r.killMissing()
		done()
	})
}

// contact gets in touch with an executor.
func (r *Reconnection) contact(e *book.Executor, x recovery.Executor) {
	r.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", e.Framework).Stringer("executor", x.PID).
		Str("contact", string(x.Contact)).Msg("contacting executor")
	switch x.Contact {
	case recovery.Asked:
		r.ask(e.Run(), x.PID)
	case recovery.ToldToEnd, recovery.EndsWhenBack:
		r.options.Executors.End(e)
	case recovery.Killed:
		r.options.Containers.Destroy(e.Container)
	}
}

// ask asks an executor to re-register, again and again if so configured.
func (r *Reconnection) ask(x book.Run, driver runtime.PID) {
	_, e := r.options.Book.Find(x)
	if r.options.Agent.State() != membership.Recovering || e == nil || e.State != book.Registering {
		return
	}
	r.Send(driver, &internalpb.ReconnectExecutorMessage{SlaveId: r.options.Agent.Info().GetId()})
	if r.options.Again > 0 {
		r.Delay(r.options.Again, func() { r.ask(x, driver) })
	}
}

// killMissing kills the executors that have not come back.
//
// Mesos: Slave::reregisterExecutorTimeout.
func (r *Reconnection) killMissing() {
	for f := range r.options.Book.Frameworks() {
		for e := range f.Executors() {
			if e.State != book.Registering {
				continue
			}
			r.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Msg("killing an executor that did not come back")
			e.State = book.Terminating
			r.options.Executors.Destroy(e, updates.Outcome{
				State:   f.LostOr(mesospb.TaskState_TASK_GONE),
				Reason:  mesospb.TaskStatus_REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
				Message: "Executor did not reregister within " + units.FormatDuration(r.options.Timeout),
			})
		}
	}
}
