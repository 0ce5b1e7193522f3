package slave_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer"
	"meseta/slave/slavetest"
)

// operation parses an operation.
func operation(t *testing.T, text string, args ...any) *mesospb.Offer_Operation {
	t.Helper()
	op := &mesospb.Offer_Operation{}
	if err := prototext.Unmarshal(fmt.Appendf(nil, text, args...), op); err != nil {
		t.Fatal(err)
	}
	return op
}

const (
	redDisk   = `name: "disk" type: SCALAR scalar { value: %d } reservations { type: DYNAMIC role: "red/child" }`
	redVolume = redDisk + ` disk { persistence { id: "vol" } volume { mode: RW container_path: "data" } }`
)

// life is the six operations, one after the other. Together they change nothing.
func life(t *testing.T) []*mesospb.Offer_Operation {
	t.Helper()
	return []*mesospb.Offer_Operation{
		operation(t, `type: RESERVE reserve { resources { `+redDisk+` } }`, 1024),
		operation(t, `type: CREATE create { volumes { `+redVolume+` } }`, 256),
		operation(t, `type: GROW_VOLUME grow_volume { volume { `+redVolume+` } addition { `+redDisk+` } }`, 256, 64),
		operation(t, `type: SHRINK_VOLUME shrink_volume { volume { `+redVolume+` } subtract { value: 100 } }`, 320),
		operation(t, `type: DESTROY destroy { volumes { `+redVolume+` } }`, 220),
		operation(t, `type: UNRESERVE unreserve { resources { `+redDisk+` } }`, 1024),
	}
}

// reserved is what is checkpointed after each operation of life.
var reserved = []string{
	"disk:1024", "disk:768 disk[vol]:256", "disk:704 disk[vol]:320", "disk:804 disk[vol]:220", "disk:1024", "",
}

// brief tells what resources there are, by their amounts and volumes.
func brief(rs resources.Resources) string {
	var all []string
	for r := range rs.All() {
		text := r.Name()
		if r.IsPersistentVolume() {
			text += "[" + r.PersistenceID() + "]"
		}
		all = append(all, text+":"+r.Scalar().String())
	}
	return strings.Join(all, " ")
}

// apply has the master send operations, and a second pass. The first has the UUID from, the second the next one.
func (w *world) apply(from byte, all ...*mesospb.Offer_Operation) {
	runtime.Tell(w.master, func(m *slavetest.Master) {
		for i, op := range all {
			m.Apply(from+byte(i), op)
		}
	})
	w.Advance(time.Second)
}

// statuses demands the states of all operations that the master has heard, in order.
func (w *world) statuses(want ...mesospb.OperationState) {
	w.t.Helper()
	var got []mesospb.OperationState
	for _, s := range w.m.Statuses {
		got = append(got, s.GetStatus().GetState())
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the master heard %v, want %v\n%s", got, want, w.Log())
	}
}

// left reads what the next agent would find.
func (w *world) left() checkpoint.State {
	w.t.Helper()
	s, err := checkpoint.Read(w.disk, checkpoint.Root(w.dir), true)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) restart() {
	w.Crash(agentAddr)
	w.Advance(time.Second)
	w.startAgent()
	w.Advance(3 * time.Second)
}

const (
	carriedOut = mesospb.OperationState_OPERATION_FINISHED
	errored    = mesospb.OperationState_OPERATION_ERROR
	unsent     = mesospb.OperationState_OPERATION_DROPPED
)

// Each operation changes what is checkpointed and the directories of volumes, is reported once, and is forgotten when
// the master has acknowledged it.
func TestOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	dir := filepath.Join(w.dir, "volumes/roles/red child/vol")
	for i, op := range life(t) {
		w.apply(byte(i+1), op)
		w.statuses(slices.Repeat([]mesospb.OperationState{carriedOut}, i+1)...)
		left := w.left()
		if got := brief(resources.FromValid(left.Resources.Resources)); got != reserved[i] || left.Resources.Pending {
			t.Errorf("after %s: %q is checkpointed, want %q", op.GetType(), got, reserved[i])
		}
		if len(left.Resources.Operations)+len(left.Operations) > 0 {
			t.Errorf("after %s: operations are left: %v", op.GetType(), left)
		}
		if has := strings.Contains(reserved[i], "vol"); exists(dir) != has {
			t.Errorf("after %s: the directory of the volume exists: %t", op.GetType(), !has)
		}
	}
	if s := w.m.Statuses[0]; !proto.Equal(s.GetStatus(), s.GetLatestStatus()) || s.GetSlaveId().GetValue() != "a1" || s.FrameworkId != nil {
		t.Errorf("the first status is %v", s)
	}
	if n := len(w.m.Reregistered); n != 0 {
		t.Errorf("the agent has registered %d times again", n)
	}
}

