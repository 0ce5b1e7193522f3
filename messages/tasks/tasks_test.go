package tasks_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
)

func TestIsTerminal(t *testing.T) {
	t.Parallel()
	last := ""
	for number := range int32(len(mesospb.TaskState_name)) {
		if state := mesospb.TaskState(number); tasks.IsTerminal(state) {
			last += " " + state.String()[len("TASK_"):]
		}
	}
	if want := " FINISHED FAILED KILLED LOST ERROR DROPPED GONE GONE_BY_OPERATOR"; last != want {
		t.Errorf("terminal are%s, want%s", last, want)
	}
}

// A task has all that its info has and the record has a field for.
func TestNew(t *testing.T) {
	t.Parallel()
	info := &mesospb.TaskInfo{Limits: map[string]*mesospb.Value_Scalar{"cpus": {}}, Resources: []*mesospb.Resource{{}}}
	fields := info.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Message() != nil && !f.IsList() && !f.IsMap() {
			info.ProtoReflect().Mutable(f)
		}
	}
	info.Name, info.TaskId, info.SlaveId = proto.String("n"), ids.Task("t").Proto(), ids.Agent("a").Proto()
	info.Executor.ExecutorId = ids.Executor("e").Proto()
	task := tasks.New(info, mesospb.TaskState_TASK_STAGING, ids.Framework("f").Proto())
	if task.GetName() != "n" || task.TaskId != info.TaskId || task.SlaveId != info.SlaveId || task.ExecutorId != info.Executor.ExecutorId ||
		task.GetFrameworkId().GetValue() != "f" || task.GetState() != mesospb.TaskState_TASK_STAGING {
		t.Errorf("the task is %v", task)
	}
	for i := range fields.Len() {
		f := task.ProtoReflect().Descriptor().Fields().ByName(fields.Get(i).Name())
		if f != nil && !task.ProtoReflect().Has(f) {
			t.Errorf("%s is lost", f.FullName())
		}
	}
}

// The value of a secret that is a volume stays in the message that launches the task, and is not in its record.
func TestSecretsOfVolumesAreNotInRecords(t *testing.T) {
	t.Parallel()
	volumes := []*mesospb.Volume{{ContainerPath: proto.String("plain")}, {
		ContainerPath: proto.String("word"), Source: &mesospb.Volume_Source{
			Type:   mesospb.Volume_Source_SECRET.Enum(),
			Secret: &mesospb.Secret{Type: mesospb.Secret_VALUE.Enum(), Value: &mesospb.Secret_Value{Data: []byte("planted")}},
		},
	}}
	info := &mesospb.TaskInfo{Container: &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), Volumes: volumes}}
	before := proto.CloneOf(info)
	got := tasks.New(info, mesospb.TaskState_TASK_STAGING, ids.Framework("f").Proto()).GetContainer().GetVolumes()
	if secret := got[1].GetSource().GetSecret(); len(secret.GetValue().GetData()) > 0 || secret.GetType() != mesospb.Secret_VALUE {
		t.Errorf("the record has %v", secret)
	}
	if got[0] != volumes[0] || got[1].GetContainerPath() != "word" {
		t.Errorf("the record has the volumes %v", got)
	}
	if !proto.Equal(info, before) {
		t.Errorf("the task is now launched as %v", info)
	}
}

func TestTheUserOfATask(t *testing.T) {
	t.Parallel()
	command := func(user *string) *mesospb.CommandInfo { return &mesospb.CommandInfo{User: user} }
	of := func(c *mesospb.CommandInfo) *mesospb.ExecutorInfo { return &mesospb.ExecutorInfo{Command: c} }
	a, b, empty := proto.String("a"), proto.String("b"), proto.String("")
	for _, c := range []struct {
		info *mesospb.TaskInfo
		want *string
	}{
		{&mesospb.TaskInfo{}, nil},
		{&mesospb.TaskInfo{Command: command(a)}, a},
		{&mesospb.TaskInfo{Executor: of(command(b))}, b},
		{&mesospb.TaskInfo{Command: command(a), Executor: of(command(b))}, a},
		{&mesospb.TaskInfo{Command: command(nil), Executor: of(command(b))}, b},
		{&mesospb.TaskInfo{Command: command(empty), Executor: of(command(b))}, empty},
		{&mesospb.TaskInfo{Executor: of(command(empty))}, empty},
	} {
		if got := tasks.New(c.info, mesospb.TaskState_TASK_STAGING, ids.Framework("f").Proto()).User; got != c.want {
			t.Errorf("%v: the user is %v", c.info, got)
		}
	}
}

func TestOneStatusOfEachRunOfEqualStatesIsKept(t *testing.T) {
	t.Parallel()
	status := func(state mesospb.TaskState, message string) *mesospb.TaskStatus {
		return &mesospb.TaskStatus{State: state.Enum(), Message: &message}
	}
	running, killing := mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_KILLING
	var statuses []*mesospb.TaskStatus
	for i, state := range []mesospb.TaskState{running, running, killing, running} {
		before := fmt.Sprint(statuses)
		after := tasks.AppendStatus(statuses, status(state, fmt.Sprint(i)))
		if fmt.Sprint(statuses) != before {
			t.Errorf("what was %s is %v", before, statuses)
		}
		statuses = after
	}
	if len(statuses) != 3 || statuses[0].GetMessage() != "1" || statuses[2].GetMessage() != "3" {
		t.Errorf("kept are %v", statuses)
	}
}

func TestDataIsDropped(t *testing.T) {
	t.Parallel()
	s := &mesospb.TaskStatus{Message: proto.String("m"), Data: []byte("d")}
	if without := tasks.WithoutData(s); without.Data != nil || without.GetMessage() != "m" || s.Data == nil {
		t.Errorf("%v became %v", s, without)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	s := &mesospb.TaskStatus{
		TaskId: ids.Task("t").Proto(), SlaveId: ids.Agent("a").Proto(), ExecutorId: ids.Executor("e").Proto(),
		Timestamp: proto.Float64(7), Uuid: []byte("u"),
	}
	u := tasks.Update("f", s)
	if u.GetFrameworkId().GetValue() != "f" || u.GetSlaveId() != s.SlaveId || u.GetExecutorId() != s.ExecutorId ||
		u.GetTimestamp() != 7 || string(u.GetUuid()) != "u" || u.GetStatus() != s {
		t.Errorf("%v is told in %v", s, u)
	}
}

func TestStatesThatOldFrameworksDoNotKnow(t *testing.T) {
	t.Parallel()
	dropped := mesospb.TaskState_TASK_DROPPED
	if got := tasks.LostOr(dropped, capabilities.Framework{PartitionAware: true}); got != dropped {
		t.Errorf("a partition-aware framework is told %s", got)
	}
	if got := tasks.LostOr(dropped, capabilities.Framework{}); got != mesospb.TaskState_TASK_LOST {
		t.Errorf("another is told %s", got)
	}
}
