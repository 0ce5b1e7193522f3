package election

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-zookeeper/zk"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// DefaultSessionTimeout is how long ZooKeeper keeps a session without hearing from it (--zk_session_timeout).
const DefaultSessionTimeout = 10 * time.Second

// retryInterval is the delay between a round that failed and the next. Mesos: GroupProcess::RETRY_INTERVAL.
const retryInterval = 2 * time.Second

// Group follows the election in ZooKeeper, and takes part in it if a master contends. It is an actor.
//
// It has one session at a time. After everything that happens to the session it makes a [round] to ZooKeeper, off its
// turn, and acts on what it found. A session that no server has answered for as long as ZooKeeper would keep it counts
// as expired: the candidacy is lost, nobody leads, and another session is begun. A leader that is cut off from
// ZooKeeper thus learns that it no longer leads about when the others do.
//
// Mesos: GroupProcess, LeaderContenderProcess, LeaderDetectorProcess, which have a session each.
type Group struct {
	runtime.Actor
	zooKeeper *ZooKeeper
	ensemble  Ensemble
	timeout   time.Duration // asked for
	leader    *Standalone   // whom the detectors name

	candidate *candidacy // nil if no master contends here
	replica   *replica   // nil if the masters share no registry
	broken    error      // why the election cannot be followed any more

	session   Session // nil if none is open
	serial    int     // of the session; what happened to earlier ones is ignored
	connected bool
	proved    bool // to ZooKeeper whose session it is
	working   bool // a round is under way
	again     bool // something happened since it began

	silence, retry runtime.Timer
}

// candidacy is that of a master of this process.
type candidacy struct {
	data    []byte
	node    string // its name; empty until it is announced
	unsure  bool   // whether the node was created is unknown
	entered runtime.Promise[runtime.Future[struct{}]]
	lost    runtime.Promise[struct{}]
}

// Initialize implements [runtime.Initializer].
func (g *Group) Initialize() { g.open() }

// Finalize ends the session, so that another master can take over at once. It waits for ZooKeeper, for at most a second:
// work that it began would outlive the actor.
func (g *Group) Finalize() {
	if g.session != nil {
		g.session.Close()
	}
}

// open begins a session.
func (g *Group) open() {
	g.serial++
	serial, self := g.serial, runtime.RefOf(g)
	tell := func(e zk.Event) {
		runtime.Tell(self, func(g *Group) {
			if serial == g.serial {
				g.happened(e)
			}
		})
	}
	begun := runtime.Go(g, func(ctx context.Context) (Session, error) { return g.ensemble.Open(ctx, g.timeout, tell) })
	runtime.Await(g, begun, func(s Session, err error) {
		switch {
		case err == nil && serial != g.serial:
			g.leave(s)
			return
		case serial != g.serial:
			return
		case err != nil:
			g.Log().Warn().Err(err).Stringer("zk", g.zooKeeper).Msg("no session with ZooKeeper; trying again")
			g.retry = g.Delay(retryInterval, g.open)
			return
		}
		g.session = s
		if !g.connected {
			g.awaitServer()
		}
		g.refresh()
	})
}

// close ends the session.
func (g *Group) close() {
	g.serial++
	g.silence.Cancel()
	g.retry.Cancel()
	if g.session != nil {
		g.leave(g.session)
	}
	g.session, g.connected, g.proved, g.working = nil, false, false, false
}

func (g *Group) leave(s Session) {
	runtime.Go(g, func(context.Context) (struct{}, error) {
		s.Close()
		return struct{}{}, nil
	})
}

// happened handles what ZooKeeper tells.
func (g *Group) happened(e zk.Event) {
	switch {
	case e.Type == zk.EventNotWatching: // the session's end is told as well
	case e.Type != zk.EventSession:
		g.refresh()
	case e.State == zk.StateHasSession:
		g.connected = true
		g.silence.Cancel()
		g.refresh()
	case e.State == zk.StateExpired:
		g.expire("ZooKeeper has expired it")
	case g.connected && (e.State == zk.StateDisconnected || e.State == zk.StateConnecting):
		g.Log().Warn().Stringer("zk", g.zooKeeper).Msg("connection to ZooKeeper lost")
		g.connected = false
		if g.session != nil {
			g.awaitServer()
		}
	}
}

// awaitServer expires the session if no server answers for as long as one would keep it.
//
// Mesos: GroupProcess::timedout.
func (g *Group) awaitServer() {
	timeout := g.timeout
	if granted := g.session.Timeout(); granted > 0 {
		timeout = granted
	}
	g.silence.Cancel()
	g.silence = g.Delay(timeout, func() { g.expire(fmt.Sprintf("no ZooKeeper server has answered for %s", timeout)) })
}

