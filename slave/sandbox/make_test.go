package sandbox_test

import (
	"os"
	"testing"

	"meseta/runtime/sim"
	"meseta/slave/sandbox"
)

// A sandbox is made on the disk that is given. One that is not this system's has no owners.
func TestSandboxOnAnotherDisk(t *testing.T) {
	t.Parallel()
	d := sim.New(1).Disk("10.0.0.1:5051")
	const dir = "/sandbox-of-a-simulated-agent/runs/1"
	if err := sandbox.Make(d, dir, "nobody"); err != nil {
		t.Fatal(err)
	}
	if info, err := d.Lstat(dir); err != nil || !info.IsDir() {
		t.Errorf("there is %v, %v", info, err)
	}
	if _, err := os.Lstat("/sandbox-of-a-simulated-agent"); !os.IsNotExist(err) {
		t.Errorf("this system has it, too: %v", err)
	}
}
