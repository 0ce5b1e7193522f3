package disk_test

import (
	goruntime "runtime"
	"testing"

	"meseta/runtime/disk"
)

// There is one more, unless whoever starts the program says how many there are.
func TestSpareProcessor(t *testing.T) {
	before := goruntime.GOMAXPROCS(0)
	defer goruntime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", "")
	disk.SpareProcessor()
	if got := goruntime.GOMAXPROCS(0); got != before+1 {
		t.Errorf("%d processors after %d", got, before)
	}
	t.Setenv("GOMAXPROCS", "7")
	disk.SpareProcessor()
	if got := goruntime.GOMAXPROCS(0); got != before+1 {
		t.Errorf("%d processors although the environment says how many", got)
	}
}
