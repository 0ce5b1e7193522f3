// Package plugintest is for the tests of modules in programs: it lets the program of a test be such a program, too.
package plugintest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
)

// serves is the variable that makes this program one with modules.
const serves = "MESETA_TEST_PLUGIN"

// Main runs tests, or serves modules if this process is to be a program that has them. It is called by TestMain, and does not return.
func Main(m *testing.M, all *modules.Catalogue, kinds ...plugin.Kind) {
	if os.Getenv(serves) == "" {
		os.Exit(m.Run())
	}
	if err := plugin.Serve(all, os.Stdin, os.Stdout, kinds...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Self returns the file of a program with the modules that [Main] serves.
func Self(t testing.TB) string {
	t.Helper()
	return After(t, "")
}

// After returns the file of a program that runs lines of shell first, and then does what that of [Self] does.
func After(t testing.TB, lines string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Script(t, lines+"\n"+serves+"=1 exec "+self)
}

// Script returns the file of a program that runs lines of shell. Its process is known to [Signal].
func Script(t testing.TB, lines string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	syscall.ForkLock.RLock() // a process that begins meanwhile would have it open for writing, and then nobody can run it
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(file, []byte("#!/bin/sh\necho $$ >$0.pid\n"+lines+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// Signal sends a signal to the process that a file was last started as, and returns its ID.
func Signal(t testing.TB, file string, s syscall.Signal) (pid int) {
	t.Helper()
	text, err := os.ReadFile(file + ".pid")
	if err != nil {
		t.Fatal(err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
	return pid
}
