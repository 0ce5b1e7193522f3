package maintenance_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/master/maintenance"
	"meseta/messages/pb/maintenancepb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
)

func id(hostname, ip string) *mesospb.MachineID {
	m := &mesospb.MachineID{}
	if hostname != "" {
		m.Hostname = &hostname
	}
	if ip != "" {
		m.Ip = &ip
	}
	return m
}

func window(duration int64, machines ...*mesospb.MachineID) *maintenancepb.Window {
	return &maintenancepb.Window{MachineIds: machines, Unavailability: &mesospb.Unavailability{
		Start: &mesospb.TimeInfo{Nanoseconds: proto.Int64(1)}, Duration: &mesospb.DurationInfo{Nanoseconds: &duration},
	}}
}

func schedule(windows ...*maintenancepb.Window) *maintenancepb.Schedule {
	return &maintenancepb.Schedule{Windows: windows}
}

// plan returns a schedule with one draining and one down machine.
func plan() maintenance.Plan {
	machine := func(id *mesospb.MachineID, mode mesospb.MachineInfo_Mode) *registrypb.Registry_Machine {
		return &registrypb.Registry_Machine{Info: &mesospb.MachineInfo{Id: id, Mode: mode.Enum()}}
	}
	return maintenance.New(&registrypb.Registry{
		Schedules: []*maintenancepb.Schedule{schedule(window(1, id("drains", ""), id("down", "")))},
		Machines: &registrypb.Registry_Machines{Machines: []*registrypb.Registry_Machine{
			machine(id("drains", ""), mesospb.MachineInfo_DRAINING), machine(id("down", ""), mesospb.MachineInfo_DOWN),
		}},
	})
}

func all(*mesospb.MachineID) bool { return true }

func TestSchedulesAreValidated(t *testing.T) {
	t.Parallel()
	down := window(1, id("DOWN", ""))
	for _, test := range []struct {
		name     string
		schedule *maintenancepb.Schedule
		want     string // empty if it is valid
	}{
		{"names are the same in either case", schedule(down), ""},
		{"a machine may have an address only", schedule(down, window(1, id("", "10.0.0.1"))), ""},
		{"a machine that is down stays in the plan", schedule(), `Machine '{"hostname":"down"}' is deactivated and cannot be removed from the schedule`},
		{"a window has machines", schedule(down, window(1)), "List of machines in the maintenance window is empty"},
		{"time goes forward", schedule(window(-1, id("down", ""))), "Unavailability 'duration' is negative"},
		{"a machine has a name", schedule(down, window(1, id("", ""))), "Both 'hostname' and 'ip' for a machine are empty"},
		{"an address is one", schedule(down, window(1, id("", "nowhere"))), "Failed to parse the IP 'nowhere'"},
		{"a machine comes once", schedule(down, down), `Machine '{"hostname":"DOWN"}' appears more than once in the schedule`},
	} {
		if err := plan().Validate(test.schedule); text(err) != test.want {
			t.Errorf("%s: %q, not %q", test.name, text(err), test.want)
		}
	}
}

func TestOnlyWhatDrainsGoesDownAndWhatIsDownComesUp(t *testing.T) {
	t.Parallel()
	drains, down, other := id("drains", ""), id("down", ""), id("other", "")
	for _, test := range []struct {
		machines    []*mesospb.MachineID
		start, stop string
	}{
		{[]*mesospb.MachineID{drains}, "", `Machine '{"hostname":"drains"}' is not in DOWN mode and cannot be brought up`},
		{[]*mesospb.MachineID{down}, `Machine '{"hostname":"down"}' is not in DRAINING mode and cannot be brought down`, ""},
		{[]*mesospb.MachineID{other}, `Machine '{"hostname":"other"}' is not part of a maintenance schedule`, `Machine '{"hostname":"other"}' is not part of a maintenance schedule`},
		{nil, "List of machines is empty", "List of machines is empty"},
		{[]*mesospb.MachineID{down, down}, `Machine '{"hostname":"down"}' appears more than once in the schedule`, `Machine '{"hostname":"down"}' appears more than once in the schedule`},
	} {
		if got := text(plan().ValidateStart(test.machines)); got != test.start {
			t.Errorf("start of %v: %q, not %q", test.machines, got, test.start)
		}
		if got := text(plan().ValidateStop(test.machines)); got != test.stop {
			t.Errorf("stop of %v: %q, not %q", test.machines, got, test.stop)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	p := plan()
	status := p.Status(all)
	if len(status.GetDrainingMachines()) != 1 || len(status.GetDownMachines()) != 1 || p.IsEmpty() {
		t.Errorf("status %v", status)
	}
	if down := maintenance.MachineOf(id("Down", "")); !p.IsDown(down) || !p.Includes(down) || p.IsDown(maintenance.Machine{}) {
		t.Error("the machine that is down is another")
	}
	if none := (maintenance.Plan{}); !none.IsEmpty() || len(none.Schedule(all).GetWindows()) != 0 || none.IsDown(maintenance.Machine{}) {
		t.Error("no plan plans something")
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
