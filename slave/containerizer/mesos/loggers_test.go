package mesos_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"meseta/actors/account"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer/logger"
	"meseta/slave/containerizer/logger/rotate"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/switchboard/switchboardtest"
)

// asLogger is the variable that makes this program mesos-logrotate-logger.
const asLogger = "AS_LOGROTATE_LOGGER"

func TestMain(m *testing.M) {
	if os.Getenv(asLogger) != "" {
		os.Exit(rotate.Run(os.Args[1:], "", os.Stdin, os.Stdout, os.Stderr))
	}
	if os.Args[0] == switchboardtest.Name {
		os.Exit(switchboardtest.Main())
	}
	os.Exit(m.Run())
}

// rotating returns loggers that keep as many full files of a page as it takes.
func rotating(t *testing.T) func(*mesospb.Environment) ([]logger.Program, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return rotatingBy(t, t.TempDir(), self)
}

// rotatingBy returns such loggers with this program at self, and a script in dir that starts it.
func rotatingBy(t *testing.T, dir, self string) func(*mesospb.Environment) ([]logger.Program, error) {
	t.Helper()
	path := filepath.Join(dir, "logger")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+asLogger+"=1 exec '"+self+"' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return func(*mesospb.Environment) ([]logger.Program, error) {
		var all []logger.Program
		for _, stream := range logger.Streams {
			all = append(all, logger.Program{Path: path, Args: rotate.Arguments(stream, rotate.Smallest, "rotate 100")})
		}
		return all, nil
	}
}

// whole returns the output of a container from its first file on, and fails the test if one is too large.
func (h *house) whole(name string) string {
	h.t.Helper()
	text := ""
	for i := 100; i > 0; i-- {
		part, _ := os.ReadFile(filepath.Join(h.sandbox, name+"."+strconv.Itoa(i)))
		if text += string(part); len(part) > rotate.Smallest {
			h.t.Errorf("a file has %d bytes", len(part))
		}
	}
	return text + h.file(name)
}

// writers returns the processes that write in the sandbox, and are not in it.
func (h *house) writers() []int {
	h.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		h.t.Fatal(err)
	}
	var found []int
	for _, cwd := range all {
		args, _ := os.ReadFile(filepath.Join(filepath.Dir(cwd), "cmdline"))
		if dir, err := os.Readlink(cwd); err == nil && dir == h.sandbox && strings.Contains(string(args), "--log_filename=") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(cwd)))
			found = append(found, pid)
		}
	}
	return found
}

// numbers is the output of seq from 1 to n.
func numbers(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintln(&text, i+1)
	}
	return text.String()
}

// public returns a directory that every user can read.
func public(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The output of a container is written with the rights of its user, who owns all files.
func TestOutputIsTheUsers(t *testing.T) {
	t.Parallel()
	nobody, err := account.Lookup("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and a user called nobody")
	}
	self, dir := "", public(t)
	if self, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "program"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	h := newHouseWith(t, mesos.Options{Loggers: rotatingBy(t, dir, filepath.Join(dir, "program"))})
	if err := os.Chown(h.sandbox, int(nobody.UID), int(nobody.GID)); err != nil {
		t.Fatal(err)
	}
	l := h.spec(shell("seq 5000"))
	l.Config.User = &nobody.Name
	if _, err := runtime.Wait(t.Context(), h.Launch(l)); err != nil {
		t.Fatal(err)
	}
	h.ended("c1")
	if got := h.whole("stdout"); got != numbers(5000) {
		t.Errorf("%d bytes, want %d", len(got), len(numbers(5000)))
	}
	files, err := filepath.Glob(h.sandbox + "/stdout*")
	if err != nil || len(files) < 3 {
		t.Errorf("%v, %v", files, err)
	}
	for _, file := range files {
		if about, err := os.Stat(file); err != nil || about.Sys().(*syscall.Stat_t).Uid != nobody.UID {
			t.Errorf("%s is another user's (%v)", file, err)
		}
	}
}

