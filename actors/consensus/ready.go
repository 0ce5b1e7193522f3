package consensus

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"meseta/runtime"
	"meseta/runtime/disk"
)

// advance carries out all that Raft wants to have done, and looks at what has become of the leadership. It is called after
// everything that is given to Raft.
func (m *Member) advance() {
	if m.ended {
		return
	}
	for m.raft.HasReady() {
		for _, message := range m.raft.Ready().Messages {
			switch message.GetTo() {
			case raft.LocalAppendThread:
				if m.appends = append(m.appends, message); len(m.appends) == 1 {
					m.writeAll = runtime.BegunHere(m, func() { m.append(m.portion()) })
				}
			case raft.LocalApplyThread:
				m.apply(message)
			default:
				m.send(message)
			}
			if m.ended {
				return
			}
		}
	}
	m.observe()
	m.writeNext()
}

// answer gives the responses of a message that was carried out to those they are for.
func (m *Member) answer(message *raftpb.Message) {
	for _, r := range message.GetResponses() {
		if r.GetTo() == m.self.Id {
			_ = m.raft.Step(r) // an error says that it came too late
		} else {
			m.send(r)
		}
	}
}

// writeNext writes what Raft wants to have written: all of it at once, so that one sync serves all. If there is nothing,
// it shortens a log that has become long.
func (m *Member) writeNext() {
	switch {
	case m.writing || m.ended:
	case len(m.appends) > 0:
		m.writeAll()
	case m.log.Length() > max(m.options.CompactAt, 2*m.size) || m.changed:
		m.compact()
	}
}

// portion takes what can be written at once from the messages that wait: a snapshot, or all up to one.
func (m *Member) portion() []*raftpb.Message {
	n := 0
	for n < len(m.appends) && raft.IsEmptySnap(m.appends[n].GetSnapshot()) {
		n++
	}
	n = max(n, 1)
	all := m.appends[:n:n]
	m.appends = m.appends[n:]
	return all
}

// append writes messages and then gives out their responses.
func (m *Member) append(messages []*raftpb.Message) {
	if m.options.Mistakes.ForgetsVotes {
		messages = withoutVotes(messages)
	}
	batch, appended, err := m.log.Append(messages)
	if err != nil {
		m.giveUp(err)
		return
	}
	m.write(batch, func() {
		appended()
		for _, message := range messages {
			if s := message.GetSnapshot(); !raft.IsEmptySnap(s) {
				if err := m.restore(s); err != nil {
					m.giveUp(err)
					return
				}
			}
			m.answer(message)
		}
		m.advance()
	})
}

// withoutVotes is a mistake: a member that crashes may vote twice in a term.
func withoutVotes(messages []*raftpb.Message) []*raftpb.Message {
	var all []*raftpb.Message
	for _, message := range messages {
		all = append(all, &raftpb.Message{
			Type: message.Type, Entries: message.Entries, Snapshot: message.Snapshot, Responses: message.Responses,
		})
	}
	return all
}

// write has a batch written and then calls then, unless the disk fails, which ends the member: it is not known what is on
// the disk then.
func (m *Member) write(batch disk.Batch, then func()) {
	m.writing = true
	written := runtime.Ready(struct{}{})
	if !batch.Empty() {
		written = runtime.Ask(m.writer, (*disk.Writer).Write, batch)
	}
	if m.options.Mistakes.AnswersEarly {
		written = runtime.Ready(struct{}{})
	}
	runtime.Await(m, written, func(_ struct{}, err error) {
		m.writing = false
		switch {
		case m.ended:
		case err != nil:
			m.giveUp(err)
		default:
			then()
		}
	})
}

// compact replaces the entries that were applied by a snapshot.
func (m *Member) compact() {
	state, err := m.snapshot()
	if err != nil {
		m.giveUp(err)
		return
	}
	if s, _ := m.log.Snapshot(); s.GetMetadata().GetIndex() >= m.index {
		return // nothing was applied since the last one
	}
	m.size, m.changed = int64(len(state)), false
	batch, compacted, err := m.log.Compact(m.index, m.members, state, m.transfers.kept(m.index))
	if err != nil {
		m.giveUp(err)
		return
	}
	m.write(batch, func() {
		compacted()
		m.writeNext()
	})
}
