package drain_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/slave/drain"
)

func grace(d time.Duration) *mesospb.DurationInfo {
	return &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(d))}
}

// A drain shortens the grace period of tasks, and never lengthens it.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit, own *mesospb.DurationInfo
		want       time.Duration // -1 means the task's own
	}{
		"no limit":                   {nil, grace(time.Minute), -1},
		"no limit, no policy":        {nil, nil, -1},
		"no policy":                  {grace(time.Second), nil, time.Second},
		"longer than the limit":      {grace(time.Second), grace(time.Minute), time.Second},
		"as long as the limit":       {grace(time.Second), grace(time.Second), -1},
		"shorter than the limit":     {grace(time.Minute), grace(time.Second), -1},
		"a limit of 0":               {grace(0), grace(time.Second), 0},
		"a limit of 0 and no policy": {grace(0), nil, 0},
	} {
		var d drain.Drain
		d.Begin(&mesospb.DrainConfig{MaxGracePeriod: c.limit}, time.Unix(1, 0))
		got := time.Duration(-1)
		if p := d.Policy(&mesospb.KillPolicy{GracePeriod: c.own}); p != nil {
			got = time.Duration(p.GetGracePeriod().GetNanoseconds())
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// The status of a killed task mentions the drain; the status of a task that ends otherwise does not.
func TestMark(t *testing.T) {
	t.Parallel()
	aware := &mesospb.FrameworkInfo{Capabilities: []*mesospb.FrameworkInfo_Capability{
		{Type: mesospb.FrameworkInfo_Capability_PARTITION_AWARE.Enum()},
	}}
	stays, gone := &mesospb.DrainConfig{}, &mesospb.DrainConfig{MarkGone: proto.Bool(true)}
	for name, c := range map[string]struct {
		config    *mesospb.DrainConfig
		framework *mesospb.FrameworkInfo
		state     mesospb.TaskState
		want      mesospb.TaskState
		told      bool
	}{
		"not drained":        {nil, aware, mesospb.TaskState_TASK_KILLED, mesospb.TaskState_TASK_KILLED, false},
		"killed":             {stays, aware, mesospb.TaskState_TASK_KILLED, mesospb.TaskState_TASK_KILLED, true},
		"being killed":       {stays, aware, mesospb.TaskState_TASK_KILLING, mesospb.TaskState_TASK_KILLING, true},
		"finished":           {stays, aware, mesospb.TaskState_TASK_FINISHED, mesospb.TaskState_TASK_FINISHED, false},
		"gone":               {gone, aware, mesospb.TaskState_TASK_KILLED, mesospb.TaskState_TASK_GONE_BY_OPERATOR, true},
		"gone, being killed": {gone, aware, mesospb.TaskState_TASK_KILLING, mesospb.TaskState_TASK_GONE_BY_OPERATOR, true},
		"gone, unaware":      {gone, &mesospb.FrameworkInfo{}, mesospb.TaskState_TASK_KILLED, mesospb.TaskState_TASK_KILLED, true},
		"gone, but failed":   {gone, aware, mesospb.TaskState_TASK_FAILED, mesospb.TaskState_TASK_FAILED, false},
	} {
		var d drain.Drain
		if c.config != nil {
			d.Begin(c.config, time.Unix(1, 0))
		}
		status := &mesospb.TaskStatus{State: c.state.Enum(), Reason: mesospb.TaskStatus_REASON_COMMAND_EXECUTOR_FAILED.Enum()}
		d.Mark(status, c.framework)
		told := status.GetReason() == mesospb.TaskStatus_REASON_SLAVE_DRAINING
		if status.GetState() != c.want || told != c.told {
			t.Errorf("%s: %s, drain told %v; want %s, %v", name, status.GetState(), told, c.want, c.told)
		}
	}
}

// The start of a drain is known only if this run of the agent began it.
func TestStarted(t *testing.T) {
	t.Parallel()
	var d drain.Drain
	if d.Config() != nil || !d.Started().IsZero() {
		t.Error("there is a drain without a beginning")
	}
	d.Recover(&mesospb.DrainConfig{})
	if d.Config() == nil || !d.Started().IsZero() {
		t.Errorf("a recovered drain: %v since %v", d.Config(), d.Started())
	}
	d.Begin(&mesospb.DrainConfig{MarkGone: proto.Bool(true)}, time.Unix(7, 0))
	if !d.Config().GetMarkGone() || !d.Started().Equal(time.Unix(7, 0)) {
		t.Errorf("a drain that was begun anew: %v since %v", d.Config(), d.Started())
	}
	d.End()
	if d.Config() != nil || !d.Started().IsZero() {
		t.Errorf("a drain that has ended: %v since %v", d.Config(), d.Started())
	}
}
