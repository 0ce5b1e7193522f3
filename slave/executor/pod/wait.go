package pod

import (
	"errors"
	"net/http"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
)

// wait waits for the end of a task's container, as long as the agent can be reached.
//
// Mesos: DefaultExecutor::wait.
func (x *Executor) wait(id ids.Task) {
	t := x.tasks.GetOrDefault(id, nil)
	if t == nil || t.waits || !x.connected {
		return
	}
	t.waits = true
	t.waiting = x.options.HTTP.Operate(x, &agentpb.Call{
		Type:                agentpb.Call_WAIT_NESTED_CONTAINER.Enum(),
		WaitNestedContainer: &agentpb.Call_WaitNestedContainer{ContainerId: t.container.Proto()},
	})
	runtime.Await(x, t.waiting, func(r *agentpb.Response, err error) { x.waited(id, r, err) })
}

// waited handles the end of a task's container.
//
// Mesos: DefaultExecutor::waited.
func (x *Executor) waited(id ids.Task, r *agentpb.Response, err error) {
	t := x.tasks.GetOrDefault(id, nil)
	if t == nil {
		return
	}
	t.waits = false
	var refused *executor.StatusError
	switch answered := errors.As(err, &refused); {
	case err == nil:
		x.end(t, t.outcome(r.GetWaitNestedContainer()))
	case answered && refused.Status == http.StatusNotFound:
		x.end(t, t.unknownOutcome())
	case !answered || refused.Status == http.StatusServiceUnavailable:
		x.Log().Warn().Err(err).Stringer("task_id", id).Msg("the agent does not tell how the task fares, asking again")
		x.Delay(again, func() { x.wait(id) })
	default:
		x.Log().Error().Err(err).Stringer("task_id", id).Msg("the agent will not tell how the task fares")
		x.finish()
	}
}

// outcome returns the terminal status of a task whose container ended.
func (t *task) outcome(w *agentpb.Response_WaitNestedContainer) *mesospb.TaskStatus {
	s := &mesospb.TaskStatus{State: mesospb.TaskState_TASK_FAILED.Enum(), Limitation: w.GetLimitation()}
	var said []string
	if w.ExitStatus == nil {
		said = append(said, "Command terminated with unknown status")
		if t.launchError != "" {
			said[0] = t.launchError
		}
	} else {
		status := command.ExitStatus(w.GetExitStatus())
		said = append(said, "Command "+status.String())
		switch {
		case t.overdue:
			s.Reason = mesospb.TaskStatus_REASON_MAX_COMPLETION_TIME_REACHED.Enum()
		case t.killing:
			s.State = mesospb.TaskState_TASK_KILLED.Enum()
		case status.Success():
			s.State = mesospb.TaskState_TASK_FINISHED.Enum()
		}
	}
	if w.State != nil {
		s.State = w.State
	}
	if w.Reason != nil {
		s.Reason = w.Reason
	}
	if w.Message != nil && t.launchError == "" {
		said = append(said, w.GetMessage())
	}
	text := strings.Join(said, ": ")
	s.Message = &text
	return s
}

// unknownOutcome returns the terminal status of a task whose container is unknown.
func (t *task) unknownOutcome() *mesospb.TaskStatus {
	text := "Unable to retrieve command's termination information"
	if t.launchError != "" {
		text = t.launchError
	}
	if t.killing {
		return &mesospb.TaskStatus{State: mesospb.TaskState_TASK_KILLED.Enum()}
	}
	return &mesospb.TaskStatus{State: mesospb.TaskState_TASK_FAILED.Enum(), Message: &text}
}

// end sends the terminal update of a task, and ends its group if necessary. After one task was killed because of its
// health, the terminal updates of all tasks are unhealthy.
//
// Mesos: DefaultExecutor::waited.
func (x *Executor) end(t *task, s *mesospb.TaskStatus) {
	t.completion.Cancel()
	t.checks.End()
	if x.sick {
		s.Healthy = proto.Bool(false)
	}
	x.Log().Info().Stringer("task_id", t.id()).Stringer("state", s.GetState()).Str("reason", s.GetMessage()).Msg("task is over")
	x.tell(t, s)
	x.tasks.Delete(t.id())
	if s.GetState() == mesospb.TaskState_TASK_FAILED || s.GetState() == mesospb.TaskState_TASK_KILLED {
		x.killGroup(t)
	}
	if x.tasks.Len() == 0 {
		x.finish()
	}
}

// Disconnected stops waiting for containers while the agent is away.
func (x *Executor) Disconnected(*executor.Driver) {
	x.connected = false
	for t := range x.tasks.Values() {
		t.checks.Pause()
		if t.waits {
			t.waiting.Discard()
		}
	}
}

// Reregistered waits for all containers again.
func (x *Executor) Reregistered(*executor.Driver, *mesospb.SlaveInfo) {
	x.connected = true
	var all []ids.Task
	for id := range x.tasks.Keys() {
		all = append(all, id)
	}
	for _, id := range all {
		t := x.tasks.GetOrDefault(id, nil)
		t.checks.Resume()
		if t.launched || t.launchError != "" {
			x.wait(id)
		}
	}
}

// refusal returns the agent's reason if err is a refusal of the agent.
func refusal(err error) (text string, refused bool) {
	var e *executor.StatusError
	if errors.As(err, &e) {
		return e.Text, true
	}
	return "", false
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