// When a container has ended, its output is in files of bounded size, and nobody writes any more.
func TestOutputIsRotated(t *testing.T) {
	t.Parallel()
	h := newHouseWith(t, mesos.Options{Loggers: rotating(t)})
	if status := h.run(shell("seq 20000; seq 9000 >&2; exit 3")); status.ExitStatus() != 3 {
		t.Errorf("status %v", status)
	}
	if out, err := h.whole("stdout"), h.whole("stderr"); out != numbers(20000) || err != numbers(9000) {
		t.Errorf("%d and %d bytes, want %d and %d", len(out), len(err), len(numbers(20000)), len(numbers(9000)))
	}
	if left := h.writers(); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// The output of nested containers is rotated in their own sandboxes, also of those that clients attach to.
func TestOutputOfNestedIsRotated(t *testing.T) {
	t.Parallel()
	h := newHouseWith(t, mesos.Options{Loggers: rotating(t)})
	h.launch(shell("exec sleep 1000"))
	for name, class := range map[string]slavepb.ContainerClass{"n1": standard, "d1": slavepb.ContainerClass_DEBUG} {
		id := ids.Container("c1." + name)
		if err := h.nest(id, class, shell("seq 5000")); err != nil {
			t.Fatal(err)
		}
		if class == slavepb.ContainerClass_DEBUG {
			h.attach(id).Flow()
		}
		h.ended(id)
		inner := &house{t: t, sandbox: filepath.Join(h.sandbox, "containers", name)}
		if got := inner.whole("stdout"); got != numbers(5000) {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(numbers(5000)))
		}
	}
}

// The output is whole when the agent ends and another one comes, and the next agent waits for it, too.
func TestOutputOutlivesTheAgent(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.crash()
	e.loggers = rotating(t)
	e.start()
	e.recovers(nil)
	e.executor(shell("seq 5000; echo done > ready; " + e.until(e.release) + "; seq 7000"))
	writers := e.writers()
	e.crash()
	if left := e.writers(); len(writers) != 2 || fmt.Sprint(left) != fmt.Sprint(writers) {
		t.Errorf("the writers are %v, were %v", left, writers)
	}
	e.loggers = nil // it does not matter what the next agent would choose
	e.successor()
	if err := os.WriteFile(e.release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if end, err := runtime.Wait(t.Context(), e.Wait("c1")); err != nil || end.GetStatus() != 0 {
		t.Errorf("%v, %v", end, err)
	}
	if got, want := e.whole("stdout"), numbers(5000)+numbers(7000); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if left := e.writers(); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// A container that stops who writes its output ends nevertheless, and nobody is left, also if the agent is another one by
// then.
func TestStoppedLogger(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.crash()
	e.loggers = rotating(t)
	e.start()
	e.recovers(nil)
	e.executor(e.waiting("exit 0"))
	for _, pid := range e.writers() {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Error(err)
		}
	}
	e.crash()
	e.successor()
	if err := os.WriteFile(e.release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if end, err := runtime.Wait(t.Context(), e.Wait("c1")); err != nil || end.GetStatus() != 0 {
		t.Errorf("%v, %v", end, err)
	}
	for range 1000 {
		if len(e.writers()) == 0 {
			return
		}
	}
	t.Errorf("processes %v are left", e.writers())
}

// Without its loggers, a container is not launched, and nothing is left.
func TestLoggersThatFail(t *testing.T) {
	t.Parallel()
	right := rotating(t)
	for want, loggers := range map[string]func(*mesospb.Environment) ([]logger.Program, error){
		"Failed to load container logger settings: no": func(*mesospb.Environment) ([]logger.Program, error) {
			return nil, errors.New("no")
		},
		"Failed to create logger process: /nowhere: no such file or directory": func(*mesospb.Environment) ([]logger.Program, error) {
			all, err := right(nil)
			all[1].Path = "/nowhere"
			return all, err
		},
	} {
		h := newHouseWith(t, mesos.Options{Loggers: loggers})
		if _, err := runtime.Wait(t.Context(), h.Launch(h.spec(shell("exit 0")))); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if left := h.writers(); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
	}
}
