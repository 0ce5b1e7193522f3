package tasks_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
)

// An executor with 0.1 cpus has a task that may use more than its 0.5, and others.
func TestLimits(t *testing.T) {
	t.Parallel()
	scalar := func(n float64) *mesospb.Value_Scalar { return &mesospb.Value_Scalar{Value: proto.Float64(n)} }
	cpus := func(n float64) []*mesospb.Resource {
		return []*mesospb.Resource{{Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: scalar(n)}}
	}
	task := func(limit ...float64) tasks.Holder {
		info := &mesospb.TaskInfo{Resources: cpus(0.5)}
		for _, n := range limit {
			info.Limits = map[string]*mesospb.Value_Scalar{"cpus": scalar(n)}
		}
		return info
	}
	for _, test := range []struct {
		tasks []tasks.Holder
		want  float64 // 0 means no limit
	}{
		{nil, 0}, {[]tasks.Holder{task(), task()}, 0}, {[]tasks.Holder{task(1)}, 1.1}, {[]tasks.Holder{task(1), task()}, 1.6},
		{[]tasks.Holder{task(1), task(math.Inf(1))}, math.Inf(1)},
	} {
		got := tasks.Limits(cpus(0.1), test.tasks)
		if l := got["cpus"].GetValue(); l != test.want || got["mem"] != nil {
			t.Errorf("limits %v, want %v", got, test.want)
		}
	}
}