// expire ends the session, and with it what others know of this process, and begins another.
//
// Mesos: GroupProcess::expired.
func (g *Group) expire(why string) {
	g.Log().Warn().Stringer("zk", g.zooKeeper).Str("reason", why).Msg("session with ZooKeeper ended")
	g.close()
	if c := g.candidate; c != nil && c.node != "" {
		g.withdraw()
	} else if c != nil {
		c.unsure = false
	}
	g.leader.Appoint(nil)
	g.replica.forget()
	g.open()
}

// refresh makes a round, or another after the one that is under way.
func (g *Group) refresh() {
	switch {
	case g.broken != nil || g.session == nil || !g.connected:
		return
	case g.working:
		g.again = true
		return
	}
	g.retry.Cancel()
	g.working, g.again = true, false
	r, serial, candidate := g.round(), g.serial, g.candidate
	made := runtime.Go(g, func(context.Context) (seen, error) {
		s, err := r.run()
		return seen{s, err}, nil
	})
	runtime.Await(g, made, func(v seen, err error) {
		if serial == g.serial && err == nil {
			g.working = false
			g.saw(candidate, v.sight, v.err)
		}
	})
}

// seen is the outcome of a round. How far it came counts even if it failed.
type seen struct {
	sight
	err error
}

func (g *Group) round() round {
	r := round{session: g.session, zooKeeper: g.zooKeeper, prove: !g.proved, errand: g.replica.errand()}
	if c := g.candidate; c != nil {
		r.candidate, r.data, r.node, r.unsure = true, c.data, c.node, c.unsure
	}
	return r
}

// saw handles the outcome of a round that was made for candidate, which may be nil.
func (g *Group) saw(candidate *candidacy, s sight, err error) {
	g.proved = s.proved
	g.again = g.replica.saw(&s) || g.again
	if candidate != nil {
		candidate.node, candidate.unsure = cmp.Or(s.node, candidate.node), s.creating && s.node == ""
	}
	switch {
	case permanent(err):
		g.abort(fmt.Errorf("%s: %w", g.zooKeeper, err))
		return
	case err != nil:
		g.Log().Warn().Err(err).Stringer("zk", g.zooKeeper).Msg("ZooKeeper did not answer; trying again")
		g.retry = g.Delay(retryInterval, g.refresh)
		return
	case candidate != g.candidate:
		g.again = true
	case candidate != nil:
		g.announced(s.node)
	}
	if s.problem != nil {
		g.Log().Error().Err(s.problem).Msg("the leading master is unknown")
	}
	g.leader.Appoint(s.leader)
	if g.again {
		g.refresh()
	}
}

// announced tells the candidate that it is announced. An empty node means that somebody has removed its node.
func (g *Group) announced(node string) {
	c := g.candidate
	if node == "" {
		g.withdraw()
		return
	}
	if c.entered.Set(c.lost.Future()) {
		g.Log().Info().Str("node", g.zooKeeper.path+"/"+node).Msg("announced in ZooKeeper")
	}
}

// withdraw tells the candidate that it has lost its candidacy.
func (g *Group) withdraw() {
	c := g.candidate
	g.candidate = nil
	c.entered.Set(c.lost.Future())
	c.lost.Set(struct{}{})
}

// abort gives up for good.
//
// Mesos: GroupProcess::abort.
func (g *Group) abort(why error) {
	g.broken = why
	g.Log().Error().Err(why).Msg("election given up")
	g.close()
	if c := g.candidate; c != nil {
		g.candidate = nil
		c.entered.Fail(why)
		c.lost.Fail(why)
	}
	g.leader.fail(why)
	g.replica.broke(why)
}

// permanent reports whether err is none that passes by itself.
func permanent(err error) bool {
	for _, p := range []error{zk.ErrNoAuth, zk.ErrAuthFailed, zk.ErrInvalidACL, zk.ErrNoChildrenForEphemerals, zk.ErrBadArguments} {
		if errors.Is(err, p) {
			return true
		}
	}
	return false
}

// contend enters the election with info.
func (g *Group) contend(info *mesospb.MasterInfo) runtime.Future[runtime.Future[struct{}]] {
	switch {
	case g.broken != nil:
		return runtime.Failed[runtime.Future[struct{}]](g.broken)
	case g.candidate != nil:
		return runtime.Failed[runtime.Future[struct{}]](errors.New("election: a master of this process contends already"))
	}
	g.candidate = &candidacy{
		data: mesosjson.Sorted(mesosjson.Marshal(info)), entered: runtime.Owe[runtime.Future[struct{}]](g), lost: runtime.Owe[struct{}](g),
	}
	g.refresh()
	return g.candidate.entered.Future()
}
