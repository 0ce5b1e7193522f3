package election

import (
	"context"
	"fmt"
	"time"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// fileInterval is the delay between two readings of a file that names masters.
const fileInterval = 2 * time.Second

// follower follows the leader that a file leads to. It is an actor. When the file names another place, that is followed;
// while it names none, the last one is.
type follower struct {
	runtime.Actor
	spec    string // file:// and a path
	options Options
	leader  *Standalone

	content   string // of the file, as far as it is in use
	rejected  string // content that was complained about
	place     place
	source    Detector
	detection runtime.Future[*mesospb.MasterInfo]
}

// follow spawns a follower of spec, whose content was read already.
func follow(node *runtime.Node, spec, content string, p place, o Options) (Detector, error) {
	f := &follower{spec: spec, options: o, leader: NewStandalone(nil), content: content, place: p}
	ref, err := runtime.Spawn(node, node.NewID("master-file"), f)
	return followed{f.leader, node, ref}, err
}

// followed is the detector of a [follower].
type followed struct {
	*Standalone
	node     *runtime.Node
	follower runtime.Ref[*follower]
}

// Close implements [Closer].
func (f followed) Close() { f.node.Terminate(f.follower.PID()) }

// Suspect implements [Suspicious].
func (f followed) Suspect(leader *mesospb.MasterInfo) {
	runtime.Tell(f.follower, func(f *follower) { Suspect(f.source, leader) })
}

// Initialize implements [runtime.Initializer].
func (f *follower) Initialize() {
	f.turnTo(f.place)
	f.Delay(fileInterval, f.read)
}

// Finalize ends what the follower has begun.
func (f *follower) Finalize() { f.leaveSource() }

func (f *follower) leaveSource() {
	f.detection.Discard()
	Close(f.source)
}

// turnTo follows the leader at another place.
func (f *follower) turnTo(p place) {
	if f.source != nil {
		f.leaveSource()
	}
	f.place = p
	var err error
	if f.source, err = p.detector(f.Node(), f.options); err != nil {
		f.source = NewStandalone(nil) // the node is closing
		f.leader.fail(fmt.Errorf("detect the master named in %s: %w", f.spec, err))
	}
	f.detect(nil)
}

func (f *follower) detect(previous *mesospb.MasterInfo) {
	source := f.source
	f.detection = source.Detect(previous)
	runtime.Await(f, f.detection, func(leader *mesospb.MasterInfo, err error) {
		switch {
		case source != f.source:
			return
		case err != nil:
			f.leader.fail(err)
			return
		}
		f.leader.Appoint(leader)
		f.detect(leader)
	})
}

// named is what a reading of the file has found.
type named struct {
	content string
	place   place
}

// read reads the file again.
func (f *follower) read() {
	spec, known := f.spec, f.content
	found := runtime.Go(f, func(ctx context.Context) (named, error) {
		content, err := ReadSpec(spec)
		if err != nil || content == known {
			return named{content: content}, err
		}
		p, err := parsePlace(ctx, content)
		return named{content, p}, err
	})
	runtime.Await(f, found, func(n named, err error) {
		f.Delay(fileInterval, f.read)
		switch {
		case err != nil:
			f.reject(err)
		case n.content != f.content:
			f.Log().Info().Str("file", f.spec).Msg("the file names another place of the master")
			f.content, f.rejected = n.content, ""
			f.turnTo(n.place)
		}
	})
}

// reject complains about the file, once for each reason.
func (f *follower) reject(err error) {
	if why := err.Error(); why != f.rejected {
		f.rejected = why
		f.Log().Warn().Err(err).Msg("the file that names the master cannot be used; the last place that it named still counts")
	}
}
