package recorder

import (
	"meseta/actors/gc"
	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/checkpoint"
)

// RetireTask lets the checkpoints of a completed task be deleted.
func (r *Recorder) RetireTask(e *book.Executor, t ids.Task) {
	if e.Checkpoint {
		r.retire(checkpoint.Records{}, string(r.place(e).meta.Task(t)))
	}
}

// RetireRun marks a run of an executor as completed, and lets its directories be deleted. If last is set, this includes
// those of the executor.
//
// Differs: Mesos aborts if it cannot mark the run. The next agent looks for such a run's executor in vain, has nothing to report, since
// the updates of its tasks were written before, and marks it.
func (r *Recorder) RetireRun(e *book.Executor, last bool) {
	place := r.place(e)
	retired := []string{string(place.sandbox)}
	var sentinel checkpoint.Records
	if last {
		retired = append(retired, string(place.executor))
	}
	if e.Checkpoint {
		sentinel.Marker(place.meta.Sentinel())
		retired = append(retired, string(place.meta))
		if last {
			retired = append(retired, string(place.metaExecutor))
		}
	}
	r.retire(sentinel, retired...)
}

// RetireFramework lets the directories of a removed framework be deleted.
func (r *Recorder) RetireFramework(f *book.Framework) {
	retired := []string{string(r.sandboxes().Framework(f.ID))}
	if f.Checkpoints() {
		retired = append(retired, string(r.meta().Framework(f.ID)))
	}
	r.retire(checkpoint.Records{}, retired...)
}

// RetireLeftovers lets directories of earlier runs be deleted when they are as old as others may become. A launch that
// uses one again saves it.
func (r *Recorder) RetireLeftovers(leftovers []checkpoint.Leftover) {
	now := r.Now()
	for _, l := range leftovers {
		age := max(0, now.Sub(l.Used))
		item := gc.Item{Path: l.Path, In: max(0, r.gcDelay-age)}
		runtime.Tell(r.garbage, func(c *gc.GarbageCollector) { c.Schedule(item) })
	}
}

// retire writes last records, and lets directories be deleted after the configured delay.
//
// Mesos: Slave::garbageCollect.
func (r *Recorder) retire(last checkpoint.Records, directories ...string) {
	for _, d := range directories {
		last.Touch(d, r.Now())
	}
	r.note(last)
	for _, d := range directories {
		gone := runtime.Ask(r.garbage, (*gc.GarbageCollector).Schedule, gc.Item{Path: d, In: r.gcDelay})
		runtime.Await(r, gone, func(_ struct{}, err error) {
			if err == nil {
				r.hide(d)
			}
		})
	}
}
