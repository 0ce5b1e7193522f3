package recorder

import (
	"context"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/checkpoint"
	"meseta/slave/wire"
)

// place holds the directories of one run of an executor, for its files and for its checkpoints.
type place struct {
	sandbox      checkpoint.Run
	executor     checkpoint.Executor
	meta         checkpoint.Run
	metaExecutor checkpoint.Executor
}

func (r *Recorder) place(e *book.Executor) place {
	executor := r.sandboxes().Framework(e.Framework).Executor(e.ID)
	meta := r.meta().Framework(e.Framework).Executor(e.ID)
	return place{sandbox: executor.Run(e.Container), executor: executor, meta: meta.Run(e.Container), metaExecutor: meta}
}

// Sandbox returns the sandbox of a run of an executor, and the directory of the executor.
func (r *Recorder) Sandbox(e *book.Executor) (checkpoint.Run, checkpoint.Executor) {
	p := r.place(e)
	return p.sandbox, p.executor
}

// PIDFile returns the file for the ID of an executor's process, or "" if it is not checkpointed.
func (r *Recorder) PIDFile(e *book.Executor) string {
	if !e.Checkpoint {
		return ""
	}
	return r.place(e).meta.ForkedPID()
}

// UpdatesFile returns the file for the updates of a task, or "" if they are not checkpointed.
func (r *Recorder) UpdatesFile(e *book.Executor, t ids.Task) string {
	if !e.Checkpoint {
		return ""
	}
	return r.place(e).meta.Task(t).Updates()
}

// Executor checkpoints a new run of an executor with its first tasks, and its framework unless that was done before. The
// future completes when that is done, or at once if the framework does not use checkpointing. It fails if the framework
// could not be checkpointed, even if that was tried for another executor.
func (r *Recorder) Executor(f *book.Framework, e *book.Executor, first []*mesospb.TaskInfo) runtime.Future[struct{}] {
	if !e.Checkpoint {
		return runtime.Ready(struct{}{})
	}
	var records checkpoint.Records
	described, underWay := r.describing[f.ID]
	if !f.Recorded && !underWay {
		r.describe(&records, f)
	}
	written := r.runOf(e, first, records)
	switch {
	case f.Recorded:
		return written
	case underWay:
		return runtime.Then(runtime.Collect(described, written), func([]struct{}) (struct{}, error) { return struct{}{}, nil })
	}
	r.describing[f.ID] = written
	runtime.Await(r, written, func(struct{}, error) { delete(r.describing, f.ID) })
	return written
}

// runOf checkpoints a new run of an executor with its first tasks, after records.
func (r *Recorder) runOf(e *book.Executor, first []*mesospb.TaskInfo, records checkpoint.Records) runtime.Future[struct{}] {
	place := r.place(e)
	records.Create(place.metaExecutor.Info(), wire.DowngradeExecutor(e.Info))
	records.Flag(place.metaExecutor.Generated(), e.Command)
	records.Run(place.meta)
	records.Link(string(place.meta), place.metaExecutor.LatestRun())
	addTasks(&records, e, place.meta, first)
	return r.write(records)
}

// Line checkpoints how to reach an executor. The future completes when the next agent would find it. It is not synced, since
// the executor ends with the machine.
//
// Mesos: Slave::registerExecutor, Slave::subscribe.
func (r *Recorder) Line(e *book.Executor) runtime.Future[struct{}] {
	var records checkpoint.Records
	if e.Line.Stream != nil {
		records.Marker(r.place(e).meta.HTTPMarker())
	} else {
		records.PID(r.place(e).meta.LibprocessPID(), e.Line.PID.String())
	}
	return runtime.Go(r, func(context.Context) (struct{}, error) { return struct{}{}, records.Make(r.files) })
}

// Tasks checkpoints more tasks that wait for an executor.
func (r *Recorder) Tasks(e *book.Executor, queued []*mesospb.TaskInfo) runtime.Future[struct{}] {
	var records checkpoint.Records
	addTasks(&records, e, r.place(e).meta, queued)
	return r.write(records)
}

func addTasks(to *checkpoint.Records, e *book.Executor, meta checkpoint.Run, all []*mesospb.TaskInfo) {
	for _, t := range all {
		task := tasks.New(t, mesospb.TaskState_TASK_STAGING, e.Framework.Proto())
		task.Resources = wire.Downgrade(task.GetResources())
		to.Create(meta.Task(ids.TaskOf(t.GetTaskId())).Info(), task)
	}
}
