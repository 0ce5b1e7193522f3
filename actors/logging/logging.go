// Package logging provides the actor "logging", which serves /logging/toggle: it raises the verbosity of a daemon's
// log for a limited time.
//
// Verbosity is a number, as in glog. 0 is the level the daemon was started with, 1 adds messages for debugging, and 2
// or more adds all messages.
package logging

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"meseta/messages/units"
	"meseta/runtime"
	"meseta/runtime/web"
)

// ID is the name of the actor on every node.
const ID = "logging"

// Logging holds the current verbosity and resets it when its time is over.
type Logging struct {
	runtime.Actor
	realm     string
	apply     func(verbosity int)
	verbosity int
	revert    runtime.Timer
}

// Spawn starts the actor on n, with its endpoint in realm. apply makes a verbosity effective; it is called on the
// actor's turns.
func Spawn(n *runtime.Node, realm string, apply func(verbosity int)) (runtime.Ref[*Logging], error) {
	return runtime.Spawn(n, ID, &Logging{realm: realm, apply: apply})
}

// Initialize implements [runtime.Initializer].
func (l *Logging) Initialize() {
	web.RouteIn(l, l.realm, "/toggle", web.Help{
		TLDR: "Raises the verbosity of the log for a limited time.",
		Description: "Without parameters, returns the current verbosity. level=N (at least 0) with duration=DURATION, such as 10mins, " +
			"sets it; after that time it returns to the level the process was started with.",
	}, l.toggle)
}

// Verbosity returns the current verbosity.
func (l *Logging) Verbosity() int { return l.verbosity }

// Set makes verbosity effective for duration. Calling it again replaces the verbosity and the remaining time.
func (l *Logging) Set(verbosity int, duration time.Duration) {
	l.revert.Cancel()
	l.change(verbosity)
	if verbosity != 0 {
		l.revert = l.Delay(duration, func() { l.change(0) })
	}
}

func (l *Logging) change(verbosity int) {
	if verbosity == l.verbosity {
		return
	}
	l.verbosity = verbosity
	l.apply(verbosity)
	l.Log().Info().Int("verbosity", verbosity).Msg("logging verbosity changed")
}

// toggle answers /logging/toggle.
func (l *Logging) toggle(req *web.Request) runtime.Future[*web.Response] {
	query := req.URL.Query()
	if !query.Has("level") && !query.Has("duration") {
		return runtime.Ready(web.Text(200, strconv.Itoa(l.verbosity)+"\n"))
	}
	verbosity, duration, err := parse(query)
	if err != nil {
		return runtime.Ready(web.BadRequest(err.Error() + ".\n"))
	}
	l.Set(verbosity, duration)
	return runtime.Ready(web.OK())
}

// parse returns the values of the parameters level and duration.
func parse(query url.Values) (verbosity int, duration time.Duration, err error) {
	if !query.Has("duration") {
		return 0, 0, errors.New("Expecting 'duration=value' in query")
	}
	if !query.Has("level") {
		return 0, 0, errors.New("Expecting 'level=value' in query")
	}
	level := query.Get("level")
	if verbosity, err = strconv.Atoi(level); err != nil {
		return 0, 0, fmt.Errorf("Failed to convert '%s' to number", level)
	}
	if verbosity < 0 {
		return 0, 0, fmt.Errorf("Invalid level '%d'", verbosity)
	}
	duration, err = units.ParseDuration(query.Get("duration"))
	return verbosity, duration, err
}
