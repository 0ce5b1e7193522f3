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
	m := &a.mailbox
	q.add(m.out[m.at:]) // the consumer's, which is the caller
	for _, buffer := range m.then {
		q.add(buffer)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, buffer := range m.full {
		q.add(buffer)
	}
	q.add(m.in)
	return q
}

func (q *Queue) add(items []item) {
	for i := range items {
		switch items[i].kind {
		case OnMessage:
			q.Messages++
		case OnExit:
			q.Exits++
		case OnCall:
			if _, request := items[i].payload.(*dispatched[Behavior, Future[*Response]]); request {
				q.Requests++
				break
			}
			q.Dispatches++
		default:
			q.Dispatches++
		}
	}
}
