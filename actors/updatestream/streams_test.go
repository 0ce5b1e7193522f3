package updatestream_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/updatestream"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// operation is the key of updates of operations, by which these tests see that streams are not about tasks.
type operation string

func (o operation) String() string { return "operation " + string(o) }

type update = internalpb.UpdateOperationStatusMessage

var operations = updatestream.Kind[operation, *update]{
	Key:      func(u *update) operation { return operation(u.GetOperationUuid().GetValue()) },
	UUID:     func(u *update) []byte { return u.GetStatus().GetUuid().GetValue() },
	Compare:  cmp.Compare[operation],
	Terminal: func(u *update) bool { return u.GetStatus().GetState() == mesospb.OperationState_OPERATION_FINISHED },
	Early:    func(u *update) bool { return u.GetStatus().GetState() == mesospb.OperationState_OPERATION_RECOVERING },
	Record: func(u *update) proto.Message {
		return &internalpb.UpdateOperationStatusRecord{Type: internalpb.UpdateOperationStatusRecord_UPDATE.Enum(), Update: u}
	},
	Acknowledgement: func(id ids.UUID) proto.Message {
		return &internalpb.UpdateOperationStatusRecord{
			Type: internalpb.UpdateOperationStatusRecord_ACK.Enum(), Uuid: &mesospb.UUID{Value: id[:]},
		}
	},
	Read: func(record []byte) (*update, []byte, error) {
		r := &internalpb.UpdateOperationStatusRecord{}
		err := proto.Unmarshal(record, r)
		return r.Update, r.GetUuid().GetValue(), err
	},
}

type manager struct {
	updatestream.Streams[operation, *update]
}

const (
	addr = "10.0.0.1:1"
	path = "/w/meta/operation.updates"
)

