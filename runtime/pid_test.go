package runtime_test

import (
	"testing"

	"meseta/runtime"
)

func TestParsePID(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]runtime.PID{
		"master@10.0.0.1:5050":       {ID: "master", Addr: "10.0.0.1:5050"},
		"slave(1)@10.0.0.1:5051":     {ID: "slave(1)", Addr: "10.0.0.1:5051"},
		"scheduler-a-b@[2001::1]:80": {ID: "scheduler-a-b", Addr: "[2001::1]:80"},
	} {
		got, err := runtime.ParsePID(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "master", "@10.0.0.1:1", "master@", "master@10.0.0.1", "master@host:5050", "m@10.0.0.1:99999"} {
		if got, err := runtime.ParsePID(s); err == nil {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
	if !(runtime.PID{}).IsZero() || (runtime.PID{}).String() != "" {
		t.Error("the zero PID names somebody")
	}
}

func FuzzParsePID(f *testing.F) {
	for _, s := range []string{"master@10.0.0.1:5050", "slave(1)@[::1]:1", "@", "a@b@1.2.3.4:5", "x@[fe80::1%eth0]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pid, err := runtime.ParsePID(s)
		if err != nil {
			return
		}
		again, err := runtime.ParsePID(pid.String())
		if err != nil || again != pid {
			t.Errorf("%q is %v, which is read as %v, %v", s, pid, again, err)
		}
	})
}
