package trace_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/trace"
)

type silent struct{ runtime.Actor }

func TestLog(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:1")
	var text bytes.Buffer
	if err := trace.Log(n, zerolog.New(&text), "msg:StringValue"); err != nil {
		t.Fatal(err)
	}
	a, b := runtimetest.Spawn(t, n, "a", &silent{}), runtimetest.Spawn(t, n, "b", &silent{})
	runtime.Tell(a, func(a *silent) { a.Send(b.PID(), wrapperspb.String("x")) })
	w.Settle()
	logged := text.String()
	for _, event := range []string{"send", "enqueue", "deliver", "drop"} { // b has no handler for it
		if !strings.Contains(logged, `"from":"a@10.0.0.1:1","to":"b@10.0.0.1:1","name":"google.protobuf.StringValue"`) ||
			strings.Count(logged, `"message":"`+event+`"`) != 1 {
			t.Errorf("want one %s in:\n%s", event, logged)
		}
	}
	if got := strings.Count(logged, "\n"); got != 4 {
		t.Errorf("%d lines logged; want 4:\n%s", got, logged)
	}
	for _, odd := range []string{"[", "a, msg:"} {
		last := odd[strings.LastIndexByte(odd, ' ')+1:]
		if err := trace.Log(n, zerolog.Nop(), odd); err == nil || !strings.Contains(err.Error(), `"`+last+`"`) {
			t.Errorf("a malformed filter %q: %v", odd, err)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	pid := func(id string) runtime.PID { return runtime.PID{ID: id, Addr: "10.0.0.1:1"} }
	e := runtime.Event{From: pid("slave(1)"), To: pid("master"), Name: "mesos.internal.StatusUpdateMessage"}
	for spec, want := range map[string]bool{
		"": false, "all": true, "master": true, "slave*": true, "slave": false, "other, master": true,
		"msg:StatusUpdateMessage": true, "msg:mesos.internal.*": true, "msg:*Ping*": false,
	} {
		matches, err := trace.ParseFilter(spec)
		if err != nil || matches(e) != want {
			t.Errorf("%q: %v, %v; want %v", spec, matches(e), err, want)
		}
	}
}
