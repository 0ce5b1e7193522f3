package slave

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	rules "meseta/messages/validate"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/refusal"
	"meseta/slave/updates"
	"meseta/slave/wire"
)

// runTask launches a task in its own executor or in the command executor.
//
// Mesos: Slave::handleRunTaskMessage.
func (s *Slave) runTask(from runtime.PID, m *internalpb.RunTaskMessage) {
	if !s.membership.FromMaster(from, "run task") {
		return
	}
	t := m.GetTask()
	if (t.Executor == nil) == (t.Command == nil) {
		s.Log().Error().Str("task_id", t.GetTaskId().GetValue()).Msg("task ignored: it has not exactly one of executor and command")
		return
	}
	s.launch(m.GetFramework(), m.GetPid(), &book.Launch{
		Executor: s.config.prepare().Executor(t, m.GetFramework()), Tasks: []*mesospb.TaskInfo{t},
		Command: t.Executor == nil, Fresh: m.LaunchExecutor, Versions: m.GetResourceVersionUuids(),
	})
}

// runTaskGroup launches a task group.
//
// Mesos: Slave::handleRunTaskGroupMessage.
func (s *Slave) runTaskGroup(from runtime.PID, m *internalpb.RunTaskGroupMessage) {
	if !s.membership.FromMaster(from, "run task group") {
		return
	}
	if len(m.GetTaskGroup().GetTasks()) == 0 {
		s.Log().Error().Msg("task group ignored: it has no tasks")
		return
	}
	s.launch(m.GetFramework(), "", &book.Launch{
		Executor: m.GetExecutor(), Tasks: m.GetTaskGroup().GetTasks(), Group: true,
		Fresh: m.LaunchExecutor, Versions: m.GetResourceVersionUuids(),
	})
}

// launch starts a launch, which ends in carryOut. In between, directories of the framework and the executor that are
// scheduled for deletion are saved, operations that came before are written, so that their volumes exist, and hooks change
// the labels of the tasks.
//
// Mesos: Slave::run.
func (s *Slave) launch(framework *mesospb.FrameworkInfo, scheduler string, l *book.Launch) {
	l.Framework = ids.FrameworkOf(framework.GetId())
	log := s.Log().With().Stringer("framework_id", l.Framework).Strs("task_ids", book.TaskIDs(l.Tasks)).Logger()
	for _, t := range l.Tasks {
		if agent := ids.AgentOf(t.GetSlaveId()); agent != s.membership.ID() {
			log.Warn().Stringer("agent_id", agent).Msg("launch ignored: meant for an earlier id of this agent")
			return
		}
	}
	if err := rules.ID(string(l.Framework)); err != nil || s.membership.State() == membership.Terminating {
		log.Warn().AnErr("err", err).Stringer("state", s.membership.State()).Msg("launch ignored")
		return
	}
	f := s.book.Framework(l.Framework)
	if f != nil && slices.ContainsFunc(l.Tasks, func(t *mesospb.TaskInfo) bool { return f.Knows(ids.TaskOf(t.GetTaskId())) }) {
		log.Warn().Msg("launch ignored: a task of that name is here already")
		return
	}
	log.Info().Msg("launch received")
	if f == nil {
		pid, _ := runtime.ParsePID(scheduler) // a scheduler that uses HTTP has none
		f = s.book.Add(framework, pid)
	}
	allocateLaunch(l, framework)
	f.Begin(l)
	saved := s.recorder.Save(l.Framework, l.ExecutorID())
	ready := saved
	if s.operations.Busy() {
		ready = runtime.Chain(s, s.operations.Done(), func(struct{}, error) runtime.Future[[]bool] { return saved })
	}
	s.decorate(l, framework, func() {
		runtime.Await(s, ready, func(_ []bool, err error) { s.authorize(l, framework, err) })
	})
}

