// Package follow keeps what a master would recover the same as the registry of the leading master, where the two do not
// share it: as long as C++ masters lead, those of ours that stand by in the same ZooKeeper know what they know, so that
// masters can be replaced one after the other.
//
// The leader is asked again and again. What it wrote within the last moments before it ended may be unknown, unless it
// could write nothing any more: a C++ master with --quorum=2 cannot once two of three are replaced.
//
// Differs: C++ masters read and write the replicas of each other's log.
package follow

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/actors/registrar"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
)

// Options configures a [Follower]. All fields but Group are required.
type Options struct {
	Detector  election.Detector
	Registrar runtime.Ref[*registrar.Registrar]
	// Read reads the registry of the master at an address. It blocks. nil without an error is that of a master that does not
	// lead, or not yet.
	Read func(ctx context.Context, addr string) (*registrypb.Registry, error)
	// Group is the one with which this master shares its registry; nil: it shares none.
	Group Group
	// Interval is the time between two readings of the leader's registry. It is longer if reading takes more than a twentieth
	// of it. It must be above 0.
	Interval time.Duration
}

// Group is the masters that share a registry, of whom one may write it.
type Group interface {
	// Leading completes with whether this master may write as soon as that differs from previous.
	Leading(previous bool) runtime.Future[bool]
	// Shares reports whether the master at an address is one of the group.
	Shares(addr string) runtime.Future[bool]
}

// Follower follows the registry of the leading master. It is an actor.
type Follower struct {
	runtime.Actor
	options Options

	detection runtime.Future[*mesospb.MasterInfo]
	leading   runtime.Future[bool] // zero without a group
	leader    string               // its address; empty: none leads, or this master
	writes    bool                 // this master may write
	serial    int                  // of what is followed; what was begun for earlier ones is ignored
	stored    *registrypb.Registry // what was read and stored last; nil: nothing
	problem   string               // what was logged last
	timer     runtime.Timer
}

// New returns a Follower, which the caller spawns.
func New(options Options) *Follower { return &Follower{options: options, writes: options.Group == nil} }

// Initialize implements [runtime.Initializer].
func (f *Follower) Initialize() {
	f.detect(nil)
	if f.options.Group != nil {
		f.watch(false)
	}
}

// Finalize implements [runtime.Finalizer].
func (f *Follower) Finalize() {
	f.detection.Discard()
	if !f.leading.IsZero() {
		f.leading.Discard()
	}
}

// detect follows who leads the cluster.
func (f *Follower) detect(previous *mesospb.MasterInfo) {
	f.detection = f.options.Detector.Detect(previous)
	runtime.Await(f, f.detection, func(leader *mesospb.MasterInfo, err error) {
		if err != nil {
			return // the master ends of it
		}
		f.leader = ""
		if pid := election.PID(leader); leader != nil && pid.Addr != f.Self().Addr {
			f.leader = pid.Addr
		}
		f.begin()
		f.detect(leader)
	})
}

// watch follows who may write.
func (f *Follower) watch(previous bool) {
	f.leading = f.options.Group.Leading(previous)
	runtime.Await(f, f.leading, func(writes bool, err error) {
		if err != nil {
			return // the member has ended, and the master with it
		}
		f.writes = writes
		f.begin()
		f.watch(writes)
	})
}

// begin begins to follow whoever is to be followed now.
func (f *Follower) begin() {
	f.serial++
	f.stored, f.problem = nil, ""
	f.timer.Cancel()
	if f.leader != "" && f.writes {
		f.look()
	}
}

// look reads the registry of the leader, unless that is one of the group.
func (f *Follower) look() {
	serial, shares := f.serial, runtime.Ready(false)
	if f.options.Group != nil {
		shares = f.options.Group.Shares(f.leader)
	}
	runtime.Await(f, shares, func(shares bool, err error) {
		switch {
		case serial != f.serial:
		case shares || err != nil:
			f.again(serial, f.options.Interval)
		default:
			f.read(serial)
		}
	})
}

// read reads the registry of the leader and stores it, if that is another than the last time.
func (f *Follower) read(serial int) {
	addr, begun, read, stored := f.leader, f.Now(), f.options.Read, f.stored
	reading := runtime.Go(f, func(ctx context.Context) (*registrypb.Registry, error) {
		r, err := read(ctx, addr)
		if proto.Equal(r, stored) {
			r = nil // nothing has changed
		}
		return r, err
	})
	runtime.Await(f, reading, func(r *registrypb.Registry, err error) {
		pause := max(f.options.Interval, 20*f.Now().Sub(begun))
		switch {
		case serial != f.serial:
		case err != nil:
			f.warn(err, "the registry of the leading master cannot be read; if this master leads next, it does not know what that one knows")
			f.again(serial, pause)
		case r == nil:
			f.again(serial, pause)
		default:
			f.store(serial, r, pause)
		}
	})
}

func (f *Follower) store(serial int, r *registrypb.Registry, pause time.Duration) {
	runtime.Await(f, registrar.Follow(f.options.Registrar, r), func(changed bool, err error) {
		switch {
		case serial != f.serial:
			return
		case err != nil:
			f.warn(err, "the registry of the leading master is not stored")
		default:
			if f.stored == nil || f.problem != "" {
				f.Log().Info().Str("leader", f.leader).Int("agents", len(r.GetSlaves().GetSlaves())).Bool("changed", changed).
					Msg("following the registry of the leading master")
			}
			f.stored, f.problem = r, ""
		}
		f.again(serial, pause)
	})
}

func (f *Follower) again(serial int, after time.Duration) {
	f.timer = f.Delay(after, func() {
		if serial == f.serial {
			f.look()
		}
	})
}

// warn logs a problem once.
func (f *Follower) warn(err error, what string) {
	if f.problem != err.Error() {
		f.problem = err.Error()
		f.Log().Warn().Err(err).Str("leader", f.leader).Msg(what)
	}
}