// Many operations at once have the effect that they have one by one.
func TestOperationsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.apply(1, life(t)...)
	w.statuses(slices.Repeat([]mesospb.OperationState{carriedOut}, 6)...)
	left := w.left()
	if got := brief(resources.FromValid(left.Resources.Resources)); got != "" || exists(filepath.Join(w.dir, "volumes/roles/red child/vol")) {
		t.Errorf("%q is left", got)
	}
}

// The status of an operation is sent until it is acknowledged, by the next agent too.
func TestOperationsAreReportedUntilAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Forgetful, w.m.PingTimeout = true, 1e6 })
	w.apply(1, life(t)[0])
	w.apply(2, life(t)[1])
	w.Advance(30 * time.Second)
	w.statuses(carriedOut, carriedOut, carriedOut, carriedOut, carriedOut, carriedOut) // after 10 and 20 seconds
	w.m.Statuses = nil
	w.restart()
	report := w.m.Reports[len(w.m.Reports)-1].GetOperations().GetOperations()
	again := w.m.Reregistered[0]
	if got := brief(resources.FromValid(again.GetCheckpointedResources())); got != reserved[1] || len(report) != 2 {
		t.Errorf("the agent re-registered with %q and %v", got, report)
	}
	if op := report[1]; op.GetInfo().GetType() != mesospb.Offer_Operation_CREATE || op.GetLatestStatus().GetState() != carriedOut {
		t.Errorf("the second operation is %v", op)
	}
	w.statuses(carriedOut, carriedOut)
	runtime.Tell(w.master, func(m *slavetest.Master) {
		for _, s := range m.Statuses {
			m.AckOperation(s)
			m.AckOperation(s) // the second time it is ignored
		}
	})
	w.Advance(time.Hour)
	w.statuses(carriedOut, carriedOut)
	if left := w.left(); len(left.Resources.Operations)+len(left.Operations) > 0 {
		t.Errorf("there are left: %v", left)
	}
	w.restart()
	w.statuses(carriedOut, carriedOut)
}

// An operation that crosses a re-registration is carried out. The master, which may have taken over the resources in the
// re-registration, is told of those after it, whether the agent is registered or not when it hears the answer.
func TestOperationsCrossReregistrations(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		w := newWorld(t, nil)
		w.m.OnReregister = func() {
			if !again && len(w.m.Reregistered) == 1 {
				w.m.Apply(1, life(t)[0])
			}
		}
		w.restart()
		if again { // a repetition of the first one arrives after the operation was sent
			w.apply(1, life(t)[0])
			w.say(&internalpb.SlaveReregisteredMessage{SlaveId: ids.Agent("a1").Proto()})
			w.Advance(3 * time.Second)
		}
		w.statuses(carriedOut)
		last := w.m.Reregistered[len(w.m.Reregistered)-1]
		if got := brief(resources.FromValid(last.GetCheckpointedResources())); len(w.m.Reregistered) != 2 || got != reserved[0] {
			t.Errorf("again %t: the agent has re-registered %d times, at last with %q\n%s", again, len(w.m.Reregistered), got, w.Log())
		}
		w.say(&internalpb.SlaveReregisteredMessage{SlaveId: ids.Agent("a1").Proto()}) // changes nothing
		w.Advance(time.Minute)
		if n := len(w.m.Reregistered); n != 2 {
			t.Errorf("again %t: the agent has re-registered %d times", again, n)
		}
	}
}

