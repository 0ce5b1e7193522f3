package decorate

import "meseta/messages/ids"

// perCall is what a call that waits takes beside its content, in bytes.
const perCall = 256

// order keeps the calls of each framework in order while one of them waits.
type order struct {
	waiting map[ids.Framework]*queue // has an entry for each framework with a call that waits
}

// queue is the calls that wait for an earlier one.
type queue struct {
	calls []waiting
	size  int // of all calls, in bytes
}

type waiting struct {
	call func()
	size int
}

// run calls f, or calls it later if an earlier call of the framework waits. size is what it takes meanwhile.
func (o *order) run(id ids.Framework, size int, f func()) {
	if q := o.waiting[id]; q != nil {
		q.calls = append(q.calls, waiting{f, size})
		q.size += size
		return
	}
	f()
}

// hold makes all later calls of the framework wait until release.
func (o *order) hold(id ids.Framework) {
	if o.waiting == nil {
		o.waiting = map[ids.Framework]*queue{}
	}
	o.waiting[id] = &queue{}
}

// release runs the calls that wait, up to one that makes the others wait again.
func (o *order) release(id ids.Framework) {
	q := o.waiting[id]
	delete(o.waiting, id)
	for i, w := range q.calls {
		q.size -= w.size
		if w.call(); o.held(id) {
			again := o.waiting[id]
			again.calls, again.size = append(q.calls[i+1:], again.calls...), again.size+q.size
			return
		}
	}
}

func (o *order) held(id ids.Framework) bool { return o.waiting[id] != nil }

// size is that of the framework's calls that wait, in bytes.
func (o *order) size(id ids.Framework) int { return o.waiting[id].size }
