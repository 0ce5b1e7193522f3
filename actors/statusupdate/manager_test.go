package statusupdate_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// desk is a manager whose forwarded updates end on a list.
type desk struct {
	*sim.World
	t       *testing.T
	manager runtime.Ref[*statusupdate.StatusUpdateManager]
	sent    []byte // the first byte of the UUID of each update that was forwarded
	err     error  // what writing fails with; nil: it does not fail
}

const (
	addr = "10.0.0.1:1"
	file = "/w/meta/task.updates"
)

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{World: sim.New(1), t: t}
	t.Cleanup(func() { runtimetest.End(t, d.World) })
	n := d.Node(addr)
	writer, err := runtime.Spawn(n, "writer", disk.NewWriter(disk.Of(n), "/w"))
	if err != nil {
		t.Fatal(err)
	}
	if d.manager, err = runtime.Spawn(n, "manager", statusupdate.New(statusupdate.Options{Writer: writer})); err != nil {
		t.Fatal(err)
	}
	d.Disk(addr).Intercept(func(op sim.Op) error {
		if op.Kind.Changes() {
			return d.err
		}
		return nil
	})
	runtime.Tell(d.manager, func(m *statusupdate.StatusUpdateManager) {
		m.Open(func(u *internalpb.StatusUpdate) { d.sent = append(d.sent, u.GetUuid()[0]) })
		m.Resume()
	})
	d.Settle()
	return d
}

func uuid(n byte) ids.UUID { return ids.UUID{n} }

func update(task ids.Task, n byte, state mesospb.TaskState) *internalpb.StatusUpdate {
	return &internalpb.StatusUpdate{
		FrameworkId: ids.Framework("f1").Proto(), Timestamp: proto.Float64(1), Uuid: uuid(n).Bytes(),
		Status: &mesospb.TaskStatus{TaskId: task.Proto(), State: state.Enum()},
	}
}

const (
	running  = mesospb.TaskState_TASK_RUNNING
	finished = mesospb.TaskState_TASK_FINISHED
)

func (d *desk) update(task ids.Task, n byte, state mesospb.TaskState, file string) (statusupdate.Outcome, error) {
	d.t.Helper()
	u := statusupdate.Update{StatusUpdate: update(task, n, state), File: file}
	f := runtime.Flatten(runtime.Call(d.manager, (*statusupdate.StatusUpdateManager).Update, u))
	return sim.Await(d.World, f, 0)
}

func (d *desk) ack(task ids.Task, n byte) (statusupdate.Outcome, error) {
	d.t.Helper()
	a := statusupdate.Ack{Framework: "f1", Task: task, UUID: uuid(n)}
	f := runtime.Flatten(runtime.Call(d.manager, (*statusupdate.StatusUpdateManager).Acknowledge, a))
	return sim.Await(d.World, f, 0)
}

func (d *desk) expect(want ...byte) {
	d.t.Helper()
	if !slices.Equal(d.sent, want) {
		d.t.Errorf("forwarded were %v, want %v", d.sent, want)
	}
}

// must fails the test unless something went well.
func (d *desk) must(o statusupdate.Outcome, err error) statusupdate.Outcome {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	return o
}

func TestOneUpdateAtATimeInOrder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must(d.update("t1", 1, running, ""))
	d.must(d.update("t1", 2, running, ""))
	d.must(d.update("t2", 3, running, ""))
	d.must(d.update("t1", 4, finished, ""))
	d.expect(1, 3)
	d.must(d.ack("t1", 1))
	d.must(d.ack("t1", 2))
	d.expect(1, 3, 2, 4)
	if o := d.must(d.ack("t1", 4)); !o.Terminated {
		t.Error("the end of the task was not noticed")
	}
	if _, err := d.ack("t1", 4); !errors.Is(err, statusupdate.ErrUnexpected) {
		t.Errorf("acknowledging what is over: %v", err)
	}
}