// authorize determines whether a framework may run the tasks of a launch as their users, unless that has failed already.
// The agent asks as well as the master, which may have other rules.
//
// Mesos: Slave::authorizeTask.
func (s *Slave) authorize(l *book.Launch, framework *mesospb.FrameworkInfo, failed error) {
	switch {
	case failed != nil:
		s.prepared(l, refusal.DirectoriesNotSaved)
	case s.config.Authorizer == nil:
		s.prepared(l, nil)
	default:
		runtime.Await(s, authorizer.OfFramework(s.config.Authorizer, framework), func(may authorizer.Approver, err error) {
			if err != nil {
				s.prepared(l, refusal.NotDecided(err))
				return
			}
			s.prepared(l, refusal.Unauthorized(l, framework, may))
		})
	}
}

// allocateLaunch converts the resources of the tasks and the executor to the newer format.
func allocateLaunch(l *book.Launch, f *mesospb.FrameworkInfo) {
	l.Executor = proto.CloneOf(l.Executor)
	l.Executor.Resources = wire.Allocate(l.Executor.GetResources(), f)
	if l.Executor.GetFrameworkId() == nil {
		l.Executor.FrameworkId = f.GetId()
	}
	tasks := make([]*mesospb.TaskInfo, len(l.Tasks))
	for i, t := range l.Tasks {
		t = proto.CloneOf(t)
		t.Resources = wire.Allocate(t.GetResources(), f)
		if t.Executor != nil {
			t.Executor.Resources = wire.Allocate(t.Executor.GetResources(), f)
		}
		tasks[i] = t
	}
	l.Tasks = tasks
}

// prepared carries out a launch, unless it is refused or an earlier one for the same executor still waits.
func (s *Slave) prepared(l *book.Launch, r *refusal.Refusal) {
	f := s.book.Framework(l.Framework)
	if f == nil {
		s.executors.NotLaunched(l)
		return
	}
	if r != nil {
		s.Log().Warn().Stringer("framework_id", f.ID).Strs("task_ids", book.TaskIDs(l.Tasks)).Str("reason", r.Text).Msg("launch refused")
		s.drop(l, r)
		for _, t := range l.Tasks {
			f.Cancel(ids.TaskOf(t.GetTaskId()))
		}
	}
	for _, ready := range f.Ready(l) {
		s.carryOut(f, ready)
	}
	s.leaveIfIdle(l.Framework)
}

// carryOut gives tasks to their executor, which it starts if there is none.
//
// Mesos: Slave::__run.
func (s *Slave) carryOut(f *book.Framework, l *book.Launch) {
	log := s.Log().With().Stringer("framework_id", f.ID).Strs("task_ids", book.TaskIDs(l.Tasks)).Logger()
	if f.Terminating || s.membership.State() == membership.Terminating || l.Killed() {
		log.Warn().Msg("launch ignored: killed, or the framework is being shut down")
		s.executors.NotLaunched(l)
		return
	}
	if r := refusal.Of(l, f, s.membership.Ledger(), s.drain.Config() != nil, s.config.Isolation.Has); r != nil {
		log.Warn().Str("reason", r.Text).Msg("launch refused")
		if r.Ends != nil {
			s.executors.End(r.Ends)
		}
		s.drop(l, r)
		if !r.ExecutorStays {
			s.executors.NotLaunched(l)
		}
		return
	}
	s.executors.Give(f, l)
}

// drop reports tasks that will not run.
func (s *Slave) drop(l *book.Launch, r *refusal.Refusal) {
	f := s.book.Framework(l.Framework)
	state := f.LostOr(mesospb.TaskState_TASK_DROPPED)
	if r.Error {
		state = mesospb.TaskState_TASK_ERROR
	}
	for _, t := range l.Tasks {
		s.updates.Report(f.ID, ids.TaskOf(t.GetTaskId()), l.ExecutorID(), updates.Outcome{
			State: state, Reason: r.Reason, Message: r.Text,
		})
	}
}
