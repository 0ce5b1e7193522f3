package runtime_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/sim"
)

// tardy installs its handler when a message waits already.
type tardy struct {
	runtime.Actor
	begin func(*tardy)
}

func (l *tardy) Initialize() { l.begin(l) }

// Whatever keeps a message from being handled, Options.Dropped is told, once, and so are traces.
func TestDropsAreTold(t *testing.T) {
	t.Parallel()
	text, badly := "google.protobuf.StringValue", []byte{0xff}
	for why, lose := range map[string]func(w *sim.World, n *runtime.Node, a runtime.Ref[*scribe]){
		"no such actor": func(_ *sim.World, n *runtime.Node, a runtime.Ref[*scribe]) {
			runtime.Tell(a, func(a *scribe) { a.Send(runtime.PID{ID: "nobody", Addr: n.Addr()}, wrapperspb.String("")) })
		},
		"the actor has terminated": func(_ *sim.World, n *runtime.Node, a runtime.Ref[*scribe]) {
			runtime.Tell(a, func(a *scribe) { a.Terminate(); a.Send(a.Self(), wrapperspb.String("")) })
		},
		"no handler": func(_ *sim.World, n *runtime.Node, a runtime.Ref[*scribe]) {
			runtime.Tell(a, func(a *scribe) { a.Send(a.Self(), &emptypb.Empty{}) })
		},
		"malformed": func(_ *sim.World, n *runtime.Node, a runtime.Ref[*scribe]) {
			n.Deliver(runtime.Envelope{To: a.PID(), Name: text, Body: badly})
		},
		"malformed, found on the turn": func(_ *sim.World, n *runtime.Node, _ runtime.Ref[*scribe]) {
			l := &tardy{begin: func(l *tardy) { runtime.Install(l, func(runtime.PID, *wrapperspb.StringValue) {}) }}
			ref, err := runtime.Spawn(n, "late", l)
			if err != nil {
				t.Error(err)
			}
			n.Deliver(runtime.Envelope{To: ref.PID(), Name: text, Body: badly})
		},
		"lost by the network": func(w *sim.World, _ *runtime.Node, a runtime.Ref[*scribe]) {
			w.SetNetwork(sim.Network{Loss: 1})
			runtime.Tell(a, func(a *scribe) { a.Send(runtime.PID{ID: "x", Addr: "10.0.0.2:1"}, wrapperspb.String("")) })
		},
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			w := sim.New(1)
			defer w.Close()
			var told []runtime.Drop
			n := w.NodeWith("10.0.0.1:1", func(o *runtime.Options) {
				o.TraceRing = 100
				o.Dropped = func(d runtime.Drop) { told = append(told, d) }
			})
			w.Node("10.0.0.2:1")
			a := spawn(t, n, "scribe", &scribe{})
			w.Settle()
			lose(w, n, a)
			w.Settle()
			want, _, _ := strings.Cut(why, ",")
			if len(told) != 1 || told[0].Why != want || told[0].To.IsZero() || !strings.HasPrefix(told[0].Name, "google.protobuf.") {
				t.Errorf("told: %v", told)
			}
			traced := 0
			for _, e := range n.Trace().Events() {
				if e.Kind == runtime.EventDrop {
					traced++
					if e.Note != want || e.Message == nil && e.Body == nil {
						t.Errorf("traced: %q of %v %v", e.Note, e.Message, e.Body)
					}
				}
			}
			if traced != 1 {
				t.Errorf("%d drops are traced", traced)
			}
		})
	}
}

// asLogger has the test's own program log to see where that goes.
const asLogger = "MESETA_TEST_LOGS"

// Warnings of a node that was given no log are seen; those of a node that was told to be silent are not.
func TestTheZeroLogIsNotSilent(t *testing.T) {
	t.Parallel()
	if kind := os.Getenv(asLogger); kind != "" {
		n := newNode(t, func(o *runtime.Options) {
			o.Log = map[string]zerolog.Logger{"nop": zerolog.Nop()}[kind]
		})
		a := spawn(t, n, "scribe", &scribe{})
		_, err := wait(t, runtime.Dispatch(a, func(a *scribe) int { a.Log().Info().Msg("info"); a.Log().Warn().Msg("warning"); return 0 }))
		if err != nil {
			t.Error(err)
		}
		return
	}
	for kind, want := range map[string]bool{"zero": true, "nop": false} {
		var stderr strings.Builder
		own := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheZeroLogIsNotSilent$")
		own.Env, own.Stderr = append(os.Environ(), asLogger+"="+kind), &stderr
		if err := own.Run(); err != nil {
			t.Fatal(err)
		}
		said := stderr.String()
		if strings.Contains(said, `"message":"warning"`) != want || want && !strings.Contains(said, `"actor":"scribe"`) || strings.Contains(said, "info") {
			t.Errorf("a %s log says %q", kind, said)
		}
	}
}
