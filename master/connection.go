package master

import (
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/runtime"
)

// watch makes sure that the master hears of the end of the connection with f.
func (m *Master) watch(f *book.Framework) {
	if f.Stream == nil {
		m.Link(f.PID)
		return
	}
	id, s := f.ID, f.Stream
	runtime.Await(m, s.Gone(), func(struct{}, error) { m.streamGone(id, s) })
}

// streamGone is Exited of a scheduler that speaks HTTP.
//
// Mesos: Master::exited(FrameworkID, StreamingHttpConnection).
func (m *Master) streamGone(id ids.Framework, s book.Stream) {
	s.Close()
	f := m.book.Framework(id)
	if f == nil || f.Stream != s {
		m.Log().Debug().Stringer("framework_id", id).Msg("a former stream of the framework ended")
		return
	}
	m.frameworkExited(f)
}
