// Package process implements the isolators that bound what the processes of a container may do: posix/rlimits,
// linux/capabilities and linux/nnp. The init of the container carries it out before it starts the command.
package process

import (
	"context"
	"errors"
	"fmt"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/mesos"
)

// RLimits is the isolator posix/rlimits.
//
// Mesos: PosixRLimitsIsolatorProcess.
//
// Differs: a limit without both numbers is refused, while Mesos starts a container that ends at once.
type RLimits struct{ mesos.Base }

// Prepare implements [mesos.Isolator].
func (RLimits) Prepare(_ context.Context, c *mesos.Container) error {
	info := c.Config.GetContainerInfo().GetRlimitInfo()
	for _, l := range info.GetRlimits() {
		switch {
		case l.GetType() == mesospb.RLimitInfo_RLimit_UNKNOWN:
			return errors.New("Unknown rlimit type")
		case (l.Soft == nil) != (l.Hard == nil):
			return fmt.Errorf("Invalid rlimit values: %s needs both a soft and a hard limit, or none for no limit", l.GetType())
		case l.GetSoft() > l.GetHard():
			return fmt.Errorf("Invalid rlimit values: the soft limit of %s is %d, and the hard limit %d", l.GetType(), l.GetSoft(), l.GetHard())
		}
	}
	if len(info.GetRlimits()) > 0 {
		c.Init().Rlimits = info
	}
	return nil
}
