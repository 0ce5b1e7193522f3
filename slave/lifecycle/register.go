package lifecycle

import (
	"slices"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/updates"
)

// Register handles the registration of an executor's driver. It shuts down an executor that is not expected, or not there.
//
// Mesos: Slave::registerExecutor.
//
// Differs: Mesos believes whoever comes first, wherever it is.
func (s *Executors) Register(from runtime.PID, m *internalpb.RegisterExecutorMessage) {
	framework, executor := ids.FrameworkOf(m.GetFrameworkId()), ids.ExecutorOf(m.GetExecutorId())
	log := s.Log().With().Stringer("executor_id", executor).Stringer("framework_id", framework).Stringer("from", from).Logger()
	f := s.book.Framework(framework)
	e := s.book.Executor(framework, executor)
	switch {
	case from.IsZero():
		log.Warn().Msg("registration ignored: it has no sender")
	case !s.expected(f, e):
		log.Warn().Msg("executor is not expected to register, shutting it down")
		s.lines.Dismiss(book.Line{PID: from})
	case s.near(e, from):
		s.registered(f, e, from)
	default:
		x := e.Run()
		runtime.Await(s, s.there(e, from), func(there bool, err error) {
			f, e := s.book.Find(x)
			if err == nil && there && s.expected(f, e) {
				s.registered(f, e, from)
				return
			}
			log.Warn().Err(err).Bool("expected", s.expected(f, e)).Msg("registration refused: neither this machine nor the executor's container has that address")
			s.lines.Dismiss(book.Line{PID: from})
		})
	}
}

// expected reports whether an executor may register, which is unknown if it is nil.
func (s *Executors) expected(f *book.Framework, e *book.Executor) bool {
	return s.agent.State() != membership.Recovering && s.agent.State() != membership.Terminating &&
		f != nil && !f.Terminating && e != nil && e.State == book.Registering
}

// registered lets in an executor, which is expected.
func (s *Executors) registered(f *book.Framework, e *book.Executor, driver runtime.PID) {
	s.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Stringer("from", driver).Msg("executor registered")
	s.Link(driver)
	s.connect(e, book.Line{PID: driver})
	s.admit(f, e)
}

// connect records the connection to an executor, which is Running from now on.
func (s *Executors) connect(e *book.Executor, l book.Line) {
	e.State, e.Line = book.Running, l
	if e.Checkpoint {
		x := e.Run()
		s.waitFor(x, s.recorder.Line(e), func(err error) { s.lineRecorded(x, err) })
	}
}

// lineRecorded kills an executor whose address could not be checkpointed, since the next agent could not find it.
func (s *Executors) lineRecorded(x book.Run, err error) {
	_, e := s.book.Find(x)
	if err == nil || e == nil || e.State == book.Terminated {
		return
	}
	s.Log().Error().Err(err).Stringer("executor_id", e.ID).Msg("executor's address not written down, killing it")
	s.Destroy(e, updates.Outcome{
		State: mesospb.TaskState_TASK_FAILED, Reason: mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, Message: err.Error(),
	})
}

// admit confirms the registration of an executor and sends it its tasks, or shuts it down if it has none.
func (s *Executors) admit(f *book.Framework, e *book.Executor) {
	if !e.EverSent() && len(e.Queued()) == 0 {
		s.Log().Warn().Stringer("executor_id", e.ID).Msg("executor has no tasks to run, shutting it down")
		s.End(e)
		return
	}
	s.lines.Tell(e, &executorpb.Event{
		Type: executorpb.Event_SUBSCRIBED.Enum(),
		Subscribed: &executorpb.Event_Subscribed{
			ExecutorInfo: e.Info, FrameworkInfo: f.Info, SlaveInfo: s.agent.Info(), ContainerId: e.Container.Proto(),
		},
	})
	s.sendQueued(e)
}

// Subscribe handles the subscription of an executor over HTTP, or its resubscription: an earlier stream is closed, and
// updates that were not acknowledged are taken again.
//
// Mesos: Slave::subscribe.
func (s *Executors) Subscribe(f *book.Framework, e *book.Executor, x *executorpb.Call_Subscribe, l book.Line) {
	log := s.Log().With().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Logger()
	if s.agent.State() == membership.Terminating || f.Terminating || e.State >= book.Terminating {
		log.Warn().Stringer("state", e.State).Msg("executor is not expected to subscribe, shutting it down")
		s.lines.Dismiss(l)
		return
	}
	if e.Line.Stream != nil {
		log.Warn().Msg("executor subscribes again, closing its earlier stream")
		e.Line.Stream.Close()
	}
	log.Info().Msg("executor subscribed")
	s.connect(e, l)
	for _, u := range x.GetUnacknowledgedUpdates() {
		s.updates.Update(e, u.GetStatus())
	}
	s.dropUnseen(e, x.GetUnacknowledgedTasks())
	if e.State == book.Running { // it may have said what ends it
		s.lines.Beat(e, l)
		s.admit(f, e)
	}
}

// dropUnseen reports tasks that were sent and are not among those that the executor has seen.
func (s *Executors) dropUnseen(e *book.Executor, seen []*mesospb.TaskInfo) {
	known := book.TaskIDs(seen)
	f := s.book.Framework(e.Framework)
	for t := range e.Launched() {
		id := ids.TaskOf(t.GetTaskId())
		if t.GetState() != mesospb.TaskState_TASK_STAGING || slices.Contains(known, string(id)) {
			continue
		}
		s.Log().Warn().Stringer("task_id", id).Stringer("executor_id", e.ID).Msg("task never reached its executor")
		s.updates.Report(f.ID, id, e.ID, updates.Outcome{
			State:   f.LostOr(mesospb.TaskState_TASK_DROPPED),
			Reason:  mesospb.TaskStatus_REASON_SLAVE_RESTARTED,
			Message: "Task launched during agent restart",
		})
	}
}
