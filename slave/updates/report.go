package updates

import (
	"context"
	"errors"
	"net"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/book"
)

// report is a status update on its way to the status update manager.
type report struct {
	update   *internalpb.StatusUpdate
	own      bool        // the agent made it, and nobody waits for an answer
	sender   runtime.PID // the driver that sent it; zero for an executor that uses HTTP
	executor ids.Executor
	file     string // where the manager checkpoints it; empty means nowhere
}

// subject identifies the task of a report.
type subject struct {
	framework ids.Framework
	task      ids.Task
}

func (r report) subject() subject         { return subject{r.framework(), r.task()} }
func (r report) framework() ids.Framework { return ids.FrameworkOf(r.update.GetFrameworkId()) }
func (r report) task() ids.Task           { return ids.TaskOf(r.update.GetStatus().GetTaskId()) }
func (r report) state() mesospb.TaskState { return r.update.GetStatus().GetState() }

// writeAgain is the delay before an update is written again that could not be written.
const writeAgain = 10 * time.Second

// enqueue handles a report after the earlier ones of its task.
func (s *Updates) enqueue(r report) {
	k := r.subject()
	s.queue[k] = append(s.queue[k], r)
	if len(s.queue[k]) == 1 {
		s.takeUp(r)
	}
}

// through goes on with the next report of a task.
func (s *Updates) through(r report) {
	k := r.subject()
	rest := s.queue[k][1:]
	if len(rest) == 0 {
		delete(s.queue, k)
		return
	}
	s.queue[k] = rest
	s.takeUp(rest[0])
}

// takeUp starts to handle a report: hooks may change its labels and its container status.
//
// Mesos: Slave::statusUpdate.
func (s *Updates) takeUp(r report) {
	if s.hooks == nil {
		s.decorated(r)
		return
	}
	framework, status := r.update.GetFrameworkId(), r.update.GetStatus()
	decorated := runtime.Go(s, func(ctx context.Context) (decoration, error) {
		status, err := s.hooks.SlaveTaskStatusDecorator(ctx, framework, status)
		return decoration{status, err}, nil
	})
	runtime.Await(s, decorated, func(d decoration, _ error) {
		if d.failed != nil {
			s.Log().Warn().Err(d.failed).Stringer("task_id", r.task()).Msg("status of a task not decorated")
		}
		if d.status != nil {
			r.update.Status.Labels, r.update.Status.ContainerStatus = d.status.Labels, proto.CloneOf(d.status.ContainerStatus)
		}
		s.decorated(r)
	})
}

// decoration is what hooks have made of a status, even if some of them failed.
type decoration struct {
	status *mesospb.TaskStatus
	failed error
}

// decorated goes on with a report. The next step depends on the task's executor.
func (s *Updates) decorated(r report) {
	e := s.book.Executor(r.framework(), r.executor)
	if r.executor == "" {
		s.deliver(r)
		return
	}
	if e == nil {
		s.apply(r)
		return
	}
	lost := r.state() == mesospb.TaskState_TASK_DROPPED || r.state() == mesospb.TaskState_TASK_LOST
	if e.IsQueued(r.task()) || r.own && lost && e.IsLaunched(r.task()) {
		s.apply(r) // there is no container to ask yet
		return
	}
	described := s.containers.Status(containerOf(e, r.update.GetStatus()))
	runtime.Await(s, described, func(c *mesospb.ContainerStatus, err error) { s.described(r, c, err) })
}

// described adds the status of the container. A container without networks of its own has the agent's address.
//
// Mesos: Slave::_statusUpdate.
func (s *Updates) described(r report, c *mesospb.ContainerStatus, err error) {
	if err == nil {
		if r.update.Status.ContainerStatus == nil {
			r.update.Status.ContainerStatus = &mesospb.ContainerStatus{}
		}
		full := r.update.Status.ContainerStatus
		proto.Merge(full, c)
		if len(full.GetNetworkInfos()) == 0 {
			full.NetworkInfos = []*mesospb.NetworkInfo{{
				IpAddresses: []*mesospb.NetworkInfo_IPAddress{{IpAddress: proto.String(host(s.Self()))}},
			}}
		}
	}
	s.apply(r)
}

