package subscribers_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/subscribers"
	"meseta/master/view"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

// fixture is the actor with a master that answers when the test says so.
type fixture struct {
	*testing.T
	world   *sim.World
	node    *runtime.Node
	actor   runtime.Ref[*subscribers.Subscribers]
	asked   []runtime.Promise[*view.Cluster]
	gone    int
	cluster *view.Cluster
}

func start(t *testing.T, options subscribers.Options) *fixture {
	t.Helper()
	options.Max = 1000
	f := &fixture{T: t, world: sim.New(1)}
	var mirror view.Mirror
	f.cluster = mirror.Look(view.Master{Info: &mesospb.MasterInfo{}}, book.New(book.DefaultLimits))
	options.Look = func() runtime.Future[*view.Cluster] {
		p := runtime.NewPromise[*view.Cluster]()
		f.asked = append(f.asked, p)
		return p.Future()
	}
	options.Gone = func() { f.gone++ }
	t.Cleanup(func() { runtimetest.End(t, f.world) })
	f.node = f.world.Node("10.0.0.1:5050")
	var err error
	if f.actor, err = runtime.Spawn(f.node, "subscribers", subscribers.New(options)); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) subscribe() *web.Stream {
	pipe := web.NewStream()
	runtime.Tell(f.actor, func(s *subscribers.Subscribers) { s.Add(mediatype.JSON, pipe, nil) })
	f.world.Settle()
	return pipe
}

// answer makes the master answer the oldest request.
func (f *fixture) answer() {
	f.Helper()
	if len(f.asked) == 0 {
		f.Fatal("the master was not asked")
	}
	f.asked[0].Set(f.cluster)
	f.asked = f.asked[1:]
	f.world.Settle()
}

// publish publishes the removal of a framework with that name.
func (f *fixture) publish(name string) {
	runtime.Tell(f.actor, func(s *subscribers.Subscribers) {
		removed := &masterpb.Event_FrameworkRemoved{FrameworkInfo: &mesospb.FrameworkInfo{User: proto.String(""), Name: &name}}
		s.Publish(subscribers.Change{Event: &masterpb.Event{
			Type: masterpb.Event_FRAMEWORK_REMOVED.Enum(), FrameworkRemoved: removed,
		}})
	})
	f.world.Settle()
}

// heard returns what was received: S for a state, H for a heartbeat, and the names of removed frameworks.
func heard(pipe *web.Stream) string {
	chunks, done := webtest.Take(pipe)
	var all []string
	for _, chunk := range chunks {
		_, record, _ := bytes.Cut(chunk, []byte("\n"))
		switch _, name, named := strings.Cut(string(record), `"name":"`); {
		case named:
			all = append(all, name[:strings.IndexByte(name, '"')])
		case bytes.Contains(record, []byte("SUBSCRIBED")):
			all = append(all, "S")
		default:
			all = append(all, "H")
		}
	}
	if done {
		all = append(all, "end")
	}
	return strings.Join(all, " ")
}

// Every change is in the state or comes after it, once, however answers of the master and changes interleave.
func TestChangesComeOnce(t *testing.T) {
	t.Parallel()
	f := start(t, subscribers.Options{})
	first := f.subscribe()
	f.publish("before") // published before the master answers, so it is in the state
	second := f.subscribe()
	f.answer()
	f.publish("after")
	third := f.subscribe()
	f.publish("between")
	f.answer()
	f.publish("last")
	for _, test := range []struct {
		pipe *web.Stream
		want string
	}{{first, "S H after between last"}, {second, "S H after between last"}, {third, "S H last"}} {
		if got := heard(test.pipe); got != test.want {
			t.Errorf("heard %q, not %q", got, test.want)
		}
	}
	if len(f.asked) != 0 {
		t.Errorf("the master was asked %d times too often", len(f.asked))
	}
}

// A subscriber that does not read is disconnected, without effect on others. One that hangs up is forgotten.
func TestSlowReadersAreCutOff(t *testing.T) {
	t.Parallel()
	f := start(t, subscribers.Options{MaxLag: 1000})
	slow, quick, leaves := f.subscribe(), f.subscribe(), f.subscribe()
	f.answer() // to all three
	heard(quick)
	webtest.HangUp(leaves)
	f.world.Settle()
	for i := range 30 {
		f.publish(fmt.Sprint("event", i))
		if got := heard(quick); got != fmt.Sprint("event", i) {
			t.Fatalf("the quick one heard %q", got)
		}
	}
	if slow.Write(nil) == nil || f.gone != 2 {
		t.Errorf("the slow one is not cut off; %d are gone", f.gone)
	}
	if quick.Write(nil) != nil {
		t.Error("the quick one is cut off")
	}
}

// With many subscribers, changes of the same moment are sent together: in order, once, and to nobody whose state has
// them.
func TestNewsForManyIsCollected(t *testing.T) {
	t.Parallel()
	f := start(t, subscribers.Options{})
	var crowd []*web.Stream
	for range 100 {
		crowd = append(crowd, f.subscribe())
	}
	f.answer()
	f.publish("one")
	f.publish("two")
	for i, pipe := range crowd {
		if got := heard(pipe); got != "S H one" {
			t.Fatalf("%d heard %q at once", i, got)
		}
	}
	late := f.subscribe()
	f.answer()
	f.publish("three")
	f.world.Advance(2 * time.Millisecond)
	f.publish("four")
	f.world.Advance(2 * time.Millisecond)
	for i, pipe := range crowd {
		if got := heard(pipe); got != "two three four" {
			t.Fatalf("%d heard %q afterwards", i, got)
		}
	}
	if got := heard(late); got != "S H three four" {
		t.Errorf("the late subscriber heard %q", got)
	}
}

// Subscribers that come one after the other and do not read their states keep a bounded number of states. States that
// were read, or are shared, do not count again.
func TestUnreadStatesAreBounded(t *testing.T) {
	t.Parallel()
	f := start(t, subscribers.Options{MaxStates: 1})
	reads := f.subscribe()
	f.answer()
	heard(reads)
	heard(reads) // which releases the state
	var kept []*web.Stream
	for range 3 {
		kept = append(kept, f.subscribe())
	}
	f.answer()
	for i := range 3 {
		f.subscribe()
		if f.answer(); f.gone != 0 && i == 0 {
			t.Error("one state is not too much")
		}
	}
	for i, pipe := range kept {
		if pipe.Write(nil) == nil {
			t.Errorf("subscriber %d keeps its state forever", i)
		}
	}
	if reads.Write(nil) != nil || f.gone != 4 {
		t.Errorf("%d are gone; want 3 that share a state, and one after them", f.gone)
	}
}

// When the actor ends, its streams end.
func TestStreamsEndWithTheMaster(t *testing.T) {
	t.Parallel()
	f := start(t, subscribers.Options{})
	pipe := f.subscribe()
	f.answer()
	f.node.Terminate(f.actor.PID())
	f.world.Settle()
	if got := heard(pipe); got != "S H end" {
		t.Errorf("heard %q", got)
	}
}
