package main

import (
	"debug/buildinfo"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meseta/cmd/internal/tools/binaries"
	"meseta/slave/containerizer/forker"
)

// built returns a directory with the program.
func built(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := binaries.Build(t.Context(), dir, "mesos-containerizer"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run has a forker of that program start a command that writes to a file, and returns what it wrote.
func run(t *testing.T, program *os.File) string {
	t.Helper()
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	f := forker.New(program, dir.Name(), nil, nil)
	name := filepath.Join(dir.Name(), "status")
	status, err := forker.NewStatus(name)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	p, err := f.Fork(forker.Command{
		Path: "/bin/sh", Args: []string{"sh", "-c", "tr '\\0' ' ' < /proc/$PPID/cmdline > parent; ls -l /proc/$PPID/exe > exe"},
		Directory: dir, Streams: [3]*os.File{null, null, null}, Status: status,
	})
	status.Close() // which holds its lock
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	p.Handle.Close()
	if err := forker.Settle(name); err != nil {
		t.Fatal(err)
	}
	parent, err := os.ReadFile(filepath.Join(dir.Name(), "parent"))
	if err != nil || string(parent) != "mesos-containerizer launch " {
		t.Errorf("the parent of the command is %q, %v", parent, err)
	}
	exe, err := os.ReadFile(filepath.Join(dir.Name(), "exe"))
	if err != nil {
		t.Error(err)
	}
	return string(exe)
}

// A program that an upgrade has removed goes on serving the agent that opened it.
func TestForkersOfThisProgram(t *testing.T) {
	t.Parallel()
	dir := built(t)
	program, err := forker.Program(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if exe := run(t, program); !strings.Contains(exe, program.Name()) {
		t.Errorf("the parent of the command is %s", exe)
	}
	if err := os.Remove(program.Name()); err != nil {
		t.Fatal(err)
	}
	if exe := run(t, program); !strings.Contains(exe, program.Name()+" (deleted)") {
		t.Errorf("the parent of the command is %s", exe)
	}
}

// Nothing that the program does not need is part of it, since every init of a container pays for it.
func TestItHasNothingBesides(t *testing.T) {
	t.Parallel()
	info, err := buildinfo.ReadFile(filepath.Join(built(t), "mesos-containerizer"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range info.Deps {
		t.Errorf("it has %s", d.Path)
	}
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	own := []string{"cmd/mesos-containerizer", "slave/containerizer/forker/serve", "slave/containerizer/forker/spawn", "slave/containerizer/forker/spawn/initial"}
	for p := range strings.Lines(string(list)) {
		p = strings.TrimSpace(p)
		if inside, ours := strings.CutPrefix(p, "meseta/"); ours && !slices.Contains(own, inside) {
			t.Errorf("it has %s", p)
		}
		if slices.Contains([]string{"net", "encoding/json", "log", "text/template"}, p) {
			t.Errorf("it has %s", p)
		}
	}
}

// Programs that are not of the agent's build are told apart before they are run.
func TestOtherPrograms(t *testing.T) {
	t.Parallel()
	other, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"a script": []byte("#!/bin/sh\nexit 0\n"), "empty": {}, "of another module": theirs,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "mesos-containerizer"), content, 0o755); err != nil {
			t.Fatal(err)
		}
		if f, err := forker.Program(dir); err == nil || f != nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v, %v; want an error that names the file", name, f, err)
		}
	}
	if f, err := forker.Program(t.TempDir()); !errors.Is(err, fs.ErrNotExist) || f != nil {
		t.Errorf("got %v, %v; want %v", f, err, fs.ErrNotExist)
	}
}
