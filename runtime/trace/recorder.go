package trace

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strings"

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
	for actor, turn := range t.Node().Trace().Running() {
		if actor == t.Self().ID {
			continue
		}
		before := t.seen[actor]
		again := before.turn == turn
		if again && !before.reported {
			t.report(actor, turn)
		}
		running[actor] = sighting{turn, again}
	}
	t.seen = running
}

// sighting is a turn that ran when somebody looked.
type sighting struct {
	turn     runtime.EventID
	reported bool
}

// report logs a turn that takes too long.
func (t *tracer) report(actor string, turn runtime.EventID) {
	var about string
	for _, e := range t.Node().Trace().Events() {
		if e.ID == turn {
			about = fmt.Sprintf("%s %s", e.What, Title(e.Name))
		}
	}
	t.Log().Warn().Str("hangs", actor).Stringer("event", turn).Str("turn", about).Dur("longer_than", t.Hang).
		Str("stack", stackOf(actor)).Msg("an actor's turn takes long")
}

// stackOf returns the stack of the goroutine that takes a traced turn of the actor.
func stackOf(actor string) string {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return err.Error()
	}
	label := fmt.Sprintf("%q:%q", "actor", actor)
	for block := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(block, label) {
			return block
		}
	}
	return ""
}
