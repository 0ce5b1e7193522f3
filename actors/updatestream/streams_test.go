package updatestream_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/updatestream"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
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

// desk is a manager of operations over a disk that may fail, and what it forwarded: the first byte of each UUID.
type desk struct {
	*sim.World
	t       *testing.T
	disk    *disk
	manager runtime.Ref[*manager]
	sent    []byte
}

func newDesk(t *testing.T, d *disk) *desk {
	t.Helper()
	k := &desk{World: sim.New(1), t: t, disk: d}
	t.Cleanup(k.Close)
	m := &manager{updatestream.New(operations, updatestream.Options{OpenFile: d.open})}
	var err error
	if k.manager, err = runtime.Spawn(k.Node("10.0.0.1:1"), "operations", m); err != nil {
		t.Fatal(err)
	}
	k.do(func(m *manager) {
		m.Open(func(u *update) { k.sent = append(k.sent, u.GetStatus().GetUuid().GetValue()[0]) })
	})
	return k
}

func (k *desk) do(f func(*manager)) {
	k.t.Helper()
	runtime.Tell(k.manager, f)
	k.Settle()
}

func (k *desk) add(of operation, n byte, state mesospb.OperationState, file string) error {
	k.t.Helper()
	id := ids.UUID{n}
	u := &update{
		OperationUuid: &mesospb.UUID{Value: []byte(of)},
		Status:        &mesospb.OperationStatus{State: state.Enum(), Uuid: &mesospb.UUID{Value: id[:]}},
	}
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

// again is the desk of the next process, which has read what is in file.
func (k *desk) again(file string) *desk {
	k.t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		k.t.Fatal(err)
	}
	recorded, err := operations.Decode(content)
	if err != nil {
		k.t.Fatal(err)
	}
	next := newDesk(k.t, k.disk)
	next.do(func(m *manager) { m.Recover(file, recorded); m.Resume() })
	return next
}

const (
	pending  = mesospb.OperationState_OPERATION_PENDING
	finished = mesospb.OperationState_OPERATION_FINISHED
)

var errFull = errors.New("no space left on device")

// disk fails as disks do: it writes the first bytes of what does not fit, and may then not even truncate.
type disk struct {
	room      int // bytes that still fit; negative: any number
	frozen    bool
	truncated int
}

func (d *disk) open(path string) (updatestream.File, error) {
	f, err := updatestream.OpenFile(path)
	if err != nil {
		return nil, err
	}
	return &file{f, d}, nil
}

type file struct {
	updatestream.File
	disk *disk
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	if f.disk.room < 0 || len(b) <= f.disk.room {
		return f.File.WriteAt(b, at)
	}
	n, err := f.File.WriteAt(b[:f.disk.room], at)
	f.disk.room -= n
	return n, errors.Join(err, errFull)
}

func (f *file) Truncate(size int64) error {
	if f.disk.frozen {
		return errFull
	}
	f.disk.truncated++
	return f.File.Truncate(size)
}

func TestOneOperationAtATime(t *testing.T) {
	t.Parallel()
	k := newDesk(t, &disk{room: -1})
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

// What was confirmed is found again, whatever happened to the writes in between.
func TestShortWrites(t *testing.T) {
	t.Parallel()
	for room := range 60 {
		for _, frozen := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bytes of room, frozen %v", room, frozen), func(t *testing.T) {
				t.Parallel()
				d := &disk{room: -1}
				k := newDesk(t, d)
				path := filepath.Join(t.TempDir(), "operation.updates")
				if err := k.add("a", 1, pending, path); err != nil {
					t.Fatal(err)
				}
				d.room, d.frozen = room, frozen
				err := k.add("a", 2, pending, path)
				second := err == nil
				if !second && !errors.Is(err, errFull) {
					t.Fatal(err)
				}
				d.room = -1
				if err := k.add("a", 3, pending, path); frozen && !second && room > 0 {
					if !errors.Is(err, errFull) {
						t.Fatalf("a record was put behind a torn one: %v", err)
					}
					d.frozen = false
					err = k.add("a", 3, pending, path)
					if err != nil {
						t.Fatal(err)
					}
				} else if err != nil {
					t.Fatal(err)
				}
				next := k.again(path)
				want := []byte{1}
				for _, n := range []byte{2, 3} {
					if n == 3 || second {
						want = append(want, n)
					}
				}
				for i := range want {
					if _, err := next.confirm("a", want[i]); err != nil {
						t.Fatalf("update %d is lost: %v", want[i], err)
					}
				}
				if !slices.Equal(next.sent, want) {
					t.Errorf("recovered %v, want %v", next.sent, want)
				}
			})
		}
	}
}