// desk is a manager of operations, and what it forwarded: the first byte of each UUID.
type desk struct {
	*sim.World
	t       *testing.T
	disk    *sim.Disk
	writer  runtime.Ref[*disk.Writer]
	manager runtime.Ref[*manager]
	sent    []byte
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	k := &desk{World: sim.New(1), t: t}
	t.Cleanup(func() { runtimetest.End(t, k.World) })
	k.disk = k.Disk(addr)
	if err := errors.Join(k.disk.MkdirAll("/w", 0o755), k.disk.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	k.start()
	return k
}

// start starts a manager on a new node.
func (k *desk) start() {
	k.t.Helper()
	n := k.Node(addr)
	var err error
	if k.writer, err = runtime.Spawn(n, "writer", disk.NewWriter(disk.Of(n), "/w")); err != nil {
		k.t.Fatal(err)
	}
	m := &manager{updatestream.New(operations, updatestream.Options{Writer: k.writer})}
	if k.manager, err = runtime.Spawn(n, "operations", m); err != nil {
		k.t.Fatal(err)
	}
	k.sent = nil
	k.do(func(m *manager) {
		m.Open(func(u *update) { k.sent = append(k.sent, u.GetStatus().GetUuid().GetValue()[0]) })
	})
}

func (k *desk) do(f func(*manager)) {
	k.t.Helper()
	runtime.Tell(k.manager, f)
	k.Settle()
}

func newUpdate(of operation, n byte, state mesospb.OperationState) *update {
	id := ids.UUID{n}
	return &update{
		OperationUuid: &mesospb.UUID{Value: []byte(of)},
		Status:        &mesospb.OperationStatus{State: state.Enum(), Uuid: &mesospb.UUID{Value: id[:]}},
	}
}

func (k *desk) add(of operation, n byte, state mesospb.OperationState, file string) error {
	k.t.Helper()
	u := newUpdate(of, n, state)
	f := runtime.Flatten(runtime.Dispatch(k.manager, func(m *manager) runtime.Future[updatestream.Outcome] { return m.Add(u, file) }))
	_, err := sim.Await(k.World, f, 0)
	return err
}

func (k *desk) confirm(of operation, n byte) (updatestream.Outcome, error) {
	k.t.Helper()
	f := runtime.Flatten(runtime.Dispatch(k.manager, func(m *manager) runtime.Future[updatestream.Outcome] {
		return m.Confirm(of, ids.UUID{n})
	}))
	return sim.Await(k.World, f, 0)
}

func (k *desk) pending() []operation {
	k.t.Helper()
	all, err := sim.Await(k.World, runtime.Dispatch(k.manager, func(m *manager) []operation { return m.Pending() }), 0)
	if err != nil {
		k.t.Fatal(err)
	}
	return all
}

// again replaces the manager by one of the next process, which has read what is in the file.
func (k *desk) again() {
	k.t.Helper()
	if len(k.Living()) > 0 {
		k.Kill(addr)
	}
	k.start()
	content, err := disk.ReadFile(k.disk, path)
	if err != nil {
		k.t.Fatal(err)
	}
	recorded, err := operations.Decode(content)
	if err != nil {
		k.t.Fatal(err)
	}
	k.do(func(m *manager) { m.Recover(path, recorded); m.Resume() })
}

const (
	pending  = mesospb.OperationState_OPERATION_PENDING
	finished = mesospb.OperationState_OPERATION_FINISHED
)

func TestOneOperationAtATime(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	for i, of := range []operation{"b", "a", "b"} {
		if err := k.add(of, byte(i+1), pending, ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.sent) != 0 {
		t.Errorf("%v was forwarded before anybody resumed", k.sent)
	}
	k.do(func(m *manager) { m.Resume() })
	if o, err := k.confirm("b", 1); err != nil || o.Terminated {
		t.Fatal(o, err)
	}
	if want := []byte{2, 1, 3}; !slices.Equal(k.sent, want) {
		t.Errorf("forwarded %v, want %v", k.sent, want)
	}
	if err := k.add("b", 4, finished, ""); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[byte]error{1: updatestream.ErrDuplicate, 4: updatestream.ErrUnexpected} {
		if _, err := k.confirm("b", n); !errors.Is(err, want) {
			t.Errorf("confirming %d: %v", n, err)
		}
	}
	for _, n := range []byte{3, 4} {
		if o, err := k.confirm("b", n); err != nil || o.Terminated != (n == 4) {
			t.Fatal(o, err)
		}
	}
	if err := k.add("a", 5, pending, "somewhere"); !errors.Is(err, updatestream.ErrMismatch) {
		t.Errorf("an update with another file: %v", err)
	}
	k.do(func(m *manager) { m.Remove(func(of operation) bool { return of == "a" }) })
	if left := k.pending(); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
	n := len(k.sent)
	k.Advance(time.Hour)
	if len(k.sent) != n {
		t.Error("what is removed is sent again")
	}
}

// size is how many bytes the file has.
func (k *desk) size() int64 {
	k.t.Helper()
	info, err := k.disk.Lstat(path)
	if err != nil {
		k.t.Fatal(err)
	}
	return info.Size()
}

// freeze makes cutting files fail until thaw is called.
func (k *desk) freeze() (thaw func()) {
	return k.disk.Intercept(func(op sim.Op) error {
		if op.Kind == sim.OpTruncate {
			return syscall.EIO
		}
		return nil
	})
}

// What was confirmed is found again, whatever happened to the writes in between.
func TestShortWrites(t *testing.T) {
	t.Parallel()
	for room := range int64(60) {
		t.Run(fmt.Sprintf("%d bytes of room", room), func(t *testing.T) {
			t.Parallel()
			k := newDesk(t)
			if err := k.add("a", 1, pending, path); err != nil {
				t.Fatal(err)
			}
			thaw := k.freeze()
			k.disk.SetCapacity(k.size() + room)
			err := k.add("a", 2, pending, path)
			second := err == nil
			if !second && !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			k.disk.SetCapacity(0)
			if !second && room > 0 {
				if err := k.add("a", 3, pending, path); !errors.Is(err, syscall.EIO) {
					t.Fatalf("a record was put behind a torn one: %v", err)
				}
			}
			thaw()
			if err := k.add("a", 3, pending, path); err != nil {
				t.Fatal(err)
			}
			k.again()
			want := []byte{1}
			for _, n := range []byte{2, 3} {
				if n == 3 || second {
					want = append(want, n)
				}
			}
			for i := range want {
				if _, err := k.confirm("a", want[i]); err != nil {
					t.Fatalf("update %d is lost: %v", want[i], err)
				}
			}
			if !slices.Equal(k.sent, want) {
				t.Errorf("recovered %v, want %v", k.sent, want)
			}
		})
	}
}

// Any row of failures and crashes leaves what was confirmed, in order.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		k := newDesk(t)
		k.do(func(m *manager) { m.Resume() })
		var confirmed []byte
		for n := byte(1); n < 60; n++ {
			remove := k.disk.Intercept(func(op sim.Op) error {
				if op.Kind.Changes() && random.IntN(10) == 0 {
					return syscall.EIO
				}
				return nil
			})
			if k.add("a", n, pending, path) == nil {
				confirmed = append(confirmed, n)
			}
			remove()
			if len(confirmed) > 0 && random.IntN(5) == 0 {
				if random.IntN(2) == 0 {
					k.Crash(addr)
				}
				k.again()
			}
		}
		k.again()
		for _, n := range confirmed {
			for len(k.sent) == 0 || k.sent[len(k.sent)-1] != n { // updates that failed may be there too
				if _, err := k.confirm("a", k.sent[len(k.sent)-1]); err != nil {
					t.Fatalf("seed %d: update %d of %v: %v", seed, n, confirmed, err)
				}
			}
		}
	}
}

