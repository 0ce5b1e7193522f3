package runtime_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/sim"
)

// unencodable are ways to send what cannot be encoded, by the name it has.
var unencodable = map[string]struct {
	name string
	send func(a *scribe, to runtime.PID)
}{
	"text": {"google.protobuf.StringValue", sends(wrapperspb.String("\xff"))},
	"missing": {"google.protobuf.UninterpretedOption", sends(&descriptorpb.UninterpretedOption{
		Name: []*descriptorpb.UninterpretedOption_NamePart{{NamePart: proto.String("only one of two")}},
	})},
	"empty": {"google.protobuf.UninterpretedOption.NamePart", sends(&descriptorpb.UninterpretedOption_NamePart{})},
	"name":  {"a b", func(a *scribe, to runtime.PID) { a.SendRaw(to, "a b", nil) }},
}

func sends(m proto.Message) func(*scribe, runtime.PID) {
	return func(a *scribe, to runtime.PID) { a.Send(to, m) }
}

// witness keeps what nodes log and drop.
type witness struct {
	mu    sync.Mutex
	log   bytes.Buffer
	drops []runtime.Event
}

func (w *witness) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

func (w *witness) watch(n *runtime.Node) {
	n.Trace().Watch(func(e runtime.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if e.Kind == runtime.EventDrop {
			w.drops = append(w.drops, e)
		}
	})
}

// refused checks that one message of that name was refused, in the log and in the trace.
func (w *witness) refused(t *testing.T, name string, to runtime.PID) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if log := w.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, `"level":"warn"`) ||
		!strings.Contains(log, `"name":"`+name+`"`) || !strings.Contains(log, to.String()) {
		t.Errorf("logged %q, want one warning about %s to %s", log, name, to)
	}
	if len(w.drops) != 1 || w.drops[0].Name != name || w.drops[0].To != to || w.drops[0].Cause.IsZero() {
		t.Errorf("dropped %+v, want one %s to %s", w.drops, name, to)
	}
}

// places make one node or two. Where it is not nil, settle lets messages arrive.
var places = map[string]func(t *testing.T, o runtime.Options) (here, there *runtime.Node, settle func(time.Duration)){
	"one node": func(t *testing.T, o runtime.Options) (_, _ *runtime.Node, _ func(time.Duration)) {
		n := newNode(t, func(p *runtime.Options) { p.Log = o.Log })
		return n, n, nil
	},
	"simulated": func(_ *testing.T, o runtime.Options) (_, _ *runtime.Node, _ func(time.Duration)) {
		w := sim.New(1)
		return w.NodeWith("10.0.0.1:1", func(p *runtime.Options) { p.Log = o.Log }), w.Node("10.0.0.2:1"), w.Advance
	},
	"libprocess": func(t *testing.T, o runtime.Options) (_, _ *runtime.Node, _ func(time.Duration)) {
		return newNode(t, wired(t, o.Log)), newNode(t, wired(t, zerolog.Nop())), nil
	},
}

func wired(t *testing.T, log zerolog.Logger) func(*runtime.Options) {
	wire, err := libprocess.Listen(libprocess.Options{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return func(o *runtime.Options) { o.Wire, o.Log = wire, log }
}

// listening completes done when it is told "good".
type listening struct {
	runtime.Actor
	done runtime.Promise[struct{}]
	bad  int
}

func (l *listening) Initialize() {
	runtime.Install(l, func(_ runtime.PID, m *wrapperspb.StringValue) {
		if m.GetValue() != "good" {
			l.bad++
			return
		}
		l.done.Set(struct{}{})
	})
	runtime.Install(l, func(runtime.PID, *descriptorpb.UninterpretedOption) { l.bad++ })
	runtime.Install(l, func(runtime.PID, *descriptorpb.UninterpretedOption_NamePart) { l.bad++ })
	runtime.InstallRaw(l, "a b", func(runtime.PID, []byte) { l.bad++ })
}

// A message that cannot be encoded is refused when it is sent, wherever it goes; the next one arrives.
func TestWhatCannotBeEncodedIsRefusedAlike(t *testing.T) {
	t.Parallel()
	for place, build := range places {
		for what, mistake := range unencodable {
			t.Run(place+"/"+what, func(t *testing.T) {
				t.Parallel()
				seen := &witness{}
				here, there, settle := build(t, runtime.Options{Log: zerolog.New(seen)})
				l := &listening{done: runtime.NewPromise[struct{}]()}
				to := spawn(t, there, "to", l)
				from := spawn(t, here, "from", &scribe{})
				seen.watch(here)
				runtime.Tell(from, func(a *scribe) {
					mistake.send(a, to.PID())
					a.Send(to.PID(), wrapperspb.String("good"))
				})
				if settle != nil {
					settle(time.Second)
				}
				if _, err := wait(t, l.done.Future()); err != nil {
					t.Fatal(err)
				}
				bad := runtime.Dispatch(to, func(l *listening) int { return l.bad })
				if settle != nil {
					settle(0)
				}
				if n, err := wait(t, bad); n != 0 || err != nil {
					t.Errorf("%d arrived that cannot be encoded, %v", n, err)
				}
				seen.refused(t, mistake.name, to.PID())
			})
		}
	}
}
