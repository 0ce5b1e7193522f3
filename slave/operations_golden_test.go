package slave_test

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/agentstatepb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
	"meseta/slave/checkpoint"
	"meseta/slave/slavetest"
)

func operationsDir() string {
	return filepath.Join(cmp.Or(os.Getenv("MESETA_SHARED"), filepath.Join("..", "..", "shared")), "golden/operations")
}

// recordedOperations returns a recording of operations; the test is skipped where there are none.
func recordedOperations(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(operationsDir(), name))
	if err != nil {
		t.Skipf("no recordings here: %v", err)
	}
	return string(content)
}

// decoded returns the messages of a type in a recorded conversation or in the records of a recorded agent.
func decoded[M proto.Message](t *testing.T, recording string, fresh func() M) (all []M) {
	t.Helper()
	name := string(fresh().ProtoReflect().Descriptor().FullName())
	for _, part := range strings.Split(recording, name+":\n")[1:] {
		text, _, _ := strings.Cut(part, "\n\n")
		m := fresh()
		if err := prototext.Unmarshal([]byte(text), m); err != nil {
			t.Fatalf("%s: %v: %s", name, err, text)
		}
		all = append(all, m)
	}
	return all
}

// moment is what a recorded agent had on its disk at some time.
type moment struct {
	name    string
	state   *agentstatepb.ResourceState
	volumes []string
}

// moments returns those of a recording, in order.
func moments(t *testing.T, prefix string) (all []moment) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(operationsDir(), prefix+"*-meta.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		m := moment{name: strings.TrimSuffix(filepath.Base(file), "-meta.txt")}
		states := decoded(t, recordedOperations(t, m.name+"-meta.txt"), func() *agentstatepb.ResourceState { return &agentstatepb.ResourceState{} })
		if len(states) > 0 {
			m.state = states[0]
		} else if len(all) > 0 { // it says that it is the same as before
			m.state = all[len(all)-1].state
		}
		for line := range strings.Lines(recordedOperations(t, m.name+"-volumes-on-disk.txt")) {
			if fields := strings.Fields(line); strings.HasPrefix(fields[0], "d") {
				m.volumes = append(m.volumes, fields[3])
			}
		}
		slices.Sort(m.volumes)
		all = append(all, m)
	}
	return all
}

// volumesOnDisk returns the directories of volumes, and those above them.
func (w *world) volumesOnDisk() (all []string) {
	_ = filepath.WalkDir(filepath.Join(w.dir, "volumes"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			name, _ := filepath.Rel(w.dir, path)
			all = append(all, name)
		}
		return nil
	})
	return all
}

// Operations that a C++ master has sent to a C++ agent are sent to ours. What it answers is the same, and at every
// moment of which the reference's disk is known, ours has the same reservations and volumes.
func TestRecordedOperations(t *testing.T) {
	t.Parallel()
	for prefix, count := range map[string]int{"1-operator-v1-": 16, "2-v0-endpoints-": 2, "3-scheduler-": 5} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			conversation := recordedOperations(t, prefix+"wire-timeline.txt")
			asked := decoded(t, conversation, func() *internalpb.ApplyOperationMessage { return &internalpb.ApplyOperationMessage{} })
			if len(asked) < count {
				t.Fatalf("%d operations were recorded", len(asked))
			}
			w := newWorld(t, func(w *world) { w.config.Resources = "cpus:4;mem:4096;disk:8192;ports:[31000-32000]" })
			left := w.passed(moments(t, prefix))
			for _, m := range asked {
				m.ResourceVersionUuid = &internalpb.ResourceVersionUUID{Uuid: w.m.Version}
				w.say(m)
				left = w.passed(left)
			}
			for _, m := range left {
				t.Errorf("%s was never so:\n%v\n%v; in the end there is\n%v\n%v", m.name, m.state, m.volumes, w.left().Resources.Resources, w.volumesOnDisk())
			}
			answers := map[string]*internalpb.UpdateOperationStatusMessage{}
			for _, x := range decoded(t, conversation, func() *internalpb.UpdateOperationStatusMessage { return &internalpb.UpdateOperationStatusMessage{} }) {
				answers[string(x.GetOperationUuid().GetValue())] = x
			}
			w.Advance(time.Second)
			for _, x := range w.m.Statuses {
				if want := answers[string(x.GetOperationUuid().GetValue())]; !proto.Equal(anonymous(want), anonymous(x)) {
					t.Errorf("the answer is %v, want %v", x, want)
				}
			}
			if len(w.m.Statuses) != len(asked) {
				t.Errorf("%d operations were answered with %d statuses", len(asked), len(w.m.Statuses))
			}
		})
	}
}

