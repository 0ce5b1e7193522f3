package disk

import (
	"os"
	"runtime"
)

// SpareProcessor lets the program run Go code on one thread more than the machine has processors, unless GOMAXPROCS in the
// environment says on how many. A thread that waits for a sync counts as one that runs until Go's monitor, which looks every 20
// microseconds to 10 milliseconds, has noticed: on two processors a sync takes half of the program with it. Programs that sync while
// they are busy call SpareProcessor before they make a node. Limits of processors that change later are not followed any more.
func SpareProcessor() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
