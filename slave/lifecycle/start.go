package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/book"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer"
	"meseta/slave/prepare"
	"meseta/slave/sandbox"
	"meseta/slave/updates"
)

// Give queues the tasks of a launch for their executor, which is started if it does not exist.
//
// Mesos: Slave::__run.
func (s *Executors) Give(f *book.Framework, l *book.Launch) {
	e := f.Executor(l.ExecutorID())
	if e == nil {
		e = s.start(f, l)
		e.Queue(l.Tasks, l.Group)
	} else {
		e.Queue(l.Tasks, l.Group)
		s.recordTasks(e, l.Tasks)
	}
	s.Log().Info().Strs("task_ids", book.TaskIDs(l.Tasks)).Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).
		Stringer("state", e.State).Msg("tasks queued for executor")
	if e.State == book.Running {
		s.sendQueued(e)
	}
}

// start adds an executor to the book and starts it.
//
// Mesos: Framework::addExecutor.
func (s *Executors) start(f *book.Framework, l *book.Launch) *book.Executor {
	e := book.NewExecutor(f.ID, l.Executor, ids.Container(ids.NewUUID(s.Rand()).String()))
	e.Command = l.Command
	sandbox, executor := s.settle(f, e)
	f.AddExecutor(e)
	s.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Stringer("container_id", e.Container).
		Str("sandbox", e.Directory).Msg("starting executor")

	x, config, owner, extra := e.Run(), s.prepare.Container(e, l), e.User, s.variables(e)
	made := runtime.Go(s, func(ctx context.Context) (struct{}, error) {
		extra.ask(ctx)
		return struct{}{}, s.makeSandbox(sandbox, executor, owner)
	})
	runtime.Await(s, made, func(_ struct{}, err error) { s.sandboxMade(x, config, extra, err) })
	if e.Checkpoint {
		describes := !f.Recorded
		s.waitFor(x, s.recorder.Executor(f, e, l.Tasks), func(err error) { s.runRecorded(x, describes, err) })
	}
	return e
}

// waitFor keeps tasks from being sent to an executor before a record of it is written. Then it calls done.
func (s *Executors) waitFor(x book.Run, record runtime.Future[struct{}], done func(error)) {
	all := record
	if earlier, ok := s.records[x]; ok {
		all = runtime.Chain(s, earlier, func(struct{}, error) runtime.Future[struct{}] { return record })
	}
	s.records[x] = all
	runtime.Await(s, all, func(_ struct{}, err error) {
		if s.records[x] == all {
			delete(s.records, x)
		}
		done(err)
	})
}

// runRecorded destroys the container of an executor that could not be checkpointed. Meanwhile it was being launched, but has
// got no tasks. describes says that the framework was checkpointed with it.
func (s *Executors) runRecorded(x book.Run, describes bool, err error) {
	f, e := s.book.Find(x)
	switch {
	case e == nil:
	case err == nil:
		f.Recorded = f.Recorded || describes
	case e.State < book.Terminating:
		s.Log().Error().Err(err).Stringer("executor_id", e.ID).Msg("executor not written down, killing it")
		e.State = book.Terminating
		s.Destroy(e, updates.Outcome{
			State: f.LostOr(mesospb.TaskState_TASK_DROPPED), Reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, Message: err.Error(),
		})
	}
}

// settle determines what follows for an executor from its framework, and returns its sandbox and the directory of the
// executor.
func (s *Executors) settle(f *book.Framework, e *book.Executor) (checkpoint.Run, checkpoint.Executor) {
	e.Checkpoint = f.Checkpoints()
	if s.switchUser {
		e.User = cmp.Or(e.Info.GetCommand().GetUser(), f.Info.GetUser())
	}
	sandbox, executor := s.recorder.Sandbox(e)
	e.Directory = string(sandbox)
	return sandbox, executor
}

// makeSandbox creates the sandbox of a run and the link to the latest run. The sandbox belongs to owner unless that is empty.
func (s *Executors) makeSandbox(dir checkpoint.Run, executor checkpoint.Executor, owner string) error {
	if err := sandbox.Make(s.disk, string(dir), owner); err != nil {
		return fmt.Errorf("make sandbox: %w", err)
	}
	if err := disk.Link(s.disk, string(dir), executor.LatestRun()); err != nil {
		return fmt.Errorf("link latest run: %w", err)
	}
	return nil
}

