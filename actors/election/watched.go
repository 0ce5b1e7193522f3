package election

import (
	"time"

	"meseta/messages/equal"
	"meseta/messages/pb/consensuspb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

const (
	// heraldPatience is how long a master may take to say who leads, and how long it may know of none, before another one is
	// asked.
	heraldPatience = 3 * time.Second
	// heraldInterval is the time after which a master that has said who leads is asked again: nothing else tells of a machine that
	// is cut off, or of a process that is stopped. It is as long as ZooKeeper keeps a session of which it hears nothing.
	heraldInterval = DefaultSessionTimeout
	// betweenRounds is the time before all masters are asked again when none could be reached.
	betweenRounds = time.Second
)

// Watched is a [Detector] for a list of masters, of which any tells who leads, at once when that changes. If it does not answer
// any more, another one is asked. If none tells, as masters of Mesos do not, Watched names one that is there, until that is
// suspected, and then the next.
type Watched struct {
	*Standalone
	watcher runtime.Ref[*watcher]
}

// NewWatched returns a detector for masters, of which there must be at least one. Its actor is spawned on node.
func NewWatched(node *runtime.Node, masters []*mesospb.MasterInfo) (Watched, error) {
	known := &Standalone{}
	w, err := runtime.Spawn(node, node.NewID("leader-watch"), &watcher{masters: masters, known: known})
	return Watched{known, w}, err
}

// Suspect implements [Suspicious].
func (w Watched) Suspect(leader *mesospb.MasterInfo) {
	runtime.Tell(w.watcher, func(w *watcher) { w.suspect(leader) })
}

// Close ends the actor of w, which names nobody else from then on.
func (w Watched) Close() {
	runtime.Tell(w.watcher, func(w *watcher) { w.Terminate() })
}

// watcher asks one of the masters who leads.
type watcher struct {
	runtime.Actor
	masters []*mesospb.MasterInfo
	known   *Standalone
	leader  *mesospb.MasterInfo // what known says
	guessed bool                // nobody has said so

	asked  int // the index of the master that is asked
	failed int // masters in a row that did not tell
	mute   int // the index of one that is there, but does not tell; -1: none
	timer  runtime.Timer
}

// Initialize implements [runtime.Initializer].
func (w *watcher) Initialize() {
	w.mute = -1
	runtime.Install(w, w.told)
	w.ask()
}

// herald is whom the watcher asks.
func (w *watcher) herald() runtime.PID {
	return runtime.PID{ID: HeraldID, Addr: PID(w.masters[w.asked]).Addr}
}

// ask asks the master whose turn it is. It may have been asked before.
func (w *watcher) ask() {
	w.Link(w.herald())
	w.Send(w.herald(), &consensuspb.WatchLeaderMessage{})
	w.timer = w.Delay(heraldPatience, func() {
		w.mute = w.asked
		w.next()
	})
}

// told hears who leads.
func (w *watcher) told(from runtime.PID, m *consensuspb.LeaderMessage) {
	if from != w.herald() {
		return
	}
	w.timer.Cancel()
	w.failed, w.mute = 0, -1
	w.appoint(m.GetLeader(), false)
	if w.leader == nil {
		w.timer = w.Delay(heraldPatience, w.next) // it may be cut off from the others
	} else {
		w.timer = w.Delay(heraldInterval, w.ask)
	}
}

func (w *watcher) appoint(leader *mesospb.MasterInfo, guessed bool) {
	w.leader, w.guessed = leader, guessed
	w.known.Appoint(leader)
}

// Exited implements [runtime.Exiter]. If the leader is gone, it leads no more.
func (w *watcher) Exited(pid runtime.PID) {
	if pid != w.herald() {
		return
	}
	if w.leader != nil && PID(w.leader).Addr == pid.Addr {
		w.appoint(nil, false)
	}
	w.next()
}

// next asks the next master, after a while if all were asked.
func (w *watcher) next() {
	w.timer.Cancel()
	w.Unlink(w.herald())
	w.asked = (w.asked + 1) % len(w.masters)
	if w.failed++; w.failed < len(w.masters) {
		w.ask()
		return
	}
	w.failed = 0
	if w.leader == nil && w.mute >= 0 {
		w.appoint(w.masters[w.mute], true)
	}
	w.timer = w.Delay(betweenRounds, w.ask)
}

// suspect hears that a leader cannot be reached: what said so may be wrong, and so may a guess.
func (w *watcher) suspect(leader *mesospb.MasterInfo) {
	if leader == nil || !same(leader, w.leader) {
		return
	}
	if w.guessed {
		w.mute = -1
		w.appoint(w.masters[(w.index(leader)+1)%len(w.masters)], true)
	}
}

// index returns the place of a master in the list.
func (w *watcher) index(master *mesospb.MasterInfo) int {
	for i, m := range w.masters {
		if equal.Master(m, master) {
			return i
		}
	}
	return 0
}