// An operation that cannot be carried out has no effect, and is answered with the reason.
func TestOperationsThatAreRefused(t *testing.T) {
	t.Parallel()
	const raw = `name: "disk" type: SCALAR scalar { value: 1 } disk { source { type: RAW profile: "x" } }`
	for text, want := range map[string]struct {
		state    mesospb.OperationState
		message  string
		diverged bool
	}{
		`type: UNRESERVE unreserve { resources { ` + redDisk + ` } }`: {errored, "does not contain", true},
		`type: CREATE create { volumes { ` + strings.Replace(redVolume, `"vol"`, `"../../etc"`, 1) + ` } }`: {
			errored, "'../../etc' contains invalid characters", false,
		},
		`type: CREATE create { volumes { ` + strings.ReplaceAll(redVolume, `"red/child"`, `"red/../.."`) + ` } }`: {
			errored, "cannot include '..' as a component", false,
		},
		`type: CREATE_DISK create_disk { source { ` + raw + ` } target_type: MOUNT }`: {errored, "Operation not supported", false},
		`type: LAUNCH launch { }`: {errored, "Operation not supported", false},
		`type: RESERVE reserve { resources { ` + redDisk + ` provider_id { value: "p" } } }`: {unsent, "Unknown resource provider p", false},
	} {
		w := newWorld(t, nil)
		if strings.Contains(text, "%d") {
			text = fmt.Sprintf(text, 10)
		}
		// What a volume would be made of is there.
		w.apply(1, operation(t, `type: RESERVE reserve { resources { `+redDisk+` } }`, 2048))
		w.m.Statuses = nil
		if want.diverged {
			text = strings.ReplaceAll(text, "red/child", "blue")
		}
		w.apply(2, operation(t, "%s", text))
		w.Advance(3 * time.Second)
		w.statuses(want.state)
		if got := w.m.Statuses[0].GetStatus().GetMessage(); !strings.Contains(got, want.message) {
			t.Errorf("%s: %q, want %q", text, got, want.message)
		}
		if got := brief(resources.FromValid(w.left().Resources.Resources)); got != "disk:2048" {
			t.Errorf("%s: there is now %q", text, got)
		}
		if n := len(w.m.Reregistered); (n > 0) != want.diverged {
			t.Errorf("%s: the agent has registered %d times again", text, n)
		}
		if len(w.left().Operations) > 0 || w.fatal != nil {
			t.Errorf("%s: left are %v (%v)", text, w.left().Operations, w.fatal)
		}
	}
}

// An operation on resources that the agent had before it was restarted is dropped.
func TestOutdatedOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.m.Version = &mesospb.UUID{Value: ids.UUID{9}.Bytes()}
	w.apply(1, life(t)[0])
	w.statuses(unsent)
	const prefix = "Mismatched resource version 09000000-0000-0000-0000-000000000000 (expected: "
	if got := w.m.Statuses[0].GetStatus().GetMessage(); !strings.HasPrefix(got, prefix) {
		t.Errorf("the operation was dropped because %q", got)
	}
}

// An operation that comes twice is carried out once.
func TestRepeatedOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Forgetful = true })
	w.apply(1, life(t)[0])
	w.apply(1, life(t)[0])
	w.statuses(carriedOut)
	if got := brief(resources.FromValid(w.left().Resources.Resources)); got != reserved[0] {
		t.Errorf("%q is checkpointed", got)
	}
}

// A task is launched when the directory of its volume exists, even if it comes right after the operation that makes it.
func TestTaskWaitsForItsVolume(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.containers.OnLaunch = func(l containerizer.Launch) {
			if !exists(filepath.Join(w.dir, "volumes/roles/red child/vol")) {
				t.Error("the volume does not exist when the container is launched")
			}
			w.startExecutor(l)
		}
	})
	volume := operation(t, `type: CREATE create { volumes { `+redVolume+` } }`, 256).GetCreate().GetVolumes()[0]
	launch := command("t1", framework())
	launch.Task.Resources = append(launch.Task.Resources, volume)
	runtime.Tell(w.master, func(m *slavetest.Master) {
		m.Apply(1, life(t)[0])
		m.Apply(2, life(t)[1])
		m.Tell(launch)
	})
	w.Advance(time.Second)
	if n := len(w.containers.Launched()); n != 1 {
		t.Fatalf("%d containers were launched\n%s", n, w.Log())
	}
	if got := brief(resources.FromValid(w.containers.Launched()[0].Config.GetResources()).PersistentVolumes()); got != "disk[vol]:256" {
		t.Errorf("the container has the volumes %q", got)
	}
}

