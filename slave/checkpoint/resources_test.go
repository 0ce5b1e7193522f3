package checkpoint_test

import (
	"fmt"
	"strings"
	"testing"

	"meseta/messages/pb/agentstatepb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
	"meseta/slave/checkpoint"
)

const meta = checkpoint.Root("/w/meta")

func cpus(t *testing.T, text string) []*mesospb.Resource {
	t.Helper()
	rs, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return rs.Proto()
}

func operation(id string) *mesospb.Operation {
	return &mesospb.Operation{
		Uuid: &mesospb.UUID{Value: []byte(id)}, Info: &mesospb.Offer_Operation{},
		LatestStatus: &mesospb.OperationStatus{State: mesospb.OperationState_OPERATION_PENDING.Enum()},
	}
}

// told describes what was read.
func told(s checkpoint.ResourcesState) string {
	var operations []string
	for _, o := range s.Operations {
		operations = append(operations, string(o.GetUuid().GetValue()))
	}
	return fmt.Sprintf("%v → %v %t %v", resources.FromValid(s.Resources), resources.FromValid(s.Target), s.Pending, operations)
}

// What is intended is found until it is committed, with all that it replaces; the files are those of the reference.
func TestResources(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	expect := func(files, want string) {
		t.Helper()
		s, err := checkpoint.Read(d.disk, "/w", true)
		if err != nil || told(s.Resources) != want {
			t.Errorf("found %s, %v; want %s", told(s.Resources), err, want)
		}
		var there []string
		entries, _ := d.disk.ReadDir("/w/meta/resources")
		for _, e := range entries {
			there = append(there, e.Name())
		}
		if got := strings.Join(there, " "); got != files {
			t.Errorf("there are %s, want %s", got, files)
		}
	}
	expect("", "{} → {} false []")
	var intend, commit, more checkpoint.Records
	one := cpus(t, "cpus(red):1")
	intend.Intend(meta, &agentstatepb.ResourceState{Resources: one, Operations: []*mesospb.Operation{operation("1")}}, one)
	commit.Commit(meta, true)
	d.write(intend)
	expect("resources.target resources_and_operations.target", "{} → cpus(reservations: [(STATIC,red)]):1 true [1]")
	d.write(commit)
	expect("resources.info resources_and_operations.state", "cpus(reservations: [(STATIC,red)]):1 → {} false [1]")
	two := cpus(t, "cpus(red):2")
	more.Intend(meta, &agentstatepb.ResourceState{Resources: two, Operations: []*mesospb.Operation{operation("2")}}, two)
	d.write(more)
	expect("resources.info resources.target resources_and_operations.state resources_and_operations.target",
		"cpus(reservations: [(STATIC,red)]):1 → cpus(reservations: [(STATIC,red)]):2 true [2]")
	var again, operations checkpoint.Records
	again.Commit(meta, true)
	operations.Intend(meta, &agentstatepb.ResourceState{Resources: two}, nil)
	operations.Commit(meta, false)
	d.write(again)
	d.write(operations)
	expect("resources.info resources_and_operations.state", "cpus(reservations: [(STATIC,red)]):2 → {} false []")
	if err := d.disk.Remove(meta.ResourceState()); err != nil {
		t.Fatal(err)
	}
	expect("resources.info", "cpus(reservations: [(STATIC,red)]):2 → {} false []")
}

// Damage is an error, or counted, with the file's name.
func TestDamagedResources(t *testing.T) {
	t.Parallel()
	for path, words := range map[string]string{
		meta.ResourceState():       "Failed to read resource and operations file '",
		meta.ResourceStateTarget(): "Failed to read resources and operations target file '",
		meta.Resources():           "Failed to read resources file '",
	} {
		d := newDesk(t)
		var r checkpoint.Records
		r.Text(path, "\x04\x00\x00\x00junk")
		d.write(r)
		if _, err := checkpoint.Read(d.disk, "/w", true); err == nil || !strings.HasPrefix(err.Error(), words+path) {
			t.Errorf("%s: %v", path, err)
		}
		if s, err := checkpoint.Read(d.disk, "/w", false); err != nil || s.Errors != 1 || s.Resources.Pending {
			t.Errorf("%s: %d errors, %v", path, s.Errors, err)
		}
	}
}

// Wherever the machine crashes while resources change, an agent finds the old ones, or the old ones and what they are to
// become, or the new ones.
func TestResourcesSurviveCrashes(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		d := newDesk(t)
		for n, text := range []string{"cpus(red):1", "cpus(red):2"} {
			var r checkpoint.Records
			rs := cpus(t, text)
			r.Intend(meta, &agentstatepb.ResourceState{Resources: rs}, rs)
			r.Commit(meta, true)
			if n == 0 {
				d.write(r)
				continue
			}
			operations := 0
			d.disk.Intercept(func(op sim.Op) error {
				if operations++; operations == at {
					d.Crash("10.0.0.1:1")
				}
				return nil
			})
			runtime.Ask(d.writer, (*disk.Writer).Write, r.Batch)
			d.Settle()
		}
		s, err := checkpoint.Read(d.disk, "/w", true)
		if err != nil {
			t.Fatal(err)
		}
		one, two := "cpus(reservations: [(STATIC,red)]):1", "cpus(reservations: [(STATIC,red)]):2"
		switch got := told(s.Resources); {
		case got == one+" → {} false []", got == one+" → "+two+" true []", got == two+" → {} false []":
		default:
			t.Fatalf("after a crash at operation %d: %s", at, got)
		}
		if len(d.Living()) > 0 {
			return
		}
	}
}