// crash leaves the first n bytes of a record behind those that are whole.
func crash(t *testing.T, path string, n int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := updatestream.Scan(content, func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(content[:whole], []byte{90, 0, 0, 0, 1, 2, 3}[:n]...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Any row of failures and restarts leaves what was confirmed, in order.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		d := &disk{room: -1}
		k := newDesk(t, d)
		k.do(func(m *manager) { m.Resume() })
		path := filepath.Join(t.TempDir(), "operation.updates")
		var confirmed []byte
		for n := byte(1); n < 60; n++ {
			d.room, d.frozen = -1, random.IntN(4) == 0
			if random.IntN(3) == 0 {
				d.room = random.IntN(60)
			}
			if k.add("a", n, pending, path) == nil {
				confirmed = append(confirmed, n)
			}
			if len(confirmed) > 0 && random.IntN(5) == 0 {
				if random.IntN(2) == 0 { // a crash in the middle of a write
					crash(t, path, random.IntN(8))
				}
				k = k.again(path)
			}
		}
		d.room, d.frozen = -1, false
		k = k.again(path)
		for _, n := range confirmed {
			if _, err := k.confirm("a", n); err != nil {
				t.Fatalf("seed %d: update %d of %v: %v", seed, n, confirmed, err)
			}
		}
		if !slices.Equal(k.sent, confirmed) {
			t.Errorf("seed %d: forwarded %v, want %v", seed, k.sent, confirmed)
		}
	}
}

// A stream that was not recovered does not continue behind a torn record either; a file that somebody has cut is not
// continued at all, and one that somebody has removed begins anew.
func TestFilesThatOthersTouch(t *testing.T) {
	t.Parallel()
	k := newDesk(t, &disk{room: -1})
	path := filepath.Join(t.TempDir(), "operation.updates")
	if err := os.WriteFile(path, []byte{90, 0, 0, 0, 1, 2, 3}, 0o600); err != nil {
		t.Fatal(err)
	}
	for n := byte(1); n < 3; n++ {
		if err := k.add("a", n, pending, path); err != nil {
			t.Fatal(err)
		}
	}
	if got := k.again(path).pending(); !slices.Equal(got, []operation{"a"}) {
		t.Errorf("%v is found", got)
	}
	if err := os.Truncate(path, 10); err != nil {
		t.Fatal(err)
	}
	if err := k.add("a", 3, pending, path); err == nil {
		t.Error("a record was put behind a torn one")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := k.add("a", 4, pending, path); err != nil {
		t.Fatal(err)
	}
	if next := k.again(path); !slices.Equal(next.sent, []byte{4}) {
		t.Errorf("recovered %v", next.sent)
	}
}

// Whoever waits for a change hears of the end of the actor.
func TestChangesEndWithTheirActor(t *testing.T) {
	t.Parallel()
	k := newDesk(t, &disk{room: -1})
	path := filepath.Join(t.TempDir(), "operation.updates")
	var changes []runtime.Future[updatestream.Outcome]
	runtime.Tell(k.manager, func(m *manager) {
		for n := range byte(3) {
			id := ids.UUID{n + 1}
			changes = append(changes, m.Add(&update{
				OperationUuid: &mesospb.UUID{Value: []byte("a")},
				Status:        &mesospb.OperationStatus{State: pending.Enum(), Uuid: &mesospb.UUID{Value: id[:]}},
			}, path))
		}
		m.Node().Terminate(m.Self())
	})
	k.Settle()
	for i, f := range changes {
		if _, _, done := f.Peek(); !done {
			t.Errorf("change %d waits for ever", i)
		}
	}
}
