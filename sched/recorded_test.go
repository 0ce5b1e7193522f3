package sched_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/sched"
	"meseta/sched/schedtest"
)

// recorded returns the body of a message that a C++ node sent.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(shared(t), "golden", "wire-messages", name+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// shared is the folder with the recordings, which lies beside the module.
func shared(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("MESETA_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		candidate := filepath.Join(filepath.Dir(dir), "shared")
		if _, err := os.Stat(filepath.Join(candidate, "golden")); err == nil {
			return candidate
		}
	}
	t.Skip("the recordings are not here; MESETA_SHARED tells where they are")
	return ""
}

// Mesos's own example scheduler was recorded: our driver says the same, byte for byte, and understands what it was told.
func TestRecordedConversation(t *testing.T) {
	t.Parallel()
	subscribe := recorded(t, "mesos.scheduler.Call")
	var theirs schedulerpb.Call
	if err := proto.Unmarshal(subscribe, &theirs); err != nil {
		t.Fatal(err)
	}
	w := &world{World: sim.New(1), t: t, scheduler: &schedtest.Scheduler{}}
	t.Cleanup(func() { runtimetest.End(t, w.World) })
	w.master = w.startMaster("127.0.0.1:5050")
	runtime.Tell(w.master, func(m *schedtest.Master) { m.Mute = true })
	w.driver = sched.NewDriver(w.Node("127.0.0.1:5065"), w.scheduler, theirs.GetSubscribe().GetFrameworkInfo(), "127.0.0.1:5050", sched.Options{})
	w.driver.Start()
	w.Advance(10 * time.Millisecond)
	ours, err := proto.Marshal(w.lastCall())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, subscribe) {
		t.Errorf("we subscribe with\n%x\nthe recording has\n%x", ours, subscribe)
	}
	for _, name := range []string{"mesos.internal.FrameworkRegisteredMessage", "mesos.internal.ResourceOffersMessage", "mesos.internal.StatusUpdateMessage"} {
		body := recorded(t, name)
		w.tell(func(m *schedtest.Master) { m.SendRaw(w.driver.PID(), name, body) })
	}
	const id = "e2696a8f-1867-4dd3-92c6-46724f85aa5f"
	w.heard("registered "+id+"-0004 by master@127.0.0.1:5050", "offer "+id+"-O4 of "+id+"-S0", "update 0 TASK_RUNNING")
	var update internalpb.StatusUpdateMessage
	if err := proto.Unmarshal(recorded(t, "mesos.internal.StatusUpdateMessage"), &update); err != nil {
		t.Fatal(err)
	}
	if ack := w.lastCall().GetAcknowledge(); !bytes.Equal(ack.GetUuid(), update.GetUpdate().GetUuid()) || !strings.HasSuffix(ack.GetSlaveId().GetValue(), "-S0") {
		t.Errorf("the update was answered with %v", w.lastCall())
	}
}