// A launch that comes while an operation is being written waits for that, and goes on.
func TestTaskComesWhileAnOperationIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, m := range []proto.Message{
		&internalpb.ApplyOperationMessage{
			FrameworkId: f1.Proto(), OperationInfo: life(t)[0], OperationUuid: &mesospb.UUID{Value: ids.UUID{1}.Bytes()},
			ResourceVersionUuid: &internalpb.ResourceVersionUUID{Uuid: w.m.Version},
		},
		command("t1", framework()),
	} {
		w.agentNode.Deliver(runtime.Envelope{From: w.master.PID(), To: w.agent.PID(), Message: m})
	}
	w.Advance(time.Second)
	w.states("t1", running)
}

// Older masters say what is reserved, instead of sending operations.
func TestCheckpointResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	disk := operation(t, `type: RESERVE reserve { resources { `+redDisk+` } }`, 7).GetReserve().GetResources()
	volume := operation(t, `type: CREATE create { volumes { `+redVolume+` } }`, 1).GetCreate().GetVolumes()
	w.say(&internalpb.CheckpointResourcesMessage{Resources: append(disk, volume...)})
	dir := filepath.Join(w.dir, "volumes/roles/red child/vol")
	if got := brief(resources.FromValid(w.left().Resources.Resources)); got != "disk:7 disk[vol]:1" || !exists(dir) {
		t.Errorf("%q is checkpointed", got)
	}
	w.say(&internalpb.CheckpointResourcesMessage{Resources: bag("cpus(x):1e3")}) // is ignored
	if got := brief(resources.FromValid(w.left().Resources.Resources)); got != "disk:7 disk[vol]:1" || w.fatal != nil {
		t.Errorf("%q is checkpointed (%v)", got, w.fatal)
	}
	w.restart()
	if got := brief(resources.FromValid(w.m.Reregistered[0].GetCheckpointedResources())); got != "disk:7 disk[vol]:1" {
		t.Errorf("the agent re-registered with %q", got)
	}
	w.say(&internalpb.CheckpointResourcesMessage{Resources: disk})
	if got := brief(resources.FromValid(w.left().Resources.Resources)); got != "disk:7" || exists(dir) {
		t.Errorf("%q is checkpointed, and the volume exists: %t", got, exists(dir))
	}
}

// Frameworks and masters ask for operations that they do not know or have not heard of.
func TestOperationReconciliation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Forgetful = true })
	op := life(t)[0]
	op.Id = &mesospb.OperationID{Value: proto.String("op")}
	w.say(&internalpb.ApplyOperationMessage{
		FrameworkId: f1.Proto(), OperationInfo: op, OperationUuid: &mesospb.UUID{Value: ids.UUID{1}.Bytes()},
		ResourceVersionUuid: &internalpb.ResourceVersionUUID{Uuid: w.m.Version},
	})
	w.m.Statuses = nil
	uuid := func(n byte) *mesospb.UUID { return &mesospb.UUID{Value: ids.UUID{n}.Bytes()} }
	ask := func(framework *mesospb.FrameworkID, all ...*internalpb.ReconcileOperationsMessage_Operation) {
		w.say(&internalpb.ReconcileOperationsMessage{FrameworkId: framework, Operations: all})
	}
	ask(nil, &internalpb.ReconcileOperationsMessage_Operation{OperationUuid: uuid(1)},
		&internalpb.ReconcileOperationsMessage_Operation{OperationUuid: uuid(2)})
	w.statuses(unsent) // of the second
	ask(f1.Proto(), &internalpb.ReconcileOperationsMessage_Operation{OperationId: op.Id},
		&internalpb.ReconcileOperationsMessage_Operation{OperationId: &mesospb.OperationID{Value: proto.String("other")}},
		&internalpb.ReconcileOperationsMessage_Operation{OperationUuid: uuid(1)})
	w.statuses(unsent, carriedOut, mesospb.OperationState_OPERATION_UNKNOWN, carriedOut)
	for _, s := range w.m.Statuses {
		if s.GetStatus().Uuid != nil {
			t.Errorf("an answer wants to be acknowledged: %v", s)
		}
	}
	ask(ids.Framework("f2").Proto(), &internalpb.ReconcileOperationsMessage_Operation{OperationId: op.Id})
	if s := w.m.Statuses[len(w.m.Statuses)-1]; s.GetStatus().GetState() != mesospb.OperationState_OPERATION_UNKNOWN {
		t.Errorf("another framework's operation is %v", s)
	}
}