// The waits are 10, 20, 40, … seconds, and never more than ten minutes; an acknowledgement resets them.
func TestBackoff(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must(d.update("t1", 1, running, ""))
	var at []time.Duration
	begin := d.Now()
	for len(at) < 9 {
		n := len(d.sent)
		if !d.RunUntil(func() bool { return len(d.sent) > n }, 11*time.Minute) {
			t.Fatal("the update is no longer sent")
		}
		at = append(at, d.Now().Sub(begin))
		begin = d.Now()
	}
	want := []time.Duration{10, 20, 40, 80, 160, 320, 600, 600, 600}
	for i, w := range want {
		if at[i] != w*time.Second {
			t.Fatalf("the waits are %v, want %v seconds", at, want)
		}
	}
	d.must(d.ack("t1", 1))
	n := len(d.sent)
	d.must(d.update("t1", 2, running, ""))
	d.Advance(10 * time.Second)
	if len(d.sent) != n+2 {
		t.Errorf("the next update was sent %d times in ten seconds, want twice", len(d.sent)-n)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must(d.update("t1", 1, running, ""))
	if o := d.must(d.update("t1", 1, running, "")); !o.Duplicate {
		t.Error("an update that waits was taken twice")
	}
	d.must(d.ack("t1", 1))
	if o := d.must(d.update("t1", 1, running, "")); !o.Duplicate {
		t.Error("an update that was acknowledged was taken again")
	}
	d.must(d.update("t1", 2, running, ""))
	if _, err := d.ack("t1", 1); !errors.Is(err, statusupdate.ErrDuplicate) {
		t.Errorf("acknowledging twice: %v", err)
	}
	if _, err := d.ack("t1", 9); !errors.Is(err, statusupdate.ErrUnexpected) {
		t.Errorf("acknowledging what was never sent: %v", err)
	}
	d.expect(1, 2)
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must(d.update("t1", 1, running, ""))
	runtime.Tell(d.manager, (*statusupdate.StatusUpdateManager).Pause)
	d.must(d.update("t2", 2, running, ""))
	d.Advance(time.Hour)
	d.expect(1)
	runtime.Tell(d.manager, (*statusupdate.StatusUpdateManager).Resume)
	d.Settle()
	d.expect(1, 1, 2)
	d.Advance(10 * time.Second)
	d.expect(1, 1, 2, 1, 2)
}

// The updates of one framework are sent again without those of others, and are not while nobody is there to receive them.
func TestAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	again := func(f ids.Framework) {
		runtime.Tell(d.manager, func(m *statusupdate.StatusUpdateManager) { m.Again(f) })
		d.Settle()
	}
	other := update("t1", 2, running)
	other.FrameworkId = ids.Framework("f2").Proto()
	d.must(d.update("t1", 1, running, ""))
	d.must(sim.Await(d.World, runtime.Flatten(runtime.Call(d.manager, (*statusupdate.StatusUpdateManager).Update, statusupdate.Update{StatusUpdate: other})), 0))
	d.must(d.update("t3", 3, running, ""))
	again("f2")
	d.expect(1, 2, 3, 2)
	again("f1")
	d.expect(1, 2, 3, 2, 1, 3)
	runtime.Tell(d.manager, (*statusupdate.StatusUpdateManager).Pause)
	again("f1")
	d.expect(1, 2, 3, 2, 1, 3)
	runtime.Tell(d.manager, (*statusupdate.StatusUpdateManager).Resume)
	d.Settle()
	d.expect(1, 2, 3, 2, 1, 3, 1, 3, 2)
}

func TestClose(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must(d.update("t1", 1, running, ""))
	runtime.Tell(d.manager, func(m *statusupdate.StatusUpdateManager) { m.Close("f1") })
	d.Advance(time.Hour)
	d.expect(1)
}

// What is written can be read, and taken over by the next manager.
func TestCheckpoint(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must(d.update("t1", 1, running, file))
	d.must(d.update("t1", 2, running, file))
	d.must(d.ack("t1", 1))
	if _, err := d.update("t1", 3, running, ""); !errors.Is(err, statusupdate.ErrMismatch) {
		t.Errorf("an update of the same task without a checkpoint: %v", err)
	}
	content, err := disk.ReadFile(d.Disk(addr), file)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := statusupdate.Decode(append(content, 7, 0, 0)) // the last record is torn
	if err != nil || recorded.Length != len(content) {
		t.Fatalf("%d of %d bytes were understood: %v", recorded.Length, len(content), err)
	}
	next := newDesk(t)
	if err := errors.Join(next.Disk(addr).MkdirAll(filepath.Dir(file), 0o755), disk.Replace(next.Disk(addr), file, content, 0o644)); err != nil {
		t.Fatal(err)
	}
	runtime.Tell(next.manager, func(m *statusupdate.StatusUpdateManager) {
		m.Recover(file, recorded)
		m.Resume()
	})
	next.Settle()
	next.expect(2)
	if o := next.must(next.update("t1", 1, running, file)); !o.Duplicate {
		t.Error("an update was taken that an earlier manager had")
	}
}

// What cannot be written is not taken, and a terminal update is not forwarded either.
func TestCheckpointFails(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.err = errors.New("disk full")
	if _, err := d.update("t1", 1, finished, file); !errors.Is(err, d.err) {
		t.Errorf("an update that was not written: %v", err)
	}
	d.expect()
	d.err = nil
	d.must(d.update("t1", 1, finished, file))
	d.expect(1)
}

// Updates that wait to be written are let go when their framework is closed.
func TestCloseWhileWriting(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var futures []runtime.Future[statusupdate.Outcome]
	taken := runtime.Dispatch(d.manager, func(m *statusupdate.StatusUpdateManager) int {
		futures = append(futures, m.Update(statusupdate.Update{StatusUpdate: update("t1", 1, finished), File: file}))
		futures = append(futures, m.Update(statusupdate.Update{StatusUpdate: update("t1", 2, running), File: file}))
		m.Close("f1")
		return len(futures)
	})
	if n, err := sim.Await(d.World, taken, 0); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	d.Settle()
	for _, f := range futures {
		if _, done, err := f.Peek(); !done || !errors.Is(err, statusupdate.ErrClosed) {
			t.Errorf("an update of a closed framework: %v", err)
		}
	}
	d.expect()
}

func TestInvalidUUID(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	u := update("t1", 1, running)
	u.Uuid = []byte("short")
	f := runtime.Flatten(runtime.Call(d.manager, (*statusupdate.StatusUpdateManager).Update, statusupdate.Update{StatusUpdate: u}))
	if _, err := sim.Await(d.World, f, 0); err == nil {
		t.Error("an update without a UUID was taken")
	}
}
