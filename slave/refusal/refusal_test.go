package refusal_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/ledger"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/refusal"
)

const none = book.State(-1)

// situation is a launch of a task in executor x1, and the state that it meets.
type situation struct {
	executor book.State // of x1; none means that it does not exist
	fresh    *bool      // the master's expectation
	command  bool
	draining bool
	change   func(*book.Launch)
}

func (s situation) refusal() *refusal.Refusal {
	b := book.New(book.DefaultLimits)
	f := b.Add(&mesospb.FrameworkInfo{Id: ids.Framework("f1").Proto()}, runtime.PID{})
	info := &mesospb.ExecutorInfo{ExecutorId: ids.Executor("x1").Proto()}
	if s.executor != none {
		e := book.NewExecutor("f1", info, "c1")
		e.State = s.executor
		f.AddExecutor(e)
	}
	l := &book.Launch{
		Framework: "f1", Executor: info, Tasks: []*mesospb.TaskInfo{{TaskId: ids.Task("t1").Proto()}}, Command: s.command, Fresh: s.fresh,
	}
	if s.change != nil {
		s.change(l)
	}
	has := ledger.New(nil, nil, &mesospb.UUID{Value: []byte("present")})
	return refusal.Of(l, f, &has, s.draining, func(string) bool { return false })
}

// outdated gives a launch an outdated version of the resources.
func outdated(l *book.Launch) {
	l.Versions = []*internalpb.ResourceVersionUUID{{Uuid: &mesospb.UUID{Value: []byte("past")}}}
}

func TestOf(t *testing.T) {
	t.Parallel()
	yes, no := proto.Bool(true), proto.Bool(false)
	for name, c := range map[string]struct {
		situation
		want mesospb.TaskStatus_Reason // 0 if it is carried out
		stay bool
		ends bool
	}{
		"the first task":                {situation{executor: none, fresh: yes}, 0, false, false},
		"another task":                  {situation{executor: book.Running, fresh: no}, 0, false, false},
		"before it has registered":      {situation{executor: book.Registering, fresh: no}, 0, false, false},
		"an old master, first task":     {situation{executor: none}, 0, false, false},
		"an old master, another":        {situation{executor: book.Running}, 0, false, false},
		"a command":                     {situation{executor: none, fresh: yes, command: true}, 0, false, false},
		"a command, wrongly believed":   {situation{executor: none, fresh: no, command: true}, 0, false, false},
		"a command, and the executor":   {situation{executor: book.Running, fresh: yes, command: true}, mesospb.TaskStatus_REASON_TASK_INVALID, true, false},
		"it is there":                   {situation{executor: book.Running, fresh: yes}, mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, true, true},
		"it is there, and over":         {situation{executor: book.Terminated, fresh: yes}, mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, false, true},
		"it is not there":               {situation{executor: none, fresh: no}, mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, true, false},
		"it is ending":                  {situation{executor: book.Terminating, fresh: no}, mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, true, false},
		"it is over":                    {situation{executor: book.Terminated, fresh: no}, mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, true, false},
		"it is over, for an old master": {situation{executor: book.Terminated}, mesospb.TaskStatus_REASON_EXECUTOR_TERMINATED, true, false},
		"draining":                      {situation{executor: book.Running, fresh: no, draining: true}, mesospb.TaskStatus_REASON_SLAVE_DRAINING, false, false},
		"outdated":                      {situation{executor: book.Running, fresh: no, change: outdated}, mesospb.TaskStatus_REASON_INVALID_OFFERS, false, false},
		"draining goes before outdated": {situation{executor: none, fresh: yes, draining: true, change: outdated}, mesospb.TaskStatus_REASON_SLAVE_DRAINING, false, false},
		"outdated goes before executor": {situation{executor: book.Running, fresh: yes, change: outdated}, mesospb.TaskStatus_REASON_INVALID_OFFERS, false, false},
		"a name that leads elsewhere": {situation{executor: none, fresh: yes, draining: true, change: func(l *book.Launch) {
			l.Tasks[0].TaskId = ids.Task("../t1").Proto()
		}}, mesospb.TaskStatus_REASON_TASK_INVALID, false, false},
		"a task twice": {situation{executor: none, fresh: yes, change: func(l *book.Launch) {
			l.Tasks = append(l.Tasks, l.Tasks[0])
		}}, mesospb.TaskStatus_REASON_TASK_INVALID, false, false},
	} {
		got := c.refusal()
		switch {
		case got == nil && c.want != 0:
			t.Errorf("%s: it is carried out, want %s", name, c.want)
		case got != nil && (got.Reason != c.want || got.ExecutorStays != c.stay || (got.Ends != nil) != c.ends || got.Text == ""):
			t.Errorf("%s: %+v, want %s; the executor stays: %v, ends: %v", name, *got, c.want, c.stay, c.ends)
		}
	}
}
