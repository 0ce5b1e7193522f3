package book

import (
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Shared facts do not change, whatever happens to the task.
func TestSharedFactsDoNotChange(t *testing.T) {
	t.Parallel()
	_, _, _, task := small()
	before := task.Share()
	task.Update(update(mesospb.TaskState_TASK_RUNNING, nil, ""))
	running := task.Share()
	task.Update(update(mesospb.TaskState_TASK_FINISHED, nil, ""))
	task.Forward(&mesospb.TaskStatus{State: mesospb.TaskState_TASK_FINISHED.Enum(), Uuid: []byte("1")})
	if before.State != mesospb.TaskState_TASK_STAGING || len(before.Statuses) != 0 {
		t.Errorf("the first facts are %s with %d statuses now", before.State, len(before.Statuses))
	}
	if running.State != mesospb.TaskState_TASK_RUNNING || len(running.Statuses) != 1 || running.WasForwarded() {
		t.Errorf("the second facts are %s with %d statuses now", running.State, len(running.Statuses))
	}
	if task.State != mesospb.TaskState_TASK_FINISHED || len(task.Statuses) != 2 || !task.WasForwarded() {
		t.Errorf("the task is %s with %d statuses", task.State, len(task.Statuses))
	}
}

// Every change is listed once, or replaced by All if the list would be too long.
func TestTouched(t *testing.T) {
	t.Parallel()
	b, a, f, task := small()
	if !f.Touched().All {
		t.Error("a reader that never asked need not look at everything")
	}
	if got := f.Touched(); got.All || got.Past || len(got.Tasks) != 0 {
		t.Errorf("nothing has changed, but %+v", got)
	}
	revision := a.Revision()
	task.Update(update(mesospb.TaskState_TASK_RUNNING, nil, ""))
	task.Update(update(mesospb.TaskState_TASK_FINISHED, nil, ""))
	b.RemoveTask(task, false)
	if got := f.Touched(); got.All || !got.Past || len(got.Tasks) != 1 || got.Tasks[0] != task {
		t.Errorf("one task has changed and ended, but %+v", got)
	}
	if a.Revision() == revision {
		t.Error("the agent has changed with its task")
	}
	for i := range 2*many + 10 {
		id := ids.Task(strconv.Itoa(i)).Proto()
		short := NewTask(&mesospb.TaskInfo{Name: proto.String("T"), TaskId: id, SlaveId: a.Info.Id}, f.ID.Proto(), scalar("cpus", 0))
		b.AddTask(short)
		b.RemoveTask(short, false)
	}
	if got := f.Touched(); !got.All || len(got.Tasks) != 0 {
		t.Errorf("too much has changed, but %d tasks are listed", len(got.Tasks))
	}
}
