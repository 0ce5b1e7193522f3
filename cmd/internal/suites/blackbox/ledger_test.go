package blackbox

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
)

// ledger is what a framework knows of its tasks. Each of them prints "ran", its ID, and ends.
type ledger struct {
	name   string
	atOnce int // how many tasks may run at the same time

	mu     sync.Mutex
	begun  int              // number of tasks so far
	closed bool             // no task is launched any more
	open   map[string]*work // tasks that have not ended, by ID
	ended  map[string]end   // the others
	wrong  []string
}

// work is a task that has not ended.
type work struct {
	agent string // where it was launched
	heard bool   // its agent has reported it
}

// end is the terminal update of a task. It has no UUID if the task never reached its agent.
type end struct {
	state mesospb.TaskState
	uuid  []byte
}

func newLedger(name string) *ledger {
	return &ledger{name: name, atOnce: 2, open: map[string]*work{}, ended: map[string]end{}}
}

// first is the ID of the first task.
func (l *ledger) first() string { return l.name + "-1" }

// launches returns the ID of a new task on an agent; ok is false if none is wanted.
func (l *ledger) launches(agent string) (id string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.open) >= l.atOnce {
		return "", false
	}
	l.begun++
	id = fmt.Sprintf("%s-%d", l.name, l.begun)
	l.open[id] = &work{agent: agent}
	return id, true
}

// unended returns the agents of the tasks that have not ended, by ID.
func (l *ledger) unended() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	agents := map[string]string{}
	for id, w := range l.open {
		agents[id] = w.agent
	}
	return agents
}

// neverSeen are the states of tasks that have not reached their agent, or of which that knows nothing.
var neverSeen = map[mesospb.TaskState]bool{
	mesospb.TaskState_TASK_LOST: true, mesospb.TaskState_TASK_DROPPED: true, mesospb.TaskState_TASK_GONE: true,
}

// hears enters an update. Without a UUID it is what a master or the driver knows of the task, which may be more than its agent has
// been able to report.
func (l *ledger) hears(id string, state mesospb.TaskState, uuid []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	over, ended := l.ended[id]
	w := l.open[id]
	switch {
	case ended && len(uuid) > 0 && !bytes.Equal(uuid, over.uuid):
		l.wrong = append(l.wrong, fmt.Sprintf("task %s: %s after %s", id, state, over.state))
	case ended:
	case w == nil:
		l.wrong = append(l.wrong, fmt.Sprintf("task %s, which nobody launched: %s", id, state))
	case len(uuid) == 0 && !neverSeen[state]:
	case tasks.IsTerminal(state):
		if len(uuid) == 0 && w.heard {
			l.wrong = append(l.wrong, fmt.Sprintf("task %s: the agent has reported it, but the master says %s", id, state))
		}
		delete(l.open, id)
		l.ended[id] = end{state, uuid}
	default:
		w.heard = true
	}
}

// finished is the number of tasks that have run.
func (l *ledger) finished() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.ended {
		if e.state == mesospb.TaskState_TASK_FINISHED {
			n++
		}
	}
	return n
}

// goesOn waits until another task has finished.
func (l *ledger) goesOn(t *testing.T) {
	t.Helper()
	before := l.finished()
	gone(t, func() []string {
		if l.finished() == before {
			return []string{fmt.Sprintf("%s has finished %d tasks", l.name, before)}
		}
		return nil
	})
}

// close waits until all tasks have ended, and demands that each has run as often as it was said to. Those that never reached an
// agent have not run.
func (l *ledger) close(t *testing.T, agents ...string) {
	t.Helper()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	gone(t, func() (open []string) {
		for id := range l.unended() {
			open = append(open, id)
		}
		return open
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, problem := range l.wrong {
		t.Error(problem)
	}
	for id, e := range l.ended {
		want := 0
		if len(e.uuid) > 0 {
			want = 1
			if e.state != mesospb.TaskState_TASK_FINISHED {
				t.Errorf("task %s: %s", id, e.state)
			}
		}
		ran := 0
		for _, dir := range agents {
			ran += len(outputs(t, dir, "ran "+id))
		}
		if ran != want {
			t.Errorf("task %s has run %d times after %s, want %d", id, ran, e.state, want)
		}
	}
	if t.Failed() {
		t.Logf("%s has launched %d tasks", l.name, l.begun)
	}
}
