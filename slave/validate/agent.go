package validate

import (
	"errors"
	"fmt"
	"math"

	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/validate"
)

// AgentCall returns an error if a call of the agent API is invalid.
//
// Mesos: validation::agent::call::validate.
func AgentCall(c *agentpb.Call) error {
	if c.Type == nil {
		return missing("type")
	}
	for _, f := range required(c) {
		if c.GetType() == f.call && !f.set {
			return missing(f.name)
		}
	}
	switch c.GetType() {
	case agentpb.Call_ADD_RESOURCE_PROVIDER_CONFIG:
		return unset(c.GetAddResourceProviderConfig().GetInfo().Id == nil, "add_resource_provider_config.info.id")
	case agentpb.Call_UPDATE_RESOURCE_PROVIDER_CONFIG:
		return unset(c.GetUpdateResourceProviderConfig().GetInfo().Id == nil, "update_resource_provider_config.info.id")
	}
	return containerCall(c)
}

type requirement struct {
	call agentpb.Call_Type
	name string
	set  bool
}

// required returns the parts that a call must have.
func required(c *agentpb.Call) []requirement {
	return []requirement{
		{agentpb.Call_GET_METRICS, "get_metrics", c.GetMetrics != nil},
		{agentpb.Call_SET_LOGGING_LEVEL, "set_logging_level", c.SetLoggingLevel != nil},
		{agentpb.Call_LIST_FILES, "list_files", c.ListFiles != nil},
		{agentpb.Call_READ_FILE, "read_file", c.ReadFile != nil},
		{agentpb.Call_LAUNCH_NESTED_CONTAINER, "launch_nested_container", c.LaunchNestedContainer != nil},
		{agentpb.Call_WAIT_NESTED_CONTAINER, "wait_nested_container", c.WaitNestedContainer != nil},
		{agentpb.Call_KILL_NESTED_CONTAINER, "kill_nested_container", c.KillNestedContainer != nil},
		{agentpb.Call_REMOVE_NESTED_CONTAINER, "remove_nested_container", c.RemoveNestedContainer != nil},
		{agentpb.Call_LAUNCH_NESTED_CONTAINER_SESSION, "launch_nested_container_session", c.LaunchNestedContainerSession != nil},
		{agentpb.Call_ATTACH_CONTAINER_INPUT, "attach_container_input", c.AttachContainerInput != nil},
		{agentpb.Call_ATTACH_CONTAINER_OUTPUT, "attach_container_output", c.AttachContainerOutput != nil},
		{agentpb.Call_LAUNCH_CONTAINER, "launch_container", c.LaunchContainer != nil},
		{agentpb.Call_WAIT_CONTAINER, "wait_container", c.WaitContainer != nil},
		{agentpb.Call_KILL_CONTAINER, "kill_container", c.KillContainer != nil},
		{agentpb.Call_REMOVE_CONTAINER, "remove_container", c.RemoveContainer != nil},
		{agentpb.Call_ADD_RESOURCE_PROVIDER_CONFIG, "add_resource_provider_config", c.AddResourceProviderConfig != nil},
		{agentpb.Call_UPDATE_RESOURCE_PROVIDER_CONFIG, "update_resource_provider_config", c.UpdateResourceProviderConfig != nil},
		{agentpb.Call_REMOVE_RESOURCE_PROVIDER_CONFIG, "remove_resource_provider_config", c.RemoveResourceProviderConfig != nil},
		{agentpb.Call_MARK_RESOURCE_PROVIDER_GONE, "mark_resource_provider_gone", c.MarkResourceProviderGone != nil},
	}
}