// An agent that cannot write what was done ends, and says why.
func TestOperationsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"resources_and_operations", "resources.target", "operation.updates"} {
		w := newWorld(t, nil)
		w.disk.Fill(path)
		w.apply(1, life(t)[0])
		w.statuses()
		if w.fatal == nil || !strings.HasPrefix(w.fatal.Error(), "Failed to ") || !strings.Contains(w.fatal.Error(), path) {
			t.Errorf("%s: the agent ends because of %v", path, w.fatal)
		}
	}
}

// An agent that is started with less than it has promised does not start.
func TestIncompatibleResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.Reconfiguration = "additive" })
	w.apply(1, operation(t, `type: RESERVE reserve { resources { `+redDisk+` } }`, 4096))
	w.Crash(agentAddr)
	if err := os.Remove(filepath.Join(w.dir, "meta/slaves/latest")); err != nil { // so that it may have other resources
		t.Fatal(err)
	}
	w.Advance(time.Second)
	w.config.Resources = "disk:1024"
	w.startAgent()
	w.Advance(3 * time.Second)
	const prefix = "Failed to perform recovery: Checkpointed resources disk(reservations: [(DYNAMIC,red/child)]):4096 are incompatible with agent resources "
	if w.fatal == nil || !strings.HasPrefix(w.fatal.Error(), prefix) || !strings.Contains(w.fatal.Error(), ": Incompatible agent resources: ") {
		t.Errorf("it ended with %v", w.fatal)
	}
}

// The directory of a volume is known by what the agent removes: nothing else.
func TestDestroyRemovesTheVolumeOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.apply(1, life(t)[:4]...)
	dir := filepath.Join(w.dir, "volumes/roles/red child")
	for _, name := range []string{"vol/a/b/c", "other/d"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	outside := t.TempDir()
	if err := os.WriteFile(outside+"/f", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, dir+"/vol/out"); err != nil {
		t.Fatal(err)
	}
	w.apply(5, life(t)[4])
	if exists(dir+"/vol") || !exists(dir+"/other/d") || !exists(outside+"/f") {
		t.Errorf("left are %t, %t, %t", exists(dir+"/vol"), exists(dir+"/other/d"), exists(outside+"/f"))
	}
}

// A file of statuses that was cut is repaired: the status is written and sent again. Junk ends an agent that is strict.
func TestDamagedOperationUpdates(t *testing.T) {
	t.Parallel()
	const words = "Failed to recover operation status update manager: Failed to recover operation status update stream " +
		"01000000-0000-0000-0000-000000000000: "
	for _, c := range []struct {
		how    string
		damage func(content []byte) []byte
		strict string // what the agent ends with if it is strict; empty: it goes on
	}{
		{"cut", func(content []byte) []byte { return content[:len(content)-3] }, ""},
		{"empty", func([]byte) []byte { return nil }, ""},
		{"junk", func([]byte) []byte { return []byte("\x04\x00\x00\x00junk") }, words},
		{"junk at the end", func(content []byte) []byte { return append(content, "\x04\x00\x00\x00junk"...) }, words},
	} {
		for _, strict := range []bool{true, false} {
			w := newWorld(t, func(w *world) { w.m.Forgetful, w.config.Strict = true, strict })
			w.apply(1, life(t)[0])
			w.Crash(agentAddr)
			w.settled()
			path := filepath.Join(w.dir, "meta/slaves/a1/operations/01000000-0000-0000-0000-000000000000/operation.updates")
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.damage(content), 0o644); err != nil {
				t.Fatal(err)
			}
			first := w.m.Statuses[0]
			w.m.Statuses = nil
			w.Advance(time.Second)
			w.startAgent()
			w.Advance(3 * time.Second)
			if strict && c.strict != "" {
				if w.fatal == nil || !strings.Contains(w.fatal.Error(), c.strict) {
					t.Errorf("%s: the agent ends with %v", c.how, w.fatal)
				}
				continue
			}
			if len(w.m.Statuses) != 1 || !proto.Equal(w.m.Statuses[0], first) || w.fatal != nil {
				t.Errorf("%s, strict %t: %v was sent, want %v (%v)", c.how, strict, w.m.Statuses, first, w.fatal)
			}
			runtime.Tell(w.master, func(m *slavetest.Master) { m.AckOperation(first) })
			w.Advance(time.Second)
			if left := w.left(); len(left.Resources.Operations)+len(left.Operations) > 0 {
				t.Errorf("%s, strict %t: left are %v", c.how, strict, left.Operations)
			}
		}
	}
}

