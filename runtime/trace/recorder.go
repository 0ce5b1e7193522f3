package trace

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strings"
	"time"

	"meseta/runtime"
	"meseta/runtime/web"
)

// save writes what is remembered to a file, as an operator who asks wants it.
func (t *tracer) save(*web.Request) runtime.Future[*web.Response] {
	if t.Save == nil {
		return answer(http.StatusNotImplemented, "text/plain", []byte("this program keeps no files\n"))
	}
	trace, lens, write := t.Node().Trace(), t.Lens, t.Save
	return runtime.Go(t, func(context.Context) (*web.Response, error) {
		path, err := write(lens.Lines(trace.Events()))
		if err != nil {
			return response(http.StatusInternalServerError, "text/plain", []byte(err.Error()+"\n")), nil
		}
		return response(http.StatusOK, "text/plain", []byte(path+"\n")), nil
	})
}

// look reports, once, turns that were running when it looked last, and still are.
func (t *tracer) look() {
	t.Delay(t.Hang, t.look)
	running := map[string]sighting{}
	var hang []func(saved string, err error)
	for actor, turn := range t.Node().Trace().Running() {
		if actor == t.Self().ID {
			continue
		}
		before := t.seen[actor]
		again := before.turn == turn
		if again && !before.reported {
			hang = append(hang, t.report(actor, turn))
		}
		running[actor] = sighting{turn, again}
	}
	t.seen = running
	if len(hang) > 0 {
		t.saveHang(hang)
	}
}

// betweenFiles is how long a node that hangs again and again waits until it writes the next file.
const betweenFiles = 10 * time.Minute

// saveHang saves what is remembered, unless that was done lately, and has reports say where.
func (t *tracer) saveHang(reports []func(saved string, err error)) {
	say := func(saved string, err error) {
		for _, report := range reports {
			report(saved, err)
		}
	}
	if t.Save == nil || !t.saved.IsZero() && t.Now().Sub(t.saved) < betweenFiles {
		say("", nil)
		return
	}
	t.saved = t.Now()
	events, lens, write := t.Node().Trace().Events(), t.Lens, t.Save
	runtime.Await(t, runtime.Go(t, func(context.Context) (string, error) { return write(lens.Lines(events)) }), say)
}

// sighting is a turn that ran when somebody looked.
type sighting struct {
	turn     runtime.EventID
	reported bool
}

// report looks at a turn that takes too long, and returns what logs it.
func (t *tracer) report(actor string, turn runtime.EventID) func(saved string, err error) {
	var about string
	for _, e := range t.Node().Trace().Events() {
		if e.ID == turn {
			about = fmt.Sprintf("%s %s", e.What, Title(e.Name))
		}
	}
	stack := stackOf(actor)
	return func(saved string, err error) {
		line := t.Log().Warn().Str("hangs", actor).Stringer("event", turn).Str("turn", about).Dur("longer_than", t.Hang)
		if saved != "" {
			line = line.Str("saved", saved)
		}
		line.AnErr("not_saved", err).Str("stack", stack).Msg("an actor's turn takes long")
	}
}

// stackOf returns the stack of the goroutine that takes a traced turn of the actor: the deepest of those that have its
// label, since goroutines that wait for work keep that of their last turn.
func stackOf(actor string) string {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return err.Error()
	}
	label, deepest := fmt.Sprintf("%q:%q", "actor", actor), ""
	for block := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(block, label) && strings.Count(block, "\n") > strings.Count(deepest, "\n") {
			deepest = block
		}
	}
	return deepest
}