// containerCall validates a call about a container.
func containerCall(c *agentpb.Call) error {
	switch c.GetType() {
	case agentpb.Call_LAUNCH_NESTED_CONTAINER:
		x := c.GetLaunchNestedContainer()
		return first(nestedID("launch_nested_container", x.GetContainerId()),
			what("launch_nested_container", x.GetCommand(), x.GetContainer()),
			shares("launch_nested_container", x.GetContainerId(), x.GetContainer()))
	case agentpb.Call_LAUNCH_NESTED_CONTAINER_SESSION:
		x := c.GetLaunchNestedContainerSession()
		return first(nestedID("launch_nested_container_session", x.GetContainerId()),
			what("launch_nested_container_session", x.GetCommand(), x.GetContainer()), session(x.GetContainer()))
	case agentpb.Call_WAIT_NESTED_CONTAINER:
		return nestedID("wait_nested_container", c.GetWaitNestedContainer().GetContainerId())
	case agentpb.Call_KILL_NESTED_CONTAINER:
		return nestedID("kill_nested_container", c.GetKillNestedContainer().GetContainerId())
	case agentpb.Call_REMOVE_NESTED_CONTAINER:
		return nestedID("remove_nested_container", c.GetRemoveNestedContainer().GetContainerId())
	case agentpb.Call_LAUNCH_CONTAINER:
		return launchContainer(c.GetLaunchContainer())
	case agentpb.Call_WAIT_CONTAINER:
		return containerID("wait_container", c.GetWaitContainer().GetContainerId())
	case agentpb.Call_KILL_CONTAINER:
		return containerID("kill_container", c.GetKillContainer().GetContainerId())
	case agentpb.Call_REMOVE_CONTAINER:
		return containerID("remove_container", c.GetRemoveContainer().GetContainerId())
	case agentpb.Call_ATTACH_CONTAINER_OUTPUT:
		return containerID("attach_container_output", c.GetAttachContainerOutput().GetContainerId())
	case agentpb.Call_ATTACH_CONTAINER_INPUT:
		return attachInput(c.GetAttachContainerInput())
	}
	return nil
}

func attachInput(x *agentpb.Call_AttachContainerInput) error {
	switch {
	case x.Type == nil:
		return missing("attach_container_input.type")
	case x.GetType() == agentpb.Call_AttachContainerInput_UNKNOWN:
		return errors.New("'attach_container_input.type' is unknown")
	case x.GetType() == agentpb.Call_AttachContainerInput_CONTAINER_ID:
		return containerID("attach_container_input", x.GetContainerId())
	}
	return nil
}

// ProcessInput validates a record after the first one of ATTACH_CONTAINER_INPUT.
//
// Mesos: IOSwitchboardServerProcess::validate.
func ProcessInput(c *agentpb.Call) error {
	x := c.GetAttachContainerInput()
	if x.GetType() != agentpb.Call_AttachContainerInput_PROCESS_IO {
		return fmt.Errorf("Expecting 'attach_container_input.type' to be 'PROCESS_IO' instead of: '%s'", x.GetType())
	}
	io := x.GetProcessIo()
	switch {
	case io == nil:
		return missing("attach_container_input.process_io")
	case io.Type == nil:
		return missing("process_io.type")
	case io.GetType() == agentpb.ProcessIO_CONTROL:
		return control(io.GetControl())
	case io.GetType() == agentpb.ProcessIO_DATA:
		return data(io.GetData())
	}
	return errors.New("'process_io.type' is unknown")
}

func control(c *agentpb.ProcessIO_Control) error {
	switch {
	case c == nil:
		return missing("process_io.control")
	case c.Type == nil:
		return missing("process_io.control.type")
	case c.GetType() == agentpb.ProcessIO_Control_TTY_INFO && c.TtyInfo == nil:
		return missing("process_io.control.tty_info")
	case c.GetType() == agentpb.ProcessIO_Control_TTY_INFO && c.TtyInfo.WindowSize == nil:
		return missing("tty_info.window_size")
	case c.GetType() == agentpb.ProcessIO_Control_HEARTBEAT && c.Heartbeat == nil:
		return missing("process_io.control.heartbeat")
	case c.GetType() == agentpb.ProcessIO_Control_UNKNOWN:
		return errors.New("'process_io.control.type' is unknown")
	}
	return nil
}

