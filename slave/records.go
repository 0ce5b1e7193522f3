package slave

import (
	"meseta/actors/gc"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/checkpoint"
	"meseta/slave/wire"

	"google.golang.org/protobuf/proto"
)

// This file says what the agent writes down, and when it may be deleted. Frameworks that did not ask for checkpoints get
// a sandbox and nothing else.

// places are the directories of one run of an executor, for its files and for its checkpoints.
type places struct {
	sandbox      checkpoint.Run
	executor     checkpoint.Executor
	meta         checkpoint.Run
	metaExecutor checkpoint.Executor
}

// records is what the agent writes down.
type records struct{ *Slave }

// places returns the directories of a run.
func (s *records) places(e *book.Executor) places {
	executor := s.root.Agent(s.membership.ID()).Framework(e.Framework).Executor(e.ID)
	meta := s.meta().Framework(e.Framework).Executor(e.ID)
	return places{sandbox: executor.Run(e.Container), executor: executor, meta: meta.Run(e.Container), metaExecutor: meta}
}

// meta is the directory of the agent's checkpoints.
func (s *records) meta() checkpoint.Agent { return s.root.Meta().Agent(s.membership.ID()) }

// write gives records to the disk. The future completes when they are there, and all that was written before.
func (s *records) write(r checkpoint.Records) runtime.Future[struct{}] {
	return runtime.Ask(s.disk, (*checkpoint.Store).Write, r)
}

// mustWrite is write for what an agent cannot be without.
func (s *records) mustWrite(r checkpoint.Records) {
	runtime.Await(s, s.write(r), func(_ struct{}, err error) {
		if err != nil {
			s.fatal(err)
		}
	})
}

// note is write for what helps the next agent and can be missed.
func (s *records) note(r checkpoint.Records) {
	runtime.Await(s, s.write(r), func(_ struct{}, err error) {
		if err != nil {
			s.Log().Error().Err(err).Msg("not written down")
		}
	})
}

// boot writes down when the system was started: executors of an earlier start are surely gone. A system that does
// not tell has nothing to write down.
func (s *records) boot(boot string) {
	if boot == "" {
		return
	}
	var r checkpoint.Records
	r.Text(s.root.Meta().BootID(), boot)
	s.mustWrite(r)
}

// identity writes down who the agent is, for the next one that starts in this work directory.
func (s *records) identity() {
	var r checkpoint.Records
	r.Message(s.meta().Info(), wire.DowngradeAgent(s.membership.Info()))
	r.Link(string(s.meta()), s.root.Meta().LatestAgent())
	s.mustWrite(r)
}

// drainage writes down that the agent is being emptied, or that it is not any more.
func (s *records) drainage() {
	var r checkpoint.Records
	if s.draining != nil {
		r.Message(s.meta().DrainConfig(), s.draining)
	} else {
		r.Remove(s.meta().DrainConfig())
	}
	s.note(r)
}

// framework describes a framework that wants checkpoints.
func (s *records) framework(r *checkpoint.Records, f *book.Framework) {
	place := s.meta().Framework(f.ID)
	r.Message(place.Info(), f.Info)
	r.Text(place.PID(), wire.PID(f.PID))
}

// executor writes down a new run of an executor, and its framework if that is the first.
func (s *records) executor(f *book.Framework, e *book.Executor) runtime.Future[struct{}] {
	if !e.Checkpoint {
		return runtime.Ready(struct{}{})
	}
	place := s.places(e)
	var r checkpoint.Records
	if !f.Recorded {
		s.framework(&r, f)
	}
	r.Message(place.metaExecutor.Info(), wire.DowngradeExecutor(e.Info))
	r.Flag(place.metaExecutor.Generated(), e.Command)
	r.Directory(string(place.meta))
	r.Link(string(place.meta), place.metaExecutor.LatestRun())
	return s.write(r)
}

