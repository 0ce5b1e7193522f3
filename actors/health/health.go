// Package health checks tasks periodically, by a command, an HTTP request or a TCP connection: whether they are
// healthy, and what their general checks report.
//
// A [Checker] is an actor beside an executor that performs one check of a task. It performs the check through a
// [Prober], of which [Network] implements everything but commands, and reports changes to the executor, which decides
// what they mean for the task. A checker ends when it is terminated.
package health

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/units"
	"meseta/runtime"
)

// ErrTransient is the error of a [Prober], possibly wrapped, when a check could not be performed and so says nothing
// about the task.
var ErrTransient = errors.New("the check could not be performed")

var errTimeout = errors.New("the check timed out")

// Prober performs single checks. The futures belong to b and may be discarded.
type Prober interface {
	// Command runs a command to completion and returns its exit status.
	Command(b runtime.Behavior, c *mesospb.CommandInfo) runtime.Future[int]
	// Get requests a URL and returns the status code of the response.
	Get(b runtime.Behavior, url string) runtime.Future[int]
	// Connect reports whether a TCP connection to "ip:port" can be established.
	Connect(b runtime.Behavior, address string) runtime.Future[bool]
}

// Checker performs one check of one task.
//
// Mesos: class CheckerProcess.
type Checker struct {
	runtime.Actor
	prober   Prober
	what     probe
	interval time.Duration
	timeout  time.Duration // 0: no timeout
	delay    time.Duration
	began    time.Time
	paused   bool
	round    int // incremented by Pause; results of earlier rounds are ignored
	next     runtime.Timer
	under    runtime.Future[*mesospb.CheckStatusInfo]
	found    func(*mesospb.CheckStatusInfo, error)
}

// probe performs a check once.
type probe func(runtime.Behavior, Prober) runtime.Future[*mesospb.CheckStatusInfo]

// Initialize schedules the first check after the initial delay.
func (c *Checker) Initialize() {
	c.began = c.Now()
	c.under = runtime.Ready[*mesospb.CheckStatusInfo](nil)
	c.next = c.Delay(c.delay, c.check)
}

// Finalize cancels the check in progress.
func (c *Checker) Finalize() { c.under.Discard() }

// Pause stops checking until Resume and cancels the check in progress.
func (c *Checker) Pause() {
	c.paused = true
	c.round++
	c.next.Cancel()
	c.under.Discard()
}

// Resume performs a check at once and continues with the interval.
func (c *Checker) Resume() {
	if c.paused {
		c.paused = false
		c.check()
	}
}

func (c *Checker) check() {
	c.under = c.what(c, c.prober)
	if c.timeout > 0 {
		c.under = runtime.Within(c, c.under, c.timeout, errTimeout)
	}
	round := c.round
	runtime.Await(c, c.under, func(s *mesospb.CheckStatusInfo, err error) {
		if c.round != round {
			return
		}
		switch {
		case errors.Is(err, ErrTransient):
			c.Log().Info().Err(err).Msg("check not performed")
		case err != nil:
			c.Log().Warn().Err(err).Msg("check failed")
			c.found(nil, err)
		default:
			c.found(s, nil)
		}
		c.next = c.Delay(c.interval, c.check)
	})
}

// Spawn starts a check of a task. changed is called on the checker's turn whenever the result differs from the
// previous one; an empty status means that there is no result.
//
// Mesos: class Checker.
func Spawn(n *runtime.Node, info *mesospb.CheckInfo, p Prober, changed func(*mesospb.CheckStatusInfo)) (runtime.Ref[*Checker], error) {
	last := Unknown(info)
	c := &Checker{
		prober: p, what: checkProbe(info), delay: units.Seconds(info.GetDelaySeconds()),
		interval: units.Seconds(info.GetIntervalSeconds()), timeout: units.Seconds(info.GetTimeoutSeconds()),
	}
	c.found = func(s *mesospb.CheckStatusInfo, err error) {
		if err != nil {
			s = Unknown(info)
		}
		if !proto.Equal(s, last) {
			last = s
			changed(s)
		}
	}
	return runtime.Spawn(n, n.NewID("checker"), c)
}

// Unknown returns the status of a check that has no result yet, which every status update of its task carries.
func Unknown(info *mesospb.CheckInfo) *mesospb.CheckStatusInfo {
	s := &mesospb.CheckStatusInfo{Type: info.GetType().Enum()}
	switch info.GetType() {
	case mesospb.CheckInfo_COMMAND:
		s.Command = &mesospb.CheckStatusInfo_Command{}
	case mesospb.CheckInfo_HTTP:
		s.Http = &mesospb.CheckStatusInfo_Http{}
	case mesospb.CheckInfo_TCP:
		s.Tcp = &mesospb.CheckStatusInfo_Tcp{}
	}
	return s
}

// Verdict is the result of a health check.
type Verdict struct {
	Healthy  bool
	Failures int  // consecutive failures
	Kill     bool // too many consecutive failures: the task is to be killed
}

// SpawnHealth starts the health check of a task that has just started. tell is called on the checker's turn for each
// failure that counts, for the first success, and for the first success after failures.
//
// Mesos: class HealthChecker.
func SpawnHealth(n *runtime.Node, h *mesospb.HealthCheck, p Prober, tell func(Verdict)) (runtime.Ref[*Checker], error) {
	c := &Checker{
		prober: p, what: healthProbe(h), delay: units.Seconds(h.GetDelaySeconds()),
		interval: units.Seconds(h.GetIntervalSeconds()), timeout: units.Seconds(h.GetTimeoutSeconds()),
	}
	grace, most := units.Seconds(h.GetGracePeriodSeconds()), int(h.GetConsecutiveFailures())
	passed, failures := false, 0
	c.found = func(s *mesospb.CheckStatusInfo, err error) {
		if err == nil {
			err = unhealthy(s)
		}
		switch {
		case err == nil:
			if !passed || failures > 0 {
				tell(Verdict{Healthy: true})
			}
			passed, failures = true, 0
		case !passed && grace > 0 && c.Now().Sub(c.began) <= grace:
			c.Log().Info().Err(err).Msg("task not healthy yet")
		default:
			failures++
			c.Log().Warn().Err(err).Int("failures", failures).Msg("task not healthy")
			tell(Verdict{Failures: failures, Kill: failures >= most})
		}
	}
	return runtime.Spawn(n, n.NewID("health-checker"), c)
}

// unhealthy returns the reason why s is not the result of a healthy task, or nil.
func unhealthy(s *mesospb.CheckStatusInfo) error {
	switch s.GetType() {
	case mesospb.CheckInfo_COMMAND:
		if code := s.GetCommand().GetExitCode(); code != 0 {
			return fmt.Errorf("the command exited with status %d", code)
		}
	case mesospb.CheckInfo_HTTP:
		if code := s.GetHttp().GetStatusCode(); code < 200 || code >= 400 {
			return fmt.Errorf("unexpected HTTP response code %d", code)
		}
	case mesospb.CheckInfo_TCP:
		if !s.GetTcp().GetSucceeded() {
			return errors.New("TCP connection failed")
		}
	}
	return nil
}