func data(d *agentpb.ProcessIO_Data) error {
	switch {
	case d == nil:
		return missing("process_io.data")
	case d.Type == nil:
		return missing("process_io.data.type")
	case d.GetType() != agentpb.ProcessIO_Data_STDIN:
		return errors.New("Expecting 'process_io.data.type' to be 'STDIN'")
	case d.Data == nil:
		return missing("process_io.data.data")
	}
	return nil
}

func session(info *mesospb.ContainerInfo) error {
	if info.GetLinuxInfo() != nil && !info.GetLinuxInfo().GetShareCgroups() {
		return errors.New("'launch_nested_container_session.container.linux_info' is invalid: " +
			"'share_cgroups' cannot be set to 'false' for nested container sessions")
	}
	return nil
}

// launchContainer validates LAUNCH_CONTAINER.
func launchContainer(x *agentpb.Call_LaunchContainer) error {
	id := x.GetContainerId()
	if err := containerID("launch_container", id); err != nil {
		return err
	}
	bag, err := resources.FromProto(x.GetResources())
	if err != nil {
		return fmt.Errorf("Invalid resources: %w", err)
	}
	if gpus, ok := bag.Scalar("gpus"); ok && gpus.Float() != math.Trunc(gpus.Float()) {
		return errors.New("Invalid GPU resources: The 'gpus' resource must be an unsigned integer")
	}
	if id.GetParent() == nil {
		if err := standalone(bag); err != nil {
			return err
		}
	}
	if err := what("launch_container", x.GetCommand(), x.GetContainer()); err != nil {
		return err
	}
	twice := id.GetParent().GetParent() != nil
	const deep = "'launch_container' is invalid: containers nested at the second level or greater cannot "
	linux := x.GetContainer().GetLinuxInfo()
	switch {
	case twice && len(x.GetResources()) > 0:
		return errors.New(deep + "specify resources")
	case twice && len(x.GetLimits()) > 0:
		return errors.New(deep + "specify resource limits")
	case id.GetParent() == nil && linux != nil && linux.ShareCgroups != nil && linux.GetShareCgroups():
		return errors.New("'launch_container' is invalid: containers without a parent cannot set 'share_cgroups' to 'true'")
	}
	return shares("launch_container", id, x.GetContainer())
}

func standalone(bag resources.Resources) error {
	switch {
	case len(bag.ReservationRoles()) > 0:
		return errors.New("'launch_container.resources' must be unreserved")
	case !bag.PersistentVolumes().IsEmpty():
		return errors.New("'launch_container.resources' may not use persistent volumes")
	case !bag.Revocable().IsEmpty():
		return errors.New("'launch_container.resources' must be non-revocable")
	}
	return nil
}

// shares returns an error if a container at the second or a deeper level of nesting asks for a cgroup of its own.
func shares(call string, id *mesospb.ContainerID, info *mesospb.ContainerInfo) error {
	linux := info.GetLinuxInfo()
	if linux != nil && linux.ShareCgroups != nil && !linux.GetShareCgroups() && id.GetParent().GetParent() != nil {
		return fmt.Errorf("'%s' is invalid: containers nested at the second level or greater cannot set 'share_cgroups' to 'false'", call)
	}
	return nil
}

func nestedID(call string, id *mesospb.ContainerID) error {
	if err := containerID(call, id); err != nil {
		return err
	}
	if id.GetParent() == nil {
		return missing(call + ".container_id.parent")
	}
	return nil
}

func containerID(call string, id *mesospb.ContainerID) error {
	if err := validate.ContainerID(id); err != nil {
		return fmt.Errorf("'%s.container_id' is invalid: %w", call, err)
	}
	return nil
}

func unset(ok bool, field string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("Expecting '%s' to be unset", field)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// what validates the command and the container of a launch.
func what(call string, c *mesospb.CommandInfo, info *mesospb.ContainerInfo) error {
	if err := validate.CheckCommand(c); err != nil {
		return fmt.Errorf("'%s.command' is invalid: %w", call, err)
	}
	if err := validate.CheckContainer(info); err != nil {
		return fmt.Errorf("'%s.container' is invalid: %w", call, err)
	}
	return nil
}