// line writes down how to reach an executor, for an agent that comes after this one. An executor that such an agent
// could not find is ended.
func (s *records) line(e *book.Executor) {
	if !e.Checkpoint {
		return
	}
	var r checkpoint.Records
	if e.Line.Stream != nil {
		r.Text(s.places(e).meta.HTTPMarker(), "")
	} else {
		r.Text(s.places(e).meta.LibprocessPID(), e.Line.PID.String())
	}
	x := e.Run()
	runtime.Await(s, s.write(r), func(_ struct{}, err error) {
		if _, e := s.book.Find(x); err != nil && e != nil && e.State != book.Terminated {
			s.Log().Error().Err(err).Stringer("executor_id", e.ID).Msg("executor's address not written down, killing it")
			e.Termination = &slavepb.ContainerTermination{
				State: mesospb.TaskState_TASK_FAILED.Enum(), Reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED.Enum(),
				Message: proto.String(err.Error()),
			}
			s.containers.Destroy(x.Container)
		}
	})
}

// tasks writes down tasks that wait for their executor. They are sent to it only when that is done, since
// [Slave.sendQueued] waits for all that was to be written before; those that cannot be written down are refused.
func (s *records) tasks(e *book.Executor, queued []*mesospb.TaskInfo) {
	if !e.Checkpoint {
		return
	}
	place := s.places(e)
	var r checkpoint.Records
	for _, t := range queued {
		task := tasks.New(t, mesospb.TaskState_TASK_STAGING, e.Framework)
		task.Resources = wire.Downgrade(task.GetResources())
		r.Message(place.meta.Task(ids.TaskOf(t.GetTaskId())).Info(), task)
	}
	x := e.Run()
	runtime.Await(s, s.write(r), func(_ struct{}, err error) {
		if f, e := s.book.Find(x); err != nil && e != nil && e.State < book.Terminating {
			s.tasksNotRecorded(f, e, queued, err)
		}
	})
}

// tasksNotRecorded refuses tasks that an agent after this one would not know.
//
// Differs: the reference aborts.
func (s *records) tasksNotRecorded(f *book.Framework, e *book.Executor, infos []*mesospb.TaskInfo, err error) {
	s.Log().Error().Err(err).Stringer("executor_id", e.ID).Strs("task_ids", taskIDs(infos)).Msg("tasks not written down, dropping them")
	for _, t := range queued(e, infos) {
		s.report(s.newUpdate(f.ID, ids.TaskOf(t.GetTaskId()), e.ID, outcome{
			state:   f.LostOr(mesospb.TaskState_TASK_DROPPED),
			reason:  mesospb.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED,
			message: err.Error(),
		}))
	}
	if e.State == book.Running && !e.EverSent() && len(e.Queued()) == 0 {
		s.endExecutor(e)
	}
}

// barrier completes when all that was to be written for an executor is, well or ill: whoever wrote it deals with that.
func (s *records) barrier(e *book.Executor) runtime.Future[struct{}] {
	if !e.Checkpoint {
		return runtime.Ready(struct{}{})
	}
	return mend(s.write(checkpoint.Records{}), struct{}{})
}

// pidFile is where the containerizer leaves the number of an executor's process.
func (s *records) pidFile(e *book.Executor) string {
	if !e.Checkpoint {
		return ""
	}
	return s.places(e).meta.ForkedPID()
}

func (s *records) updatesFile(e *book.Executor, t ids.Task) string {
	return s.places(e).meta.Task(t).Updates()
}

// retireTask lets the checkpoints of a completed task be deleted.
func (s *records) retireTask(e *book.Executor, t ids.Task) {
	if e.Checkpoint {
		s.retire(checkpoint.Records{}, string(s.places(e).meta.Task(t)))
	}
}

// retire writes last records, and lets directories be deleted when they are old enough: their age counts from now.
//
// Mesos: Slave::garbageCollect.
func (s *records) retire(last checkpoint.Records, directories ...string) {
	for _, d := range directories {
		last.Touch(d, s.Now())
	}
	s.note(last)
	for _, d := range directories {
		gone := runtime.Ask(s.garbage, (*gc.GarbageCollector).Schedule, gc.Item{Path: d, In: s.config.GCDelay})
		runtime.Await(s, gone, func(_ struct{}, err error) {
			if err == nil {
				s.hide(d)
			}
		})
	}
}
