package slave_test

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/runtime/disk"
	"meseta/slave/slavetest"
)

// countingDisk counts how often files with a name were written.
type countingDisk struct {
	*slavetest.Disk
	name string

	mu     sync.Mutex
	opened int
}

// OpenFile implements [disk.Disk].
func (d *countingDisk) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	if strings.HasSuffix(name, d.name) && flag != 0 {
		d.mu.Lock()
		d.opened++
		d.mu.Unlock()
	}
	return d.Disk.OpenFile(name, flag, perm)
}

// launchBurst launches tasks of a new framework at the same time, each in an executor of its own.
func (w *world) launchBurst(many int) {
	var all []proto.Message
	for i := range many {
		m := custom(ids.Task(fmt.Sprint("t", i)), true, framework(checkpointing))
		m.Task.Executor.ExecutorId = ids.Executor(fmt.Sprint("x", i)).Proto()
		m.Task.Resources = bag("cpus:0.1;mem:1")
		all = append(all, m)
	}
	w.SlowWork = 50 * time.Millisecond // the disk is slower than the master
	w.say(all...)
	w.Advance(5 * time.Second)
}

// The first executors of a framework that come at the same time do not each write the framework down: their records could not
// be written together then.
func TestFrameworkIsWrittenOnce(t *testing.T) {
	t.Parallel()
	counting := &countingDisk{name: "framework.info"}
	w := newWorld(t, func(w *world) {
		counting.Disk = w.disk
		w.config.Disk = counting
	})
	w.launchBurst(10)
	for i := range 10 {
		w.states(ids.Task(fmt.Sprint("t", i)), running)
	}
	if counting.opened != 1 {
		t.Errorf("the framework was written %d times, want once", counting.opened)
	}
}

// If a framework cannot be written, none of the executors that rely on it is started. The next one tries again.
func TestFrameworkIsNotWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.disk.Fill("framework.info")
	w.launchBurst(3)
	for i := range 3 {
		w.states(ids.Task(fmt.Sprint("t", i)), dropped)
	}
	w.idle()
	w.disk.Fill()
	w.say(custom("again", true, framework(checkpointing)))
	w.states("again", running)
}
