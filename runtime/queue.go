package runtime

// Queue counts the events that wait for an actor, by what they are.
type Queue struct {
	Messages   int
	Dispatches int // calls, answers and timers
	Requests   int // HTTP
	Exits      int
}

// Queued counts what waits behind the current event. It looks at every event, so it is for metrics, not for decisions.
func (a *Actor) Queued() Queue {
	var q Queue
	for it := range a.mailbox.waiting {
		q.add(it)
	}
	return q
}

func (q *Queue) add(it *item) {
	switch it.kind {
	case OnMessage:
		q.Messages++
	case OnExit:
		q.Exits++
	case OnCall:
		if _, request := it.payload.(*asked); request {
			q.Requests++
			break
		}
		q.Dispatches++
	default:
		q.Dispatches++
	}
}

// waiting yields what waits behind the current event, on the consumer's turn. What producers add is locked meanwhile.
func (m *mailbox) waiting(yield func(*item) bool) {
	each := func(items []item) bool {
		for i := range items {
			if !yield(&items[i]) {
				return false
			}
		}
		return true
	}
	if !each(m.out[m.at:]) {
		return
	}
	for _, buffer := range m.then {
		if !each(buffer) {
			return
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, buffer := range m.full {
		if !each(buffer) {
			return
		}
	}
	each(m.in)
}
