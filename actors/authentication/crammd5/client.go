package crammd5

import (
	"errors"
	"time"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Backoff says how long a peer waits for a master. Each attempt has a random time, from Min up to a limit that begins at
// Min plus twice Factor, doubles its distance from Min with every attempt, and is at most Max.
type Backoff struct {
	Min, Max, Factor time.Duration
}

// shortest is the least time of an attempt, so that those of a Backoff of 0 are not a busy loop.
const shortest = 10 * time.Millisecond

// DefaultBackoff is Mesos's.
var DefaultBackoff = Backoff{Min: 5 * time.Second, Max: time.Minute, Factor: time.Second}

// Client authenticates an actor with one master after the other. It belongs to the actor and may be used only on its
// turns. A nil Client is that of an actor without a credential.
type Client struct {
	actor      *runtime.Actor
	credential *mesospb.Credential
	backoff    Backoff

	attempt runtime.Future[struct{}]
	retry   runtime.Timer
	master  runtime.PID // zero: none
}

// NewClient returns the client of an actor. It returns nil if the credential is nil.
func NewClient(actor *runtime.Actor, c *mesospb.Credential, b Backoff) *Client {
	if c == nil {
		return nil
	}
	return &Client{actor: actor, credential: c, backoff: b}
}

// Begin authenticates the actor with a master, and tries again until the master answers. It calls done with nil when it
// has succeeded, and with [ErrRefused] when the master refuses the credential, unless [Client.End] is called before. A nil
// client calls done at once.
//
// Mesos: Slave::authenticate, SchedulerProcess::authenticate.
func (c *Client) Begin(master runtime.PID, done func(error)) {
	if c == nil {
		done(nil)
		return
	}
	c.End()
	c.master = master
	c.actor.Link(master)
	c.try(2*c.backoff.Factor, done)
}

// End gives up the authentication in progress, because the master is lost or another leads.
func (c *Client) End() {
	if c == nil {
		return
	}
	c.master = runtime.PID{}
	c.retry.Cancel()
	if !c.attempt.IsZero() {
		c.attempt.Discard()
	}
	c.attempt = runtime.Future[struct{}]{}
}

// try makes one attempt, whose time is at most Min plus spread.
func (c *Client) try(spread time.Duration, done func(error)) {
	c.actor.Log().Info().Stringer("master", c.master).Msg("authenticating with the master")
	f := Authenticate(c.actor.Node(), c.master, c.actor.Self(), c.credential)
	c.attempt = f
	spread = max(min(spread, c.backoff.Max-c.backoff.Min), 0)
	deadline := c.actor.Delay(max(c.backoff.Min+c.random(spread), shortest), func() {
		c.actor.Log().Warn().Msg("authentication timed out")
		f.Discard()
	})
	runtime.Await(c.actor, f, func(_ struct{}, err error) {
		deadline.Cancel()
		if c.attempt == f {
			c.tried(spread, err, done)
		}
	})
}

// tried reports what came of an attempt, or schedules the next.
//
// Differs: Mesos tries again at once when a master answers with an error.
func (c *Client) tried(spread time.Duration, err error, done func(error)) {
	c.attempt = runtime.Future[struct{}]{}
	if err == nil || errors.Is(err, ErrRefused) {
		done(err)
		return
	}
	c.actor.Log().Warn().Err(err).Stringer("master", c.master).Msg("not authenticated with the master, trying again")
	wait := time.Duration(0)
	if !errors.Is(err, ErrDiscarded) {
		wait = max(c.random(spread), shortest)
	}
	c.retry = c.actor.Delay(wait, func() { c.try(2*spread, done) })
}

func (c *Client) random(limit time.Duration) time.Duration {
	return time.Duration(c.actor.Rand().Float64() * float64(limit))
}
