package systemd_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meseta/slave/systemd"
)

// system has a runtime directory and control groups, in which starting the slice makes its group below a directory.
type system struct {
	systemd.Slice
	told []string
	fail string // the word of systemctl that fails
}

func newSystem(t *testing.T, below string) *system {
	t.Helper()
	s := &system{Slice: systemd.Slice{Runtime: t.TempDir(), Cgroups: t.TempDir()}}
	if err := os.MkdirAll(filepath.Join(s.Cgroups, below), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Control = func(_ context.Context, args ...string) error {
		s.told = append(s.told, strings.Join(args, " "))
		if args[0] == s.fail {
			return errors.New("no bus")
		}
		if args[0] != "start" {
			return nil
		}
		group := filepath.Join(s.Cgroups, below, args[1])
		return errors.Join(os.MkdirAll(group, 0o755), os.WriteFile(filepath.Join(group, "cgroup.procs"), nil, 0o644))
	}
	return s
}

// The slice is defined once, started each time, and holds what is added, in the hierarchy that systemd has.
func TestSlice(t *testing.T) {
	t.Parallel()
	for name, below := range map[string]string{"v1": "systemd", "v2": "."} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, below)
			for range 2 {
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if want := []string{"daemon-reload", "start mesos_executors.slice", "start mesos_executors.slice"}; !slices.Equal(s.told, want) {
				t.Errorf("systemctl was told to %q, want %q", s.told, want)
			}
			if unit, err := os.ReadFile(filepath.Join(s.Runtime, systemd.Executors)); err != nil || string(unit) != "[Unit]\nDescription=Mesos Executors Slice\n" {
				t.Errorf("the unit is %q, %v", unit, err)
			}
			if err := s.Add(4711); err != nil {
				t.Fatal(err)
			}
			if held, err := os.ReadFile(filepath.Join(s.Cgroups, below, systemd.Executors, "cgroup.procs")); err != nil || string(held) != "4711" {
				t.Errorf("the slice holds %q, %v", held, err)
			}
		})
	}
}

// What an operator has defined stays.
func TestOperatorsSlice(t *testing.T) {
	t.Parallel()
	s := newSystem(t, ".")
	file := filepath.Join(s.Runtime, systemd.Executors)
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if unit, err := os.ReadFile(file); err != nil || string(unit) != "mine" || len(s.told) != 1 {
		t.Errorf("the unit is %q, %v, and systemctl was told to %q", unit, err, s.told)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*system){
		"Failed to locate systemd runtime directory: stat /nowhere":            func(s *system) { s.Runtime = "/nowhere" },
		"Failed to create systemd slice 'mesos_executors.slice': no bus":       func(s *system) { s.fail = "daemon-reload" },
		"Failed to start 'mesos_executors.slice': no bus":                      func(s *system) { s.fail = "start" },
		"Failed to locate systemd cgroups hierarchy: read the processes of a ": func(s *system) { s.Control = func(context.Context, ...string) error { return nil } },
	} {
		s := newSystem(t, ".")
		change(s)
		if err := s.Start(t.Context()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := newSystem(t, ".").Add(1); err == nil || !strings.HasPrefix(err.Error(), "Failed to assign process to its systemd executor slice: ") {
		t.Errorf("added to a slice that does not run: %v", err)
	}
}

// Without a Control, systemctl is run, and what it prints is told.
func TestSystemctl(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte("#!/bin/sh\necho no $1 today >&2; exit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	err := systemd.Slice{Runtime: t.TempDir(), Cgroups: t.TempDir()}.Start(t.Context())
	if err == nil || !strings.HasSuffix(err.Error(), "systemctl daemon-reload: exit status 3: no daemon-reload today") {
		t.Errorf("%v", err)
	}
}
