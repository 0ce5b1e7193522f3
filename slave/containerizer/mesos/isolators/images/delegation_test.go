package images

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
)

// The executor of a task with an image is told the groups of the task's volumes, and is not in them itself.
func TestDelegationOfGroups(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		groups []uint32
		want   string
	}{{[]uint32{7, 8}, "--task_supplementary_groups=7,8"}, {nil, "--rootfs=/r"}} {
		c := &mesos.Container{VolumeGroups: test.groups, Launch: containerizer.Launch{Config: &slavepb.ContainerConfig{
			Rootfs: proto.String("/r"), TaskInfo: &mesospb.TaskInfo{}, CommandInfo: &mesospb.CommandInfo{},
		}}}
		if err := (Delegation{}).Prepare(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if got := c.Command().GetArguments(); got[0] != test.want || got[len(got)-1] != "--rootfs=/r" || c.Credential != nil {
			t.Errorf("the executor gets %q, want %s", got, test.want)
		}
	}
}
