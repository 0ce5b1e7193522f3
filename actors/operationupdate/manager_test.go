package operationupdate_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/operationupdate"
	"meseta/actors/updatestream"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

const (
	addr = "10.0.0.1:1"
	file = "/w/operations/1/operation.updates"
)

// update is the update of an operation; both UUIDs begin with n.
func update(n byte, state mesospb.OperationState) *operationupdate.Update {
	return &operationupdate.Update{
		Status: &mesospb.OperationStatus{State: state.Enum(), Uuid: &mesospb.UUID{Value: ids.UUID{n}.Bytes()}}, OperationUuid: &mesospb.UUID{Value: ids.UUID{n}.Bytes()},
	}
}

// An update is sent with its status as the latest one until it is acknowledged; a terminal one ends the stream, also for
// the next manager.
func TestDelivery(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node(addr)
	writer := runtimetest.Spawn(t, n, "writer", disk.NewWriter(disk.Of(n), "/w"))
	manager := runtimetest.Spawn(t, n, "manager", operationupdate.New(operationupdate.Options{Writer: writer}))
	var sent []*operationupdate.Update
	runtime.Tell(manager, func(m *operationupdate.Manager) {
		m.Open(func(u *operationupdate.Update) { sent = append(sent, u) })
		m.Resume()
	})
	finished := update(1, mesospb.OperationState_OPERATION_FINISHED)
	if _, err := sim.Await(w, runtime.Ask(manager, (*operationupdate.Manager).Deliver, operationupdate.Delivery{Update: finished, File: file}), time.Second); err != nil {
		t.Fatal(err)
	}
	w.Advance(35 * time.Second)
	if len(sent) != 3 || finished.LatestStatus != nil { // after 10 and 20 seconds again
		t.Fatalf("%v was sent", sent)
	}
	if !proto.Equal(sent[0].GetLatestStatus(), finished.GetStatus()) {
		t.Errorf("%v was sent", sent[0])
	}
	ack := func(status byte) (operationupdate.Outcome, error) {
		return sim.Await(w, runtime.Ask(manager, (*operationupdate.Manager).Acknowledge, operationupdate.Ack{Operation: ids.UUID{1}, Status: ids.UUID{status}}), time.Second)
	}
	if _, err := ack(2); err == nil {
		t.Error("another status was acknowledged")
	}
	if o, err := ack(1); err != nil || !o.Terminated {
		t.Errorf("acknowledging it: %v, %v", o, err)
	}
	content, err := disk.ReadFile(w.Disk(addr), file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := operationupdate.Decode(content)
	if err != nil || len(r.Updates) != 1 || !proto.Equal(r.Updates[0], finished) || !operationupdate.Ended(r) {
		t.Errorf("the file has %v, %v", r, err)
	}
	if torn, err := operationupdate.Decode(content[:len(content)-1]); err != nil || operationupdate.Ended(torn) || len(torn.Updates) != 1 {
		t.Errorf("the torn file has %v, %v", torn, err)
	}
}

func TestBadUpdates(t *testing.T) {
	t.Parallel()
	none := &operationupdate.Update{Status: &mesospb.OperationStatus{State: mesospb.OperationState_OPERATION_FINISHED.Enum()}}
	w := runtimetest.World(t, 1)
	manager := runtimetest.Spawn(t, w.Node(addr), "manager", operationupdate.New(operationupdate.Options{}))
	if _, err := sim.Await(w, runtime.Ask(manager, (*operationupdate.Manager).Deliver, operationupdate.Delivery{Update: none}), time.Second); err == nil {
		t.Error("an update without UUIDs was accepted")
	}
	for name, record := range map[string]*internalpb.UpdateOperationStatusRecord{
		"no update":          {Type: internalpb.UpdateOperationStatusRecord_UPDATE.Enum()},
		"no operation":       {Type: internalpb.UpdateOperationStatusRecord_UPDATE.Enum(), Update: none},
		"no acknowledgement": {Type: internalpb.UpdateOperationStatusRecord_ACK.Enum()},
	} {
		content, err := updatestream.Encode(record)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := operationupdate.Decode(content); err == nil {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// Whatever is in a file, Decode returns; what it understood is the beginning of the file.
func FuzzDecode(f *testing.F) {
	for _, record := range []*internalpb.UpdateOperationStatusRecord{
		{Type: internalpb.UpdateOperationStatusRecord_UPDATE.Enum(), Update: update(1, mesospb.OperationState_OPERATION_FINISHED)},
		{Type: internalpb.UpdateOperationStatusRecord_ACK.Enum(), Uuid: &mesospb.UUID{Value: ids.UUID{1}.Bytes()}},
	} {
		content, err := updatestream.Encode(record)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
		f.Add(slices.Concat(content, content[:5]))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := operationupdate.Decode(file)
		if r.Length > len(file) {
			t.Fatalf("%d of %d bytes were understood", r.Length, len(file))
		}
		operationupdate.Ended(r)
		again, err2 := operationupdate.Decode(file[:r.Length])
		if err2 != nil || len(again.Updates) != len(r.Updates) {
			t.Fatalf("the understood part is not understood again: %v, after %v", err2, err)
		}
	})
}