// apply updates the task. A terminal task returns its resources before anybody learns of its end.
func (s *Updates) apply(r report) {
	e := s.book.Executor(r.framework(), r.executor)
	if e == nil {
		s.Log().Warn().Stringer("executor_id", r.executor).Msg("status update ignored: its executor is gone")
		s.through(r)
		return
	}
	if err := e.Apply(r.update.GetStatus()); err != nil {
		s.Log().Warn().Err(err).Stringer("task_id", r.task()).Stringer("state", r.state()).Msg("task's state not changed")
		s.answer(r)
		s.through(r)
		return
	}
	r.file = s.recorder.UpdatesFile(e, r.task())
	if tasks.IsTerminal(r.state()) {
		s.counts.End(r.state())
	}
	if !tasks.IsTerminal(r.state()) || e.State == book.Terminated {
		s.deliver(r)
		return
	}
	x := e.Run()
	shrunk := s.containers.Update(e.Container, e.Resources(), e.Limits())
	runtime.Await(s, shrunk, func(_ struct{}, err error) { s.shrunk(x, r, err) })
}

// shrunk delivers a terminal update, whether or not the task's resources could be returned.
//
// Mesos: Slave::__statusUpdate.
func (s *Updates) shrunk(x book.Run, r report, err error) {
	if f, e := s.book.Find(x); err != nil && e != nil && e.State != book.Terminated {
		s.notShrunk(f, e, err)
	}
	s.deliver(r)
}

// deliver passes an update to the manager, which sends it to the master. An executor's update is answered when it is
// checkpointed, however long that takes, because the executor forgets it afterwards. An update of the agent does not wait
// for a full disk.
func (s *Updates) deliver(r report) {
	u := statusupdate.Update{StatusUpdate: r.update, File: r.file, Volatile: r.own}
	taken := runtime.Ask(s.manager, (*statusupdate.StatusUpdateManager).Update, u)
	runtime.Await(s, taken, func(_ statusupdate.Outcome, err error) {
		switch {
		case err == nil, errors.Is(err, statusupdate.ErrClosed), errors.Is(err, runtime.ErrTerminated):
			s.answer(r)
			s.through(r)
		case errors.Is(err, statusupdate.ErrMismatch):
			s.mismatched(r)
		default:
			s.Log().Error().Err(err).Stringer("task_id", r.task()).Msg("status update not written down, trying again")
			s.Delay(writeAgain, func() { s.deliverAgain(r) })
		}
	})
}

// deliverAgain is like deliver, for a framework that may have been torn down meanwhile.
func (s *Updates) deliverAgain(r report) {
	if f := s.book.Framework(r.framework()); f == nil || f.Terminating {
		s.through(r)
		return
	}
	s.deliver(r)
}

// mismatched delivers an update of a task whose first update was not checkpointed, because it came before the task was
// launched. The others are not checkpointed either. An update without a stream is refused.
//
// Differs: Mesos aborts.
func (s *Updates) mismatched(r report) {
	log := s.Log().Warn().Stringer("task_id", r.task()).Stringer("framework_id", r.framework())
	if r.file == "" {
		log.Msg("status update refused: the task's updates are written to a file")
		s.counts.Updates.Invalid++
		s.answer(r)
		s.through(r)
		return
	}
	log.Msg("status update not written down: the task was reported before it was launched")
	r.file = ""
	s.deliver(r)
}

// answer acknowledges an update to its executor.
//
// Mesos: Slave::___statusUpdate.
func (s *Updates) answer(r report) {
	e := s.book.Executor(r.framework(), r.executor)
	if e != nil {
		e.Forget(r.update.GetStatus())
	}
	switch {
	case r.own:
	case !r.sender.IsZero():
		s.Send(r.sender, &internalpb.StatusUpdateAcknowledgementMessage{
			SlaveId: r.update.GetSlaveId(), FrameworkId: r.update.GetFrameworkId(),
			TaskId: r.update.GetStatus().GetTaskId(), Uuid: r.update.GetUuid(),
		})
	case e != nil:
		s.lines.Tell(e, &executorpb.Event{
			Type:         executorpb.Event_ACKNOWLEDGED.Enum(),
			Acknowledged: &executorpb.Event_Acknowledged{TaskId: r.update.GetStatus().GetTaskId(), Uuid: r.update.GetUuid()},
		})
	}
}

// containerOf returns the container of a task: that of its executor, unless the status names another.
func containerOf(e *book.Executor, status *mesospb.TaskStatus) ids.Container {
	if c := status.GetContainerStatus().GetContainerId(); c != nil {
		return ids.ContainerOf(c)
	}
	return e.Container
}

func host(p runtime.PID) string {
	h, _, _ := net.SplitHostPort(p.Addr)
	return h
}
