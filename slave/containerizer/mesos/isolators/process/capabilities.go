package process

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/mesos"
)

// Capabilities is the isolator linux/capabilities.
//
// Mesos: LinuxCapabilitiesIsolatorProcess.
//
// Differs: the executor of a command has the capabilities of its task. In Mesos it has all, and gives those to the task.
type Capabilities struct {
	mesos.Base
	Effective *mesospb.CapabilityInfo // of containers that ask for none (--effective_capabilities); nil means all that are bounded
	Bounding  *mesospb.CapabilityInfo // what no container may exceed (--bounding_capabilities); nil means all
}

// Check returns an error if the capabilities of containers that ask for none exceed the bounds.
func (i Capabilities) Check() error {
	if i.Effective == nil || i.Bounding == nil {
		return nil
	}
	return within(i.Effective, i.Bounding)
}

// Prepare implements [mesos.Isolator].
func (i Capabilities) Prepare(_ context.Context, c *mesos.Container) error {
	as := c
	if c.Beside != nil { // a debug container may do what its parent may, or the command of that
		as = c.Beside
		if of := as.Setup; of.GetBoundingCapabilities() != nil {
			c.Init().EffectiveCapabilities, c.Init().BoundingCapabilities = of.EffectiveCapabilities, of.BoundingCapabilities
			return nil
		}
		if !as.Delegates() {
			return nil
		}
	}
	effective, bounding, err := i.of(as.Config.GetContainerInfo().GetLinuxInfo())
	if err == nil && bounding != nil {
		c.Init().EffectiveCapabilities, c.Init().BoundingCapabilities = effective, bounding
	}
	return err
}

// of returns the capabilities of a container, or nil if it has all.
func (i Capabilities) of(linux *mesospb.LinuxInfo) (effective, bounding *mesospb.CapabilityInfo, err error) {
	effective, bounding = linux.GetEffectiveCapabilities(), linux.GetBoundingCapabilities()
	if effective == nil {
		effective = linux.GetCapabilityInfo() //nolint:staticcheck // the older name
	}
	if bounding != nil && i.Bounding != nil {
		if err := within(bounding, i.Bounding); err != nil {
			return nil, nil, err
		}
	}
	if effective == nil {
		effective = i.Effective
	}
	if bounding == nil {
		bounding = i.Bounding
	}
	switch {
	case bounding == nil:
		bounding = effective
	case effective != nil:
		err = within(effective, bounding)
	}
	return effective, bounding, err
}

// Recover implements [mesos.Isolator].
func (i Capabilities) Recover(c *mesos.Container, info *slavepb.ContainerLaunchInfo) error {
	if info.GetBoundingCapabilities() != nil {
		c.Init().EffectiveCapabilities, c.Init().BoundingCapabilities = info.EffectiveCapabilities, info.BoundingCapabilities
	}
	return nil
}

// within returns an error if capabilities exceed those that are allowed.
func within(asked, allowed *mesospb.CapabilityInfo) error {
	for _, c := range asked.GetCapabilities() {
		if !slices.Contains(allowed.GetCapabilities(), c) {
			return fmt.Errorf("Requested capabilities '%s', but only '%s' are allowed", list(asked), list(allowed))
		}
	}
	return nil
}

// list prints capabilities as Mesos does, in the order of their numbers.
func list(info *mesospb.CapabilityInfo) string {
	all := slices.Clone(info.GetCapabilities())
	slices.Sort(all)
	var names []string
	for _, c := range all {
		names = append(names, c.String())
	}
	return "{ " + strings.Join(names, ", ") + " }"
}

// NoNewPrivileges is the isolator linux/nnp: no program gets rights that its caller does not have.
//
// Mesos: LinuxNNPIsolatorProcess.
type NoNewPrivileges struct{ mesos.Base }

// Prepare implements [mesos.Isolator].
func (NoNewPrivileges) Prepare(_ context.Context, c *mesos.Container) error {
	c.Init().NoNewPrivileges = proto.Bool(true)
	return nil
}
