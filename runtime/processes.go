package runtime

import "slices"

// waiting is an event in the queue of an actor, as /__processes__ shows it.
type waiting struct {
	Type   string `json:"type"`
	Name   string `json:"name,omitempty"` // of a message
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Method string `json:"method,omitempty"` // of a request
	URL    string `json:"url,omitempty"`
}

// actorShown is an actor, as /__processes__ shows it.
type actorShown struct {
	Events []waiting `json:"events"`
	ID     string    `json:"id"`
}

// mostWaiting bounds how many events of one actor are shown.
const mostWaiting = 1000

// processes lists the actors and what waits for them, each as of a turn of its own.
//
// Differs: the reference shows the bodies of messages, and all events there are.
//
// Mesos: ProcessManager::__processes__.
func (n *Node) processes(path string, req *Request) Future[*Response] {
	if path != "/" {
		return Ready(NotFound())
	}
	var all []Future[actorShown]
	for _, pid := range n.PIDs() {
		if a := n.find(pid.ID); a != nil {
			all = append(all, orZero(Dispatch(Ref[Behavior]{pid: pid, behavior: a.impl, actor: a}, func(b Behavior) actorShown { return b.base().show() })))
		}
	}
	return Then(Collect(all...), func(all []actorShown) (*Response, error) {
		all = slices.DeleteFunc(all, func(p actorShown) bool { return p.ID == "" }) // it ended while it was asked
		return JSON(req, all), nil
	})
}

// show describes the actor and what waits behind the current event.
func (a *Actor) show() actorShown {
	p := actorShown{Events: []waiting{}, ID: a.self.ID}
	for it := range a.mailbox.waiting {
		if len(p.Events) == mostWaiting {
			break
		}
		p.Events = append(p.Events, it.show(a))
	}
	return p
}

func (it *item) show(a *Actor) waiting {
	switch it.kind {
	case OnMessage:
		return waiting{Type: "MESSAGE", Name: it.name(), From: it.from.String(), To: a.self.String()}
	case OnExit:
		return waiting{Type: "EXITED"}
	case OnTerminate:
		return waiting{Type: "TERMINATE"}
	}
	if c, ok := it.payload.(*asked); ok {
		return waiting{Type: "HTTP", Method: c.req.Method, URL: c.req.URL.String()}
	}
	return waiting{Type: "DISPATCH"}
}
