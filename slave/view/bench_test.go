package view_test

import (
	"fmt"
	"testing"

	"meseta/messages/mediatype"
	"meseta/messages/pb/mesospb"
	"meseta/slave/view"
)

func drawn(pieces func(func([]byte) bool)) (n int64) {
	for piece := range pieces {
		n += int64(len(piece))
	}
	return n
}

// BenchmarkState measures /state and GET_TASKS of an agent with 1,000 running tasks, each in an executor of its own or
// all in one: the part on the agent's turn after no change and after a change of one task, and the total.
func BenchmarkState(b *testing.B) {
	me := self()
	for _, inEach := range []int{1, 1000} {
		known, executors := running(1000, inEach)
		measure := func(name string, once func() int64) {
			b.Run(fmt.Sprintf("%s/executors=%d", name, len(executors)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.SetBytes(once())
				}
			})
		}
		measure("turn", func() int64 {
			view.Look(me, known)
			return 0
		})
		measure("turn after an update", func() int64 {
			update(executors[0], "t0", mesospb.TaskState_TASK_RUNNING)
			view.Look(me, known)
			return 0
		})
		measure("whole", func() int64 { return drawn(view.Look(me, known).State()) })
		measure("tasks=json", func() int64 { return drawn(view.Look(me, known).Answer(mediatype.JSON, view.GetTasks)) })
		measure("tasks=protobuf", func() int64 { return drawn(view.Look(me, known).Answer(mediatype.Protobuf, view.GetTasks)) })
	}
}
