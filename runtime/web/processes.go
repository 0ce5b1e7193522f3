package web

import (
	"slices"

	"meseta/runtime"
)

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
func (s *server) processes(path string, req *Request) runtime.Future[*Response] {
	if path != "/" {
		return runtime.Ready(NotFound())
	}
	return runtime.Then(askAll(s.node, show), func(all []actorShown) (*Response, error) {
		all = slices.DeleteFunc(all, func(p actorShown) bool { return p.ID == "" }) // it ended while it was asked
		return JSON(req, all), nil
	})
}

// show describes the actor and what waits behind the current event.
func show(b runtime.Behavior) actorShown {
	self := runtime.RefOf(b).PID()
	p := actorShown{Events: []waiting{}, ID: self.ID}
	for w := range runtime.QueueOf(b) {
		if len(p.Events) == mostWaiting {
			break
		}
		p.Events = append(p.Events, showEvent(self, w))
	}
	return p
}

func showEvent(self runtime.PID, w runtime.Waiting) waiting {
	switch w.Kind {
	case runtime.OnMessage:
		return waiting{Type: "MESSAGE", Name: w.Name, From: w.From.String(), To: self.String()}
	case runtime.OnExit:
		return waiting{Type: "EXITED"}
	case runtime.OnTerminate:
		return waiting{Type: "TERMINATE"}
	}
	if req, ok := w.About.(*Request); ok {
		return waiting{Type: "HTTP", Method: req.Method, URL: req.URL.String()}
	}
	return waiting{Type: "DISPATCH"}
}
