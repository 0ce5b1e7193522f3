// Package local runs programs against a cluster of our binaries on this machine.
package local

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	timeout = 2 * time.Minute
	grace   = 30 * time.Second // for a cluster that is interrupted
)

// Build builds packages of the module in dir into the folder bin.
func Build(t *testing.T, dir, bin string, packages ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-o", bin + "/"}, packages...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %v: %v\n%s", packages, err, out)
	}
}

// ours is our module, seen from the folder of a package beside this one, in which its tests run.
const ours = "../../../.."

// Run runs a program to its end against a cluster with two agents, and returns what it printed; {master} in its
// arguments stands for the master's address. A program that fails fails the test.
func Run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	out, err := Try(t, dir, program, args...)
	if err != nil {
		t.Fatalf("%s ended with %v\n%s", program, err, out)
	}
	return out
}

// Try is Run of a program that may fail.
func Try(t *testing.T, dir, program string, args ...string) (said string, err error) {
	t.Helper()
	bin := t.TempDir()
	Build(t, ours, bin,
		"./cmd/mesos-master", "./cmd/mesos-agent", "./cmd/mesos-executor", "./cmd/mesos-local")
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "mesos-local"), append([]string{
		"--num_agents=2", "--port=0", "--resources=cpus:4;mem:1024;disk:100;ports:[31000-31099]", "--work_dir=" + t.TempDir(),
		"--", program,
	}, args...)...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it stops what it started
	cmd.WaitDelay = grace
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// FreePort finds a port for a program that does not take 0.
func FreePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
