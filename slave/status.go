package slave

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/validate"
)

// report is a status update on its way from whoever made it to the status update manager. It is described (what the
// container is like), applied (to the task in the book), delivered (to the manager), and answered (to the executor).
// Those of one task go this way one after another, in the order in which they came.
type report struct {
	update   *internalpb.StatusUpdate
	own      bool        // the agent made it, and nobody waits for an answer
	sender   runtime.PID // the driver that made it; zero if that speaks HTTP
	executor ids.Executor
	file     string // where the manager writes it down; empty: nowhere
}

// subject names the task that reports are about.
type subject struct {
	framework ids.Framework
	task      ids.Task
}

func (r report) subject() subject         { return subject{r.framework(), r.task()} }
func (r report) framework() ids.Framework { return ids.FrameworkOf(r.update.GetFrameworkId()) }
func (r report) task() ids.Task           { return ids.TaskOf(r.update.GetStatus().GetTaskId()) }
func (r report) state() mesospb.TaskState { return r.update.GetStatus().GetState() }

// newUpdate is an update that the agent makes. executor is empty if the task never had one.
//
// Mesos: protobuf::createStatusUpdate.
func (s *Slave) newUpdate(f ids.Framework, t ids.Task, executor ids.Executor, o outcome) *internalpb.StatusUpdate {
	now := proto.Float64(seconds(s.Now()))
	status := o.status(t)
	status.SlaveId, status.Timestamp, status.Uuid = s.info.GetId(), now, s.uuid()
	u := &internalpb.StatusUpdate{
		FrameworkId: f.Proto(), SlaveId: s.info.GetId(), Status: status, Timestamp: now, Uuid: status.Uuid,
	}
	if executor != "" {
		u.ExecutorId, status.ExecutorId = executor.Proto(), executor.Proto()
	}
	return u
}

// statusUpdate is an executor's word about a task.
//
// Mesos: Slave::statusUpdate.
func (s *Slave) statusUpdate(from runtime.PID, m *internalpb.StatusUpdateMessage) {
	sender, err := runtime.ParsePID(m.GetPid())
	if err != nil {
		sender = from
	}
	u := m.GetUpdate()
	log := s.Log().With().Str("task_id", u.GetStatus().GetTaskId().GetValue()).Stringer("from", sender).Logger()
	if _, err := ids.UUIDOf(u.GetUuid()); err != nil {
		log.Warn().Err(err).Msg("status update ignored")
		s.counts.updates.invalid++
		return
	}
	if ids.AgentOf(u.GetSlaveId()) != s.id() || ids.AgentOf(u.GetStatus().GetSlaveId()) != s.id() {
		log.Warn().Str("agent_id", u.GetSlaveId().GetValue()).Msg("status update ignored: meant for another agent")
		s.counts.updates.invalid++
		return
	}
	u = proto.CloneOf(u)
	u.Status.Uuid, u.Status.Source = u.GetUuid(), mesospb.TaskStatus_SOURCE_EXECUTOR.Enum()
	if u.ExecutorId != nil {
		u.Status.ExecutorId = u.GetExecutorId()
	}
	s.accept(report{update: u, sender: sender})
}

// report takes an update that the agent made.
func (s *Slave) report(u *internalpb.StatusUpdate) { s.accept(report{update: u, own: true}) }

// accept takes a report that makes sense.
func (s *Slave) accept(r report) {
	f := s.book.Framework(r.framework())
	if f == nil || f.Terminating {
		s.Log().Warn().Stringer("framework_id", r.framework()).Stringer("task_id", r.task()).
			Msg("status update ignored: the framework is unknown or being shut down")
		s.counts.updates.invalid++
		return
	}
	e := f.ExecutorOf(r.task())
	if f.Pending(r.task()) != nil {
		f.Cancel(r.task())
		e = nil
	}
	if !r.own && !validate.Reportable(r.state()) {
		s.refuseState(e, r)
		return
	}
	s.counts.updates.valid++
	s.drainStatus(f, r.update.GetStatus())
	if e != nil {
		r.executor = e.ID
		e.Expect(r.update.GetStatus())
	}
	s.enqueue(r)
}

