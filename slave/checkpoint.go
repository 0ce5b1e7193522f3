package slave

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/gc"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/paths"
)

// This file says what the agent writes down, and when it may be deleted. Frameworks that did not ask for checkpoints get
// a sandbox and nothing else.

// places are the directories of one run of an executor, for its files and for its checkpoints.
type places struct {
	sandbox      paths.Run
	executor     paths.Executor
	meta         paths.Run
	metaExecutor paths.Executor
}

func (s *Slave) runPaths(e *book.Executor) places {
	executor := s.root.Agent(s.id()).Framework(e.Framework).Executor(e.ID)
	meta := s.root.Meta().Agent(s.id()).Framework(e.Framework).Executor(e.ID)
	return places{sandbox: executor.Run(e.Container), executor: executor, meta: meta.Run(e.Container), metaExecutor: meta}
}

// recordBoot writes down when the system was started: executors of an earlier start are surely gone. A system that does
// not tell has nothing to write down.
func (s *Slave) recordBoot() {
	file, system := s.root.Meta().BootID(), s.system
	runtime.Tell(s.disk, func(r *recorder) {
		r.do(func() error {
			boot, err := system.BootID()
			if err != nil {
				return nil
			}
			return replaceFile(file, []byte(boot))
		})
	})
}

// recordInfo writes down who the agent is, for the next one that starts in this work directory.
func (s *Slave) recordInfo() {
	agent := s.root.Meta().Agent(s.id())
	info := downgradedInfo(s.info)
	runtime.Tell(s.disk, func(r *recorder) {
		r.message(agent.Info(), info)
		r.link(string(agent), s.root.Meta().LatestAgent())
	})
}

func (s *Slave) recordFramework(f *book.Framework) {
	if !f.Checkpoints() {
		return
	}
	place := s.root.Meta().Agent(s.id()).Framework(f.ID)
	info, pid := f.Info, pidText(f.PID)
	runtime.Tell(s.disk, func(r *recorder) {
		r.message(place.Info(), info)
		r.text(place.PID(), pid)
	})
}

func (s *Slave) recordExecutor(e *book.Executor) {
	if !e.Checkpoint {
		return
	}
	place := s.runPaths(e)
	info, command := downgradedExecutor(e.Info), flag(e.Command)
	runtime.Tell(s.disk, func(r *recorder) {
		r.message(place.metaExecutor.Info(), info)
		r.text(place.metaExecutor.Generated(), command)
		r.directory(string(place.meta))
		r.link(string(place.meta), place.metaExecutor.LatestRun())
	})
}

// recordLine writes down how to reach an executor, for an agent that comes after this one.
func (s *Slave) recordLine(e *book.Executor) {
	if !e.Checkpoint {
		return
	}
	file, content := s.runPaths(e).meta.LibprocessPID(), e.Line.PID.String()
	if e.Line.Stream != nil {
		file, content = s.runPaths(e).meta.HTTPMarker(), ""
	}
	runtime.Tell(s.disk, func(r *recorder) { r.text(file, content) })
}

func (s *Slave) recordTasks(e *book.Executor, tasks []*mesospb.TaskInfo) {
	if !e.Checkpoint {
		return
	}
	place := s.runPaths(e)
	for _, t := range tasks {
		task := book.NewTask(t, mesospb.TaskState_TASK_STAGING, e.Framework)
		task.Resources = downgraded(task.GetResources())
		file := place.meta.Task(ids.TaskOf(t.GetTaskId())).Info()
		runtime.Tell(s.disk, func(r *recorder) { r.message(file, task) })
	}
}

func (s *Slave) recordSentinel(e *book.Executor) {
	place := s.runPaths(e)
	runtime.Tell(s.disk, func(r *recorder) { r.text(place.meta.Sentinel(), "") })
}

// pidFile is where the containerizer leaves the number of an executor's process.
func (s *Slave) pidFile(e *book.Executor) string {
	if !e.Checkpoint {
		return ""
	}
	return s.runPaths(e).meta.ForkedPID()
}

func (s *Slave) updatesFile(e *book.Executor, t ids.Task) string {
	return s.runPaths(e).meta.Task(t).Updates()
}

// retireTask lets the checkpoints of a completed task be deleted.
func (s *Slave) retireTask(e *book.Executor, t ids.Task) {
	if e.Checkpoint {
		s.retire(string(s.runPaths(e).meta.Task(t)))
	}
}

// retire lets directories be deleted when they are old enough.
//
// Mesos: Slave::garbageCollect.
func (s *Slave) retire(directories ...string) {
	now := s.Now()
	runtime.Tell(s.disk, func(r *recorder) { r.touch(now, directories) })
	for _, d := range directories {
		gone := runtime.Call(s.garbage, (*gc.GarbageCollector).Schedule, gc.Item{Path: d, In: s.config.GCDelay})
		runtime.Await(s, runtime.Flatten(gone), func(_ struct{}, err error) {
			if err == nil {
				s.hide(d)
			}
		})
	}
}

// decodeMessage reads what recorder.message wrote.
func decodeMessage(file []byte, m proto.Message) error {
	if len(file) < 4 {
		return errTorn
	}
	n := int(file[0]) | int(file[1])<<8 | int(file[2])<<16 | int(file[3])<<24
	if len(file) < 4+n {
		return errTorn
	}
	return proto.Unmarshal(file[4:4+n], m)
}
