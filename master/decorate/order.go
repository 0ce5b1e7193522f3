package decorate

import "meseta/messages/ids"

// order keeps the calls of each framework in order while one of them waits.
type order struct {
	waiting map[ids.Framework][]func() // has an entry for each framework with a call that waits
}

// run calls f, or calls it later if an earlier call of the framework waits.
func (o *order) run(id ids.Framework, f func()) {
	if queue, ok := o.waiting[id]; ok {
		o.waiting[id] = append(queue, f)
		return
	}
	f()
}

// hold makes all later calls of the framework wait until release.
func (o *order) hold(id ids.Framework) {
	if o.waiting == nil {
		o.waiting = map[ids.Framework][]func(){}
	}
	o.waiting[id] = nil
}

// release runs the calls that wait, up to one that makes the others wait again.
func (o *order) release(id ids.Framework) {
	queue := o.waiting[id]
	delete(o.waiting, id)
	for i, f := range queue {
		if f(); o.held(id) {
			o.waiting[id] = append(queue[i+1:], o.waiting[id]...)
			return
		}
	}
}

func (o *order) held(id ids.Framework) bool {
	_, ok := o.waiting[id]
	return ok
}
