package statusupdate_test

import (
	"errors"
	"testing"
	"time"

	"meseta/actors/statusupdate"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
)

// during runs f while the next record is being synced.
func (d *desk) during(f func()) {
	remove := func() {}
	remove = d.Disk(addr).Intercept(func(op sim.Op) error {
		if op.Kind == sim.OpSync {
			remove()
			f()
		}
		return nil
	})
}

// begin gives the manager an update or an acknowledgement, and does not wait for what becomes of it.
func (d *desk) begin(f func(*statusupdate.StatusUpdateManager) runtime.Future[statusupdate.Outcome]) runtime.Future[statusupdate.Outcome] {
	return runtime.Flatten(runtime.Dispatch(d.manager, f))
}

// An update that does not end its task is forwarded while it is being written, once. It is taken when it is written, and so
// is an acknowledgement that arrives before. A terminal update is forwarded when it is written.
func TestForwardedWhileWritten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var acknowledged runtime.Future[statusupdate.Outcome]
	d.during(func() {
		d.expect(1)
		if content, err := disk.ReadFile(d.Disk(addr), file); err != nil || len(content) == 0 {
			t.Errorf("the update is not being written: %q, %v", content, err)
		}
		acknowledged = d.begin(func(m *statusupdate.StatusUpdateManager) runtime.Future[statusupdate.Outcome] {
			return m.Acknowledge(statusupdate.Ack{Framework: "f1", Task: "t1", UUID: uuid(1)})
		})
	})
	d.must(d.update("t1", 1, running, file))
	d.must(sim.Await(d.World, acknowledged, 0))
	d.Advance(time.Hour)
	d.expect(1)
	d.during(func() { d.expect(1) })
	d.must(d.update("t1", 2, finished, file))
	d.expect(1, 2)
	d.must(d.ack("t1", 2))
}

// An update that was forwarded early is forwarded again like any other if nobody acknowledges it.
func TestForwardedEarlyAndAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must(d.update("t1", 1, running, file))
	d.Advance(9 * time.Second)
	d.expect(1)
	d.Advance(2 * time.Second)
	d.expect(1, 1)
}

// An update behind one that is not acknowledged is not forwarded early.
func TestEarlyUpdatesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must(d.update("t1", 1, running, file))
	d.must(d.update("t1", 2, running, file))
	d.expect(1)
	d.must(d.ack("t1", 1))
	d.expect(1, 2)
}

// An update that was forwarded to a master while it was being written goes to the next master, too.
func TestTheMasterChangesWhileAnUpdateIsWritten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.during(func() {
		d.expect(1)
		runtime.Tell(d.manager, (*statusupdate.StatusUpdateManager).Pause)
		runtime.Tell(d.manager, (*statusupdate.StatusUpdateManager).Resume)
	})
	d.must(d.update("t1", 1, running, file))
	d.Settle()
	d.expect(1, 1)
}

// An update that was forwarded and could not be written is not taken, and its acknowledgement neither. The executor sends it
// again, and the manager forwards it again.
func TestForwardedAndNotWritten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var acknowledged runtime.Future[statusupdate.Outcome]
	d.during(func() {
		acknowledged = d.begin(func(m *statusupdate.StatusUpdateManager) runtime.Future[statusupdate.Outcome] {
			return m.Acknowledge(statusupdate.Ack{Framework: "f1", Task: "t1", UUID: uuid(1)})
		})
		d.err = errors.New("disk full")
	})
	if _, err := d.update("t1", 1, running, file); !errors.Is(err, d.err) {
		t.Errorf("an update that was not written: %v", err)
	}
	if _, err := sim.Await(d.World, acknowledged, 0); !errors.Is(err, statusupdate.ErrUnexpected) {
		t.Errorf("the acknowledgement of an update that was not written: %v", err)
	}
	d.Advance(time.Hour)
	d.expect(1)
	d.err = nil
	d.must(d.update("t1", 1, running, file))
	d.expect(1, 1)
	d.must(d.ack("t1", 1))
}