// passed returns the moments that are not like this one.
func (w *world) passed(all []moment) []moment {
	w.t.Helper()
	now := w.left().Resources.Resources
	for len(all) > 0 {
		m := all[0]
		same := resources.FromValid(now).Equal(resources.FromValid(m.state.GetResources())) && slices.Equal(m.volumes, w.volumesOnDisk())
		if !same {
			break
		}
		all = all[1:]
	}
	return all
}

// anonymous returns an update without what is made anew for each.
func anonymous(x *internalpb.UpdateOperationStatusMessage) *internalpb.UpdateOperationStatusMessage {
	x = proto.CloneOf(x)
	if x == nil {
		return nil
	}
	x.SlaveId = nil
	for _, s := range []*mesospb.OperationStatus{x.GetStatus(), x.GetLatestStatus()} {
		s.SlaveId, s.Uuid = nil, nil
	}
	return x
}

// An agent that is started in the work directory of a C++ agent has its reservations and volumes, and sends the status
// that no scheduler has acknowledged again. What it writes of that is the same, byte for byte.
func TestRecordedOperationsAreRecovered(t *testing.T) {
	t.Parallel()
	meta := recordedOperations(t, "3-scheduler-04-unacked-meta.txt")
	info := decoded(t, meta, func() *mesospb.SlaveInfo { return &mesospb.SlaveInfo{} })
	if len(info) == 0 { // it says that it is the same as before
		info = decoded(t, recordedOperations(t, "3-scheduler-01-after-reserve-meta.txt"), func() *mesospb.SlaveInfo { return &mesospb.SlaveInfo{} })
	}
	state := decoded(t, meta, func() *agentstatepb.ResourceState { return &agentstatepb.ResourceState{} })[0]
	update := decoded(t, meta, func() *internalpb.UpdateOperationStatusRecord { return &internalpb.UpdateOperationStatusRecord{} })[0]
	operation := ids.UUID(state.GetOperations()[0].GetUuid().GetValue())
	w := newWorld(t, func(w *world) {
		w.m.Forgetful = true
		w.config.Hostname, w.config.Attributes, w.config.Resources = "localhost", "rack:r1;zone:z1", "cpus:4;mem:4096;disk:8192;ports:[31000-32000]"
		w.early = func() {
			root := checkpoint.Root(w.dir).Meta()
			at := root.Agent(ids.AgentOf(info[0].GetId()))
			var r checkpoint.Records
			r.Message(at.Info(), info[0])
			r.Link(string(at), root.LatestAgent())
			r.Message(root.ResourceState(), state)
			r.Message(at.OperationUpdates(operation), update)
			writer, err := runtime.Spawn(w.agentNode, "files", disk.NewWriter(w.disk, w.dir))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sim.Await(w.World, runtime.Ask(writer, (*disk.Writer).Write, r.Batch), time.Second); err != nil {
				t.Fatal(err)
			}
		}
	})
	if len(w.m.Reregistered) != 1 || len(w.m.Statuses) != 1 {
		t.Fatalf("the agent has re-registered %d times with %d statuses\n%s", len(w.m.Reregistered), len(w.m.Statuses), w.Log())
	}
	if got, want := w.m.Reregistered[0].GetCheckpointedResources(), state.GetResources(); !resources.FromValid(got).Equal(resources.FromValid(want)) {
		t.Errorf("the agent has %v, want %v", got, want)
	}
	report := w.m.Reports[len(w.m.Reports)-1].GetOperations().GetOperations()
	if len(report) != 1 || !proto.Equal(report[0], state.GetOperations()[0]) {
		t.Errorf("the agent has the operations %v, want %v", report, state.GetOperations())
	}
	sent := proto.CloneOf(w.m.Statuses[0])
	if sent.LatestStatus = nil; !proto.Equal(sent, update.GetUpdate()) {
		t.Errorf("the agent sends %v, want %v", sent, update.GetUpdate())
	}
	if content, err := checkpoint.Encode(update); err != nil || len(content) != 198 { // as the recording says
		t.Errorf("the record has %d bytes (%v)", len(content), err)
	}
	runtime.Tell(w.master, func(m *slavetest.Master) { m.AckOperation(m.Statuses[0]) })
	w.Advance(time.Second)
	if left := w.left(); len(left.Resources.Operations)+len(left.Operations) > 0 || len(left.Resources.Resources) != 5 {
		t.Errorf("left are %v and %v", left.Resources, left.Operations)
	}
}
