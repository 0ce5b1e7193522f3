package simcluster

import (
	"fmt"
	"slices"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Updates follows the status updates between agents and their masters, and the acknowledgements that come back. An agent
// has to send the updates of a task one after the other: the next one only when the last one is acknowledged, and until
// then only the last one again, unchanged. Acknowledgements have to come in the same order, at most one for each time that
// an update was sent. This holds for one agent ID over all runs of the agent, as long as it checkpoints the task. An agent that
// does not know a task, and says so when its master asks, has nothing to checkpoint: it may say that in several updates.
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
	times        int // how often it was sent
	acknowledged int // how often
}

// Observe notes a message.
func (u *Updates) Observe(e runtime.Envelope) {
	switch m := e.Message.(type) {
	case *internalpb.StatusUpdateMessage:
		if x := m.GetUpdate(); e.To.ID == "master" && x.GetStatus().GetUuid() != nil {
			u.send(u.key(x.GetSlaveId().GetValue(), x.GetFrameworkId().GetValue(), x.GetStatus().GetTaskId().GetValue()), x)
		}
	case *internalpb.StatusUpdateAcknowledgementMessage:
		if e.From.ID == "master" {
			u.acknowledge(u.key(m.GetSlaveId().GetValue(), m.GetFrameworkId().GetValue(), m.GetTaskId().GetValue()), string(m.GetUuid()))
		}
	}
}

func (u *Updates) key(agent, framework, task string) streamKey {
	return streamKey{ids.Agent(agent), ids.Framework(framework), ids.Task(task)}
}

func (u *Updates) wrong(k streamKey, format string, args ...any) {
	u.problems = append(u.problems, fmt.Sprintf("task %s: ", k)+fmt.Sprintf(format, args...))
}

// send notes that an agent has sent an update.
func (u *Updates) send(k streamKey, x *internalpb.StatusUpdate) {
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
	case at < 0 && last >= 0 && s.updates[last].acknowledged == 0:
		u.wrong(k, "%s is sent before %s is acknowledged", content, s.updates[last].content)
	case at >= 0 && at < last:
		u.wrong(k, "%s is sent again after %s", content, s.updates[last].content)
	case at >= 0 && s.updates[at].content != content:
		u.wrong(k, "%s is sent again as %s", s.updates[at].content, content)
	}
	if at < 0 {
		s.updates = append(s.updates, &sent{id: id, content: content})
		at = last + 1
	}
	s.updates[at].times++
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
			if over && s.acknowledged == 0 {
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