// sandboxMade launches the container after its sandbox has been created.
//
// Mesos: Slave::launchExecutor.
func (s *Executors) sandboxMade(x book.Run, config *slavepb.ContainerConfig, extra *variables, err error) {
	f, e := s.book.Find(x)
	switch {
	case e == nil:
		return
	case err != nil:
		s.terminated(x, &slavepb.ContainerTermination{
			State:  f.LostOr(mesospb.TaskState_TASK_DROPPED).Enum(),
			Reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED.Enum(), Message: proto.String(err.Error()),
		}, nil)
		return
	case e.Termination != nil: // it was destroyed before it was launched
		s.terminated(x, &slavepb.ContainerTermination{}, nil)
		return
	case f.Terminating || e.State >= book.Terminating:
		s.terminated(x, &slavepb.ContainerTermination{
			State:  mesospb.TaskState_TASK_FAILED.Enum(),
			Reason: mesospb.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED.Enum(), Message: proto.String("Executor terminating"),
		}, nil)
		return
	}
	s.recorder.Show(f, e)
	launched := s.containers.Launch(containerizer.Launch{
		ID: x.Container, Config: config, PIDFile: s.recorder.PIDFile(e),
		Environment: extra.add(s.prepare.Variables(prepare.Execution{
			Executor: e.Info, Container: x.Container, Directory: e.Directory, Agent: s.agent.ID(), PID: s.Self(), Checkpoint: e.Checkpoint,
		}), s.Log()),
	})
	runtime.Await(s, launched, func(_ struct{}, err error) { s.launched(x, err) })
	s.Delay(s.registration, func() { s.registrationTimeout(x) })
}

// Watch waits for the end of a container. If the containerizer ends first, the agent is ending, and the container goes on.
func (s *Executors) Watch(x book.Run) {
	runtime.Await(s, s.containers.Wait(x.Container), func(t *slavepb.ContainerTermination, err error) {
		if !errors.Is(err, runtime.ErrTerminated) {
			s.terminated(x, t, err)
		}
	})
}

// launched waits for the end of a container, and handles a failed launch.
//
// Mesos: Slave::executorLaunched.
func (s *Executors) launched(x book.Run, err error) {
	s.Watch(x)
	f, e := s.book.Find(x)
	switch {
	case errors.Is(err, containerizer.ErrUnsupported), errors.Is(err, containerizer.ErrExists): // there is none to destroy
		s.Log().Error().Err(err).Stringer("container_id", x.Container).Stringer("executor_id", x.Executor).
			Msg("container not launched")
		s.counts.LaunchErrors++
	case err != nil:
		s.Log().Error().Err(err).Stringer("container_id", x.Container).Stringer("executor_id", x.Executor).
			Msg("container failed to start")
		s.counts.LaunchErrors++
		if e == nil || e.Termination != nil { // it is being destroyed
			s.containers.Destroy(x.Container)
			return
		}
		s.Destroy(e, updates.Outcome{
			State: mesospb.TaskState_TASK_FAILED, Reason: mesospb.TaskStatus_REASON_CONTAINER_LAUNCH_FAILED,
			Message: "Failed to launch container: " + err.Error(),
		})
	case e == nil || f.Terminating || e.State >= book.Terminating:
		s.Log().Warn().Stringer("container_id", x.Container).Msg("killing an executor that is no longer wanted")
		s.containers.Destroy(x.Container)
	}
}

// registrationTimeout kills an executor that has not registered in time.
//
// Mesos: Slave::registerExecutorTimeout.
func (s *Executors) registrationTimeout(x book.Run) {
	f, e := s.book.Find(x)
	if e == nil || f.Terminating || e.State != book.Registering {
		return
	}
	s.Log().Warn().Stringer("executor_id", x.Executor).Stringer("framework_id", x.Framework).
		Dur("timeout", s.registration).Msg("executor did not register in time, killing it")
	e.State = book.Terminating
	s.Destroy(e, updates.Outcome{
		State:   mesospb.TaskState_TASK_FAILED,
		Reason:  mesospb.TaskStatus_REASON_EXECUTOR_REGISTRATION_TIMEOUT,
		Message: "Executor did not register within " + units.FormatDuration(s.registration),
	})
}