// enqueue takes a report up when those of its task that came before are through.
func (s *Slave) enqueue(r report) {
	k := r.subject()
	s.reports[k] = append(s.reports[k], r)
	if len(s.reports[k]) == 1 {
		s.takeUp(r)
	}
}

// through goes on with the next report of a task.
func (s *Slave) through(r report) {
	k := r.subject()
	rest := s.reports[k][1:]
	if len(rest) == 0 {
		delete(s.reports, k)
		return
	}
	s.reports[k] = rest
	s.takeUp(rest[0])
}

// takeUp begins with a report, of which it depends on the task's executor where it goes first.
func (s *Slave) takeUp(r report) {
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

// refuseState ends an executor that reports one of its tasks to be in a state that is not its to report. e is nil when
// the task is none of an executor.
func (s *Slave) refuseState(e *book.Executor, r report) {
	s.counts.updates.invalid++
	s.Log().Error().Stringer("task_id", r.task()).Stringer("state", r.state()).Msg("status update refused: executors may not report this state")
	if e != nil {
		s.endExecutor(e)
	}
}

// containerOf is the container a task runs in: its executor's, unless it says better.
func containerOf(e *book.Executor, status *mesospb.TaskStatus) ids.Container {
	if c := status.GetContainerStatus().GetContainerId(); c != nil {
		return ids.ContainerOf(c)
	}
	return e.Container
}

// described adds what is known of the container; without networks of its own it has the agent's address.
//
// Mesos: Slave::_statusUpdate.
func (s *Slave) described(r report, c *mesospb.ContainerStatus, err error) {
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

func host(p runtime.PID) string {
	h, _, _ := net.SplitHostPort(p.Addr)
	return h
}

// apply brings the task into its new state. A task that ends gives its resources back before anybody hears of it.
func (s *Slave) apply(r report) {
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
	if e.Checkpoint {
		r.file = s.updatesFile(e, r.task())
	}
	if statusupdate.Terminal(r.state()) {
		s.counts.end(r.state())
	}
	if !statusupdate.Terminal(r.state()) || e.State == book.Terminated {
		s.deliver(r)
		return
	}
	x := runOf(e)
	shrunk := s.containers.Update(e.Container, e.Resources())
	runtime.Await(s, shrunk, func(_ struct{}, err error) { s.shrunk(x, r, err) })
}

// shrunk delivers the end of a task, whatever became of its resources.
//
// Mesos: Slave::__statusUpdate.
func (s *Slave) shrunk(x run, r report, err error) {
	if f, e := s.find(x); err != nil && e != nil && e.State != book.Terminated {
		s.updateFailed(f, e, err)
	}
	s.deliver(r)
}

// writeAgain is how long an update waits that could not be written down.
const writeAgain = 10 * time.Second

// deliver hands an update to the manager, which will get it to the master. One that an executor made is written down
// before, however long that takes, since the executor forgets it then; one that the agent made is not held up by a disk
// that is full.
func (s *Slave) deliver(r report) {
	u := statusupdate.Update{StatusUpdate: r.update, File: r.file, Volatile: r.own}
	taken := runtime.Ask(s.updates, (*statusupdate.StatusUpdateManager).Update, u)
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

// deliverAgain is deliver for a framework that may have been torn down in the meantime.
func (s *Slave) deliverAgain(r report) {
	if f := s.book.Framework(r.framework()); f == nil || f.Terminating {
		s.through(r)
		return
	}
	s.deliver(r)
}

// mismatched delivers an update of a task whose first update was not written down, since it came before the task was
// launched: the others are not written down either. An update that has no stream at all is refused.
//
// Differs: the reference aborts.
func (s *Slave) mismatched(r report) {
	log := s.Log().Warn().Stringer("task_id", r.task()).Stringer("framework_id", r.framework())
	if r.file == "" {
		log.Msg("status update refused: the task's updates are written to a file")
		s.counts.updates.invalid++
		s.answer(r)
		s.through(r)
		return
	}
	log.Msg("status update not written down: the task was reported before it was launched")
	r.file = ""
	s.deliver(r)
}

// answer lets the executor forget an update.
//
// Mesos: Slave::___statusUpdate.
func (s *Slave) answer(r report) {
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
		s.tell(e, &executorpb.Event{
			Type:         executorpb.Event_ACKNOWLEDGED.Enum(),
			Acknowledged: &executorpb.Event_Acknowledged{TaskId: r.update.GetStatus().GetTaskId(), Uuid: r.update.GetUuid()},
		})
	}
}

// forward sends an update to the master, with the newest that is known of the task beside it.
//
// Mesos: Slave::forward.
func (s *Slave) forward(u *internalpb.StatusUpdate) {
	if s.state != running {
		s.Log().Warn().Str("task_id", u.GetStatus().GetTaskId().GetValue()).Msg("status update not sent: not registered")
		return
	}
	u = proto.CloneOf(u)
	u.Status.Uuid = u.GetUuid()
	task := ids.TaskOf(u.GetStatus().GetTaskId())
	if f := s.book.Framework(ids.FrameworkOf(u.GetFrameworkId())); f != nil {
		if e := f.ExecutorOf(task); e != nil && e.Task(task) != nil {
			t := e.Task(task)
			u.LatestState = latest(t, u).Enum()
			t.StatusUpdateState, t.StatusUpdateUuid = u.GetStatus().GetState().Enum(), u.GetUuid()
		}
	}
	s.Log().Info().Stringer("task_id", task).Stringer("state", u.GetStatus().GetState()).Msg("status update sent")
	s.Send(s.master, &internalpb.StatusUpdateMessage{Update: u, Pid: proto.String(s.Self().String())})
}

// latest is the state of a task to be told beside an update of it.
//
// Differs: the reference tells the end of a task with the update before the one that is about the end, and its master,
// which counts a task by the status it ends with, then counts it nowhere. There a task takes a tenth of a second to end,
// in which the updates before have been acknowledged; here it does not. So the end is told early only if an update has to
// be sent again: the scheduler takes its time, and the master should have the resources back.
func latest(t *mesospb.Task, u *internalpb.StatusUpdate) mesospb.TaskState {
	state := u.GetStatus().GetState()
	sentBefore := bytes.Equal(t.GetStatusUpdateUuid(), u.GetUuid())
	if statusupdate.Terminal(t.GetState()) && !statusupdate.Terminal(state) && !sentBefore {
		return state
	}
	return t.GetState()
}

// statusUpdateAcknowledgement is the scheduler's word that it has an update, by way of the master.
//
// Mesos: Slave::statusUpdateAcknowledgement.
//
// It need not be the master's: schedulers as old as Mesos 0.20 answer the agent directly.
func (s *Slave) statusUpdateAcknowledgement(from runtime.PID, m *internalpb.StatusUpdateAcknowledgementMessage) {
	if strings.HasPrefix(from.ID, "master") && !s.fromMaster(from, "status update acknowledgement") {
		return
	}
	if s.state == disconnected {
		s.Log().Warn().Msg("acknowledgement ignored: not registered")
		return
	}
	uuid, err := ids.UUIDOf(m.GetUuid())
	if err != nil {
		s.Log().Warn().Err(err).Msg("acknowledgement ignored")
		return
	}
	a := statusupdate.Ack{Framework: ids.FrameworkOf(m.GetFrameworkId()), Task: ids.TaskOf(m.GetTaskId()), UUID: uuid}
	taken := runtime.Flatten(runtime.Call(s.updates, (*statusupdate.StatusUpdateManager).Acknowledge, a))
	runtime.Await(s, taken, func(o statusupdate.Outcome, err error) { s.acknowledged(a, o, err) })
}

// acknowledged closes the books on a task whose end was acknowledged, and on what that leaves without a purpose.
//
// Mesos: Slave::_statusUpdateAcknowledgement.
func (s *Slave) acknowledged(a statusupdate.Ack, o statusupdate.Outcome, err error) {
	if err != nil {
		s.Log().Warn().Err(err).Stringer("framework_id", a.Framework).Msg("acknowledgement ignored")
		return
	}
	f := s.book.Framework(a.Framework)
	if f == nil {
		return
	}
	e := f.ExecutorOf(a.Task)
	if e == nil {
		return
	}
	if o.Terminated && e.IsTerminated(a.Task) {
		e.Complete(a.Task)
		s.retireTask(e, a.Task)
	}
	if e.State == book.Terminated && !e.Incomplete() {
		s.removeExecutor(f, e)
	}
	s.leaveIfIdle(f.ID)
}