// An agent is drained when no status of an operation waits for its acknowledgement.
func TestDrainWaitsForOperations(t *testing.T) {
	t.Parallel()
	for name, tasks := range map[string][]proto.Message{"a task": {command("t1", framework())}, "no task": nil} {
		w := newWorld(t, func(w *world) { w.m.Forgetful = true })
		w.apply(1, life(t)[0])
		w.say(append(tasks, &internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{}})...)
		w.say(&internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()})
		w.Advance(time.Minute)
		if w.left().Drain == nil {
			t.Errorf("with %s the agent is drained, although it has an operation", name)
		}
		runtime.Tell(w.master, func(m *slavetest.Master) { m.AckOperation(m.Statuses[0]) })
		w.Advance(time.Second)
		if w.left().Drain != nil {
			t.Errorf("with %s the agent is not drained, although it has nothing", name)
		}
	}
}

// Volumes on disks of their own are directories there; one on a MOUNT disk is the whole disk, whose directory stays.
func TestVolumesOnDisks(t *testing.T) {
	t.Parallel()
	for kind, below := range map[string]string{"PATH": "volumes/roles/red/vol", "MOUNT": "."} {
		root := t.TempDir()
		source := fmt.Sprintf(`source { type: %s %s { root: %q } }`, kind, strings.ToLower(kind), root)
		w := newWorld(t, func(w *world) {
			w.system.Disks = []string{root}
			w.config.Resources = fmt.Sprintf(`[{"name":"disk","type":"SCALAR","scalar":{"value":100},"disk":{"source":{"type":%q,%q:{"root":%q}}}}]`,
				kind, strings.ToLower(kind), root)
		})
		const disk = `name: "disk" type: SCALAR scalar { value: 100 } reservations { type: DYNAMIC role: "red" } disk { `
		const persistent = ` persistence { id: "vol" } volume { mode: RW container_path: "data" } }`
		w.apply(1, operation(t, "%s", `type: RESERVE reserve { resources { `+disk+source+` } } }`),
			operation(t, "%s", `type: CREATE create { volumes { `+disk+source+persistent+` } }`))
		w.statuses(carriedOut, carriedOut)
		dir := filepath.Join(root, below)
		if err := os.MkdirAll(filepath.Join(dir, "d/f"), 0o755); err != nil {
			t.Fatal(err)
		}
		w.restart()
		if got := brief(resources.FromValid(w.m.Reregistered[0].GetCheckpointedResources())); got != "disk[vol]:100" || !exists(dir+"/d/f") {
			t.Errorf("%s: the next agent has %q", kind, got)
		}
		w.apply(3, operation(t, "%s", `type: DESTROY destroy { volumes { `+disk+source+persistent+` } }`))
		w.statuses(carriedOut, carriedOut, carriedOut)
		if exists(dir) != (kind == "MOUNT") || exists(dir+"/d") || !exists(root) {
			t.Errorf("%s: after it was destroyed the volume exists: %t", kind, exists(dir))
		}
	}
}
