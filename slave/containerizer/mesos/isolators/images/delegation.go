package images

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/slave/containerizer/mesos"
)

// Delegation passes on to the executor of a task with an image what is the task's: the executor itself sees the files of the
// agent, and has its rights, to change the root of the task's command. It comes after the isolators that say what the task has.
//
// Mesos: the command task's part of MesosContainerizerProcess::_launch.
//
// Differs: a Seccomp profile is the task's. In Mesos it is the executor's, which may mount, so that its task may, too.
type Delegation struct{ mesos.Base }

// Prepare implements [mesos.Isolator].
func (Delegation) Prepare(_ context.Context, c *mesos.Container) error {
	if !c.Delegates() {
		return nil
	}
	setup := c.Init()
	c.Credential, setup.User = nil, proto.String("root")
	var all []string
	for _, flag := range []struct {
		name    string
		message proto.Message
		given   bool
	}{
		{"task_environment", setup.TaskEnvironment, setup.TaskEnvironment != nil},
		{"effective_capabilities", setup.EffectiveCapabilities, setup.EffectiveCapabilities != nil},
		{"bounding_capabilities", setup.BoundingCapabilities, setup.BoundingCapabilities != nil},
	} {
		if flag.given {
			all = append(all, "--"+flag.name+"="+string(mesosjson.Marshal(flag.message)))
		}
	}
	if len(c.VolumeGroups) > 0 {
		setup.TaskSupplementaryGroups = c.VolumeGroups
		all = append(all, "--task_supplementary_groups="+strings.Trim(strings.ReplaceAll(fmt.Sprint(c.VolumeGroups), " ", ","), "[]"))
	}
	if len(c.Filter) > 0 {
		all = append(all, "--task_seccomp_filter="+base64.StdEncoding.EncodeToString(c.Filter))
		c.Filter = nil
	}
	setup.EffectiveCapabilities, setup.BoundingCapabilities = nil, nil
	c.AddArguments(append(all, "--rootfs="+c.Config.GetRootfs())...)
	return nil
}
