package perf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/slave/cgroups"
)

// Every field of PerfStatistics is that of an event, named as the tool perf names it, and every event has its own number.
func TestEveryFieldIsAnEvent(t *testing.T) {
	t.Parallel()
	numbers := map[string]string{}
	for i := range fields.Len() {
		name := string(fields.Get(i).Name())
		if name == "timestamp" || name == "duration" {
			continue
		}
		all, err := Parse(strings.ReplaceAll(name, "_", "-"))
		if err != nil || len(all) != 1 || string(all[0].field.Name()) != name {
			t.Errorf("%s: %v (%v)", name, all, err)
			continue
		}
		number := fmt.Sprint(all[0].kind, ":", all[0].config)
		if other, taken := numbers[number]; taken {
			t.Errorf("%s and %s are both %s", name, other, number)
		}
		numbers[number] = name
	}
	if len(numbers) != fields.Len()-2 {
		t.Errorf("%d events for %d fields", len(numbers), fields.Len())
	}
	// The number of L1-dcache-load-misses is that of the kernel's documentation: cache | operation<<8 | result<<16.
	if e, _ := named("l1_dcache_load_misses"); e.kind != unix.PERF_TYPE_HW_CACHE || e.config != 0|0<<8|1<<16 {
		t.Errorf("L1-dcache-load-misses is %v", e)
	}
}

// A list has each event once. What has no field is refused.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ list, names, problem string }{
		{"", "", ""},
		{",,cycles,,L1-dcache-loads,cycles,CYCLES,", "cycles L1-dcache-loads", ""},
		{"page-faults,cpu-clock", "cpu-clock page-faults", ""},
		{"cycles,bogus,cycles:u", "", "Invalid perf events: { bogus, cycles:u }"},
		{"timestamp", "", "Invalid perf events: { timestamp }"},
		{"faults", "", "Invalid perf events: { faults }"},
		{"itlb-stores", "", "Invalid perf events: { itlb-stores }"},
	} {
		all, err := Parse(test.list)
		var names []string
		for _, e := range all {
			names = append(names, e.Name)
		}
		if got := strings.Join(names, " "); got != test.names || err == nil != (test.problem == "") || err != nil && err.Error() != test.problem {
			t.Errorf("%q: %q, %v; want %q, %s", test.list, got, err, test.names, test.problem)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	if got, err := ranges("0-2,5,8-9"); err != nil || !slices.Equal(got, []int{0, 1, 2, 5, 8, 9}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, list := range []string{"", "a", "1-", "1-b"} {
		if got, err := ranges(list); err == nil {
			t.Errorf("%q: %v", list, got)
		}
	}
}

// The kernel counts what the processes of a group do, and nothing that others do. What the machine cannot count is left out.
func TestCounters(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("control groups need the rights of root")
	}
	h, err := Hierarchy("/sys/fs/cgroup")
	if err != nil {
		t.Skip(err)
	}
	busy := cgroups.Group{Hierarchy: h, Name: fmt.Sprintf("meseta-test-%d-perf", os.Getpid())}
	idle := cgroups.Group{Hierarchy: h, Name: busy.Name + "-idle"}
	if err := errors.Join(busy.Make(), idle.Make()); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(busy.Remove(), idle.Remove()); err != nil {
			t.Error(err)
		}
	})
	events, err := Parse("task-clock,page-faults,context-switches,cycles")
	processors, err2 := Processors()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	counters, err := Open(busy.Path(), events, processors)
	if err != nil {
		t.Skip(err)
	}
	defer counters.Close()
	others, err := Open(idle.Path(), events, processors)
	if err != nil {
		t.Fatal(err)
	}
	defer others.Close()
	work := exec.Command("sh", "-c", "read go; i=0; while test $i -lt 50; do /bin/true; i=$((i+1)); done")
	input, err := work.StdinPipe()
	if err := errors.Join(err, work.Start(), busy.Add(work.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	input.Close()
	if err := work.Wait(); err != nil {
		t.Log("the shell ends as it likes when its input does: ", err)
	}
	var did, none mesospb.PerfStatistics
	if err := errors.Join(counters.Read(&did), others.Read(&none)); err != nil {
		t.Fatal(err)
	}
	if did.GetTaskClock() < 1 || did.GetTaskClock() > 60_000 || did.GetPageFaults() < 1000 || did.ContextSwitches == nil {
		t.Errorf("the group has %v", &did)
	}
	if none.TaskClock == nil || none.GetTaskClock() != 0 || none.GetPageFaults() != 0 {
		t.Errorf("the group without processes has %v", &none)
	}
	if cycles := events[1]; cycles.Name != "cycles" || counters.Counts(cycles) != (did.Cycles != nil) {
		t.Errorf("%s is counted: %v, but the group has %v", cycles.Name, counters.Counts(cycles), &did)
	}
	if len(processors)*len(events) < counters.Len() {
		t.Errorf("%d files are open", counters.Len())
	}
}
