package program

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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
	if info, err := os.Stat(found[1]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others than its user may read the events: %v, %v", info, err)
	}
	records, err := conversation.Parse(text)
	if err != nil || len(records) == 0 {
		t.Fatalf("%d events, %v", len(records), err)
	}
	if last := records[len(records)-1]; last.Event != "deliver" || !strings.HasPrefix(last.To, "frail@") {
		t.Errorf("the last event is %+v", last)
	}
}

// asWriter has the test's own program save more than it may write.
const asWriter = "MESETA_TEST_SAVES"

// What cannot be written as a whole is not there at all, and the error names the file.
func TestATraceIsSavedAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	if folder := os.Getenv(asWriter); folder != "" {
		signal.Ignore(unix.SIGXFSZ)
		few := unix.Rlimit{Cur: 1 << 10, Max: 1 << 10}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &few); err != nil {
			t.Skip(err)
		}
		path, err := (&recorder{folder: folder}).save(make([]byte, 1<<20))
		fmt.Printf("saved %q: %v\n", path, err)
		return
	}
	folder := t.TempDir()
	writer := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestATraceIsSavedAsAWholeOrNotAtAll$")
	writer.Env = append(os.Environ(), asWriter+"="+folder)
	said, err := writer.CombinedOutput()
	if want := `saved "": write ` + folder + "/"; err != nil || !strings.Contains(string(said), want) || !strings.Contains(string(said), "file too large") {
		t.Errorf("%v, it says %s; want %s", err, said, want)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("%v, %v is left", err, left)
	}
	r := &recorder{folder: folder}
	path, err := r.save([]byte("whole\n"))
	if text, readErr := os.ReadFile(path); err != nil || readErr != nil || string(text) != "whole\n" || filepath.Dir(path) != folder {
		t.Errorf("%q in %s, %v, %v", text, path, err, readErr)
	}
}

// What a process that was killed did not complete is removed by the next one, but not what another is about to complete.
func TestUnfinishedTracesAreRemoved(t *testing.T) {
	t.Parallel()
	base, written := filepath.Base(os.Args[0]), time.Unix(1e9, 0)
	names := []string{".new-" + base + ".1.trace", base + ".2.trace", ".new-other.3.trace"}
	for after, want := range map[time.Duration]int{time.Second: 3, time.Hour: 2} {
		r := &recorder{folder: t.TempDir()}
		for _, name := range names {
			path := filepath.Join(r.folder, name)
			if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, written, written)); err != nil {
				t.Fatal(err)
			}
		}
		r.tidy(written.Add(after))
		if left, err := os.ReadDir(r.folder); err != nil || len(left) != want {
			t.Errorf("%v: %v, %v is left; want %d files", after, err, left, want)
		}
	}
}