// Updates that come while one is written are written together.
func TestUpdatesShareAWrite(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	syncs := 0
	k.disk.Intercept(func(op sim.Op) error {
		if op.Kind == sim.OpSync {
			syncs++
		}
		return nil
	})
	var all []runtime.Future[updatestream.Outcome]
	k.do(func(m *manager) {
		for _, n := range []byte{1, 2, 3, 3, 4} {
			all = append(all, m.Add(newUpdate("a", n, pending), path))
		}
	})
	for i, f := range all {
		o, done, err := f.Peek()
		if !done || err != nil || o.Duplicate != (i == 3) {
			t.Errorf("update %d is done %t: %v, %v", i, done, o, err)
		}
	}
	if syncs != 3 { // 1, 2 with 3, and 4 behind the duplicate
		t.Errorf("five updates took %d syncs", syncs)
	}
	k.again()
	if got := k.sent; !slices.Equal(got, []byte{1}) {
		t.Errorf("forwarded %v", got)
	}
}

// A duplicate of an update that an earlier process has written, but perhaps not synced, is confirmed when it is on the
// medium.
func TestDuplicateOfWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	for range 20 {
		k := newDesk(t)
		remove := k.disk.Intercept(func(op sim.Op) error {
			if op.Kind == sim.OpSync {
				k.Kill(addr)
			}
			return nil
		})
		if err := k.add("a", 1, pending, path); err == nil {
			t.Fatal("an update was confirmed that was not synced")
		}
		remove()
		k.again()
		for range 2 {
			if err := k.add("a", 1, pending, path); err != nil {
				t.Fatal(err)
			}
		}
		k.Crash(addr)
		k.again()
		if !slices.Equal(k.sent, []byte{1}) {
			t.Fatalf("recovered %v", k.sent)
		}
	}
}

// A stream that was not recovered does not continue behind a torn record either. Zeros count as torn.
func TestTornFiles(t *testing.T) {
	t.Parallel()
	for _, torn := range []string{"\x5a\x00\x00\x00\x01\x02\x03", "\x00\x00\x00", string(make([]byte, 40))} {
		k := newDesk(t)
		if err := errors.Join(k.disk.MkdirAll("/w/meta", 0o755), disk.Replace(k.disk, path, []byte(torn), 0o600)); err != nil {
			t.Fatal(err)
		}
		for n := byte(1); n < 3; n++ {
			if err := k.add("a", n, pending, path); err != nil {
				t.Fatal(err)
			}
		}
		k.again()
		if got := k.pending(); !slices.Equal(got, []operation{"a"}) {
			t.Errorf("behind %q: %v is found", torn, got)
		}
	}
}

// An update that names a file is refused where nothing can be written.
func TestNoWriter(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	m, err := runtime.Spawn(k.Living()[0], "other", &manager{updatestream.New(operations, updatestream.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	k.manager = m
	if err := k.add("a", 1, pending, path); err == nil {
		t.Error("an update was taken for written")
	}
}

// Whoever waits for a change hears of the end of the actor.
func TestChangesEndWithTheirActor(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	var changes []runtime.Future[updatestream.Outcome]
	runtime.Tell(k.manager, func(m *manager) {
		for n := range byte(3) {
			changes = append(changes, m.Add(newUpdate("a", n+1, pending), path))
		}
		m.Node().Terminate(m.Self())
	})
	k.Settle()
	for i, f := range changes {
		if _, done, _ := f.Peek(); !done {
			t.Errorf("change %d never completes", i)
		}
	}
}
