package simcluster

import (
	"fmt"
	"slices"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// Updates follows the status updates between agents and their masters, and the acknowledgements that come back. An agent
// has to send the updates of a task one after the other: the next one only when the last one is acknowledged, and until
// then only the last one again, unchanged. Acknowledgements have to come in the same order, at most one for each time that
// an update was sent. This holds for one agent ID over all runs of the agent, as long as it checkpoints the task. An agent that
// does not know a task, and says so when its master asks, has nothing to checkpoint: it may say that in several updates.
//
// An agent sends an update that is not the last of its task while it writes it. If it ends before it has told the executor that
// the update is safe, and the executor ends too, the next agent knows nothing of that update.
type Updates struct {
	streams  map[streamKey]*stream
	unknown  map[string]bool // UUIDs of updates of tasks that their agents do not know
	order    []streamKey
	problems []string
}

type streamKey struct {
	agent     ids.Agent
	framework ids.Framework
	task      ids.Task
}

func (k streamKey) String() string {
	return fmt.Sprintf("%s of %s on %s", k.task, k.framework, k.agent)
}

// stream is the updates of one task, in the order in which they were first sent.
type stream struct{ updates []*sent }

// sent is one update.
type sent struct {
	id           string // its UUID
	content      string
	times        int    // how often it was sent
	acknowledged int    // how often
	from         string // the address of the agent
	last         bool   // it is the last of its task
	safe         bool   // an executor was told that it may forget the update
	forgotten    bool   // no agent may know it any more
}

// Ended notes that the agent at an address has ended, and that its executors may have done so too.
func (u *Updates) Ended(agent string) {
	for _, k := range u.order {
		all := u.streams[k].updates
		if x := all[len(all)-1]; x.from == agent && x.acknowledged == 0 && !x.last && !x.safe {
			x.forgotten = true
		}
	}
}

// Observe notes a message.
func (u *Updates) Observe(e runtime.Envelope) {
	switch m := e.Message.(type) {
	case *internalpb.StatusUpdateMessage:
		if x := m.GetUpdate(); e.To.ID == "master" && x.GetStatus().GetUuid() != nil {
			u.send(e.From.Addr, u.key(x.GetSlaveId().GetValue(), x.GetFrameworkId().GetValue(), x.GetStatus().GetTaskId().GetValue()), x)
		}
	case *internalpb.StatusUpdateAcknowledgementMessage:
		if e.From.ID == "master" {
			u.acknowledge(u.key(m.GetSlaveId().GetValue(), m.GetFrameworkId().GetValue(), m.GetTaskId().GetValue()), string(m.GetUuid()))
		} else {
			u.Safe(ids.AgentOf(m.GetSlaveId()), ids.FrameworkOf(m.GetFrameworkId()), ids.TaskOf(m.GetTaskId()), m.GetUuid())
		}
	}
}

// Safe notes that an executor was told that it may forget an update. Observe sees that of executors that speak v0.
func (u *Updates) Safe(agent ids.Agent, framework ids.Framework, task ids.Task, uuid []byte) {
	if x := u.find(streamKey{agent, framework, task}, string(uuid)); x != nil {
		x.safe = true
	}
}

func (u *Updates) key(agent, framework, task string) streamKey {
	return streamKey{ids.Agent(agent), ids.Framework(framework), ids.Task(task)}
}

func (u *Updates) wrong(k streamKey, format string, args ...any) {
	u.problems = append(u.problems, fmt.Sprintf("task %s: ", k)+fmt.Sprintf(format, args...))
}

func (u *Updates) find(k streamKey, id string) *sent {
	if s := u.streams[k]; s != nil {
		if at := slices.IndexFunc(s.updates, func(o *sent) bool { return o.id == id }); at >= 0 {
			return s.updates[at]
		}
	}
	return nil
}

// send notes that the agent at an address has sent an update.
func (u *Updates) send(from string, k streamKey, x *internalpb.StatusUpdate) {
	if u.streams == nil {
		u.streams, u.unknown = map[streamKey]*stream{}, map[string]bool{}
	}
	if x.GetStatus().GetReason() == mesospb.TaskStatus_REASON_RECONCILIATION {
		u.unknown[string(x.GetUuid())] = true
		return
	}
	s := u.streams[k]
	if s == nil {
		s = &stream{}
		u.streams[k], u.order = s, append(u.order, k)
	}
	id, content := string(x.GetUuid()), x.GetStatus().String()
	at := slices.IndexFunc(s.updates, func(o *sent) bool { return o.id == id })
	last := len(s.updates) - 1
	switch {
	case at < 0 && last >= 0 && s.updates[last].acknowledged == 0 && !s.updates[last].forgotten:
		u.wrong(k, "%s is sent before %s is acknowledged", content, s.updates[last].content)
	case at >= 0 && at < last:
		u.wrong(k, "%s is sent again after %s", content, s.updates[last].content)
	case at >= 0 && s.updates[at].content != content:
		u.wrong(k, "%s is sent again as %s", s.updates[at].content, content)
	}
	if at < 0 {
		s.updates = append(s.updates, &sent{id: id, content: content, last: tasks.IsTerminal(x.GetStatus().GetState())})
		at = last + 1
	}
	s.updates[at].times++
	s.updates[at].from, s.updates[at].forgotten = from, false
}

// acknowledge notes that an agent was sent an acknowledgement.
func (u *Updates) acknowledge(k streamKey, id string) {
	if u.unknown[id] {
		return
	}
	s := u.streams[k]
	at := -1
	if s != nil {
		at = slices.IndexFunc(s.updates, func(o *sent) bool { return o.id == id })
	}
	if at < 0 {
		u.wrong(k, "an update is acknowledged that was never sent")
		return
	}
	for _, later := range s.updates[at+1:] {
		if later.acknowledged > 0 {
			u.wrong(k, "%s is acknowledged after %s", s.updates[at].content, later.content)
		}
	}
	if s.updates[at].acknowledged++; s.updates[at].acknowledged > s.updates[at].times {
		u.wrong(k, "%s was sent %d times and is acknowledged %d times", s.updates[at].content, s.updates[at].times, s.updates[at].acknowledged)
	}
}

// Problems returns what was wrong with the updates so far. If everything is over, every update has to be acknowledged.
func (u *Updates) Problems(over bool) []string {
	problems := slices.Clone(u.problems)
	for _, k := range u.order {
		for _, s := range u.streams[k].updates {
			if over && s.acknowledged == 0 && !s.forgotten {
				problems = append(problems, fmt.Sprintf("task %s: %s is never acknowledged", k, s.content))
			}
		}
	}
	return problems
}

// Repeated is how often updates were sent again.
func (u *Updates) Repeated() (n int) {
	for _, s := range u.streams {
		for _, x := range s.updates {
			n += x.times - 1
		}
	}
	return n
}
