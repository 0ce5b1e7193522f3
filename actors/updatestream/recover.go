package updatestream

import (
	"meseta/messages/ids"
)

// Recorded is the content of a file for one key.
type Recorded[U any] struct {
	Updates      []U // in the order they were received
	Acknowledged map[ids.UUID]bool
	Length       int // bytes of whole records; the next write truncates a torn tail behind them
}

// Decode decodes the content of a file. A torn last record is skipped. If a whole record cannot be read, Decode
// returns an error along with the records before it.
func (kind Kind[K, U]) Decode(file []byte) (Recorded[U], error) {
	r := Recorded[U]{Acknowledged: map[ids.UUID]bool{}}
	length, err := Scan(file, func(record []byte) error {
		update, ack, err := kind.Read(record)
		if err != nil {
			return err
		}
		if ack != nil {
			id, err := ids.UUIDOf(ack)
			if err == nil {
				r.Acknowledged[id] = true
			}
			return err
		}
		if _, err := ids.UUIDOf(kind.UUID(update)); err != nil {
			return err
		}
		r.Updates = append(r.Updates, update)
		return nil
	})
	r.Length = length
	return r, err
}

// Recover restores the updates and acknowledgements that an earlier process wrote to file. Updates that were acknowledged
// are not forwarded again, and those that appear twice count once. A stream whose end was acknowledged is not restored.
//
// Mesos: TaskStatusUpdateStream::replay.
func (m *Streams[K, U]) Recover(file string, r Recorded[U]) {
	for _, update := range r.Updates {
		k := m.kind.Key(update)
		s := m.streams[k]
		if s == nil {
			s = newStream[U](file)
			s.log.Scanned(r.Length)
			s.unsynced = true
			m.streams[k] = s
		}
		id, _ := ids.UUIDOf(m.kind.UUID(update)) // checked by Decode
		if s.known(id) {
			continue
		}
		s.receive(id, update)
		if r.Acknowledged[id] && s.refuses(id) == nil {
			s.acknowledge(m.kind.Terminal)
		}
	}
	m.Remove(func(k K) bool { return m.streams[k].terminated })
}
