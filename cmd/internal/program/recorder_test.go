package program

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/trace/conversation"
)

type frail struct{ runtime.Actor }

// asVictim has the test's own program panic.
const asVictim = "MESETA_TEST_PANICS"

// A panic leaves the latest events behind, the last of which is where it happened.
func TestAPanicLeavesItsTrace(t *testing.T) {
	t.Parallel()
	if folder := os.Getenv(asVictim); folder != "" {
		r := &recorder{folder: folder}
		n := runtimetest.Node(t, func(o *runtime.Options) { o.TraceRing, o.Fatal = 100, r.fatal })
		r.node.Store(n)
		runtime.Tell(runtimetest.Spawn(t, n, "frail", &frail{}), func(*frail) { panic("ouch") })
		<-t.Context().Done() // the panic ends the program
		return
	}
	var said strings.Builder
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAPanicLeavesItsTrace$")
	victim.Env, victim.Stderr = append(os.Environ(), asVictim+"="+t.TempDir()), &said
	if err := victim.Run(); err == nil || victim.ProcessState.ExitCode() != 2 || !strings.Contains(said.String(), "ouch") {
		t.Fatalf("%v: %s", err, &said)
	}
	found := regexp.MustCompile(`events are in (\S+);`).FindStringSubmatch(said.String())
	if found == nil {
		t.Fatalf("it does not say where the events are: %s", &said)
	}
	text, err := os.ReadFile(found[1])
	if err != nil {
		t.Fatal(err)
	}
	records, err := conversation.Parse(text)
	if err != nil || len(records) == 0 {
		t.Fatalf("%d events, %v", len(records), err)
	}
	if last := records[len(records)-1]; last.Event != "deliver" || !strings.HasPrefix(last.To, "frail@") {
		t.Errorf("the last event is %+v", last)
	}
}
