package local

import (
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
)

// list is the list that decides about an action.
type list struct {
	name string // of the field in ACLs
	// object returns what the rules are asked about; false means any object. nil means that the rules can only allow or
	// deny the action for all objects.
	object   func(*authorizationpb.Object) (string, bool)
	required bool // the object has to say what the action is about
	lenient  bool // rules about some objects are accepted although they decide nothing
}

// lists has the list of each action.
//
// Mesos: LocalAuthorizerProcess::createGenericACLs.
var lists = map[authorizationpb.Action]list{
	authorizationpb.Action_REGISTER_FRAMEWORK:       {name: "register_frameworks", object: value},
	authorizationpb.Action_RUN_TASK:                 {name: "run_tasks", object: launchUser},
	authorizationpb.Action_TEARDOWN_FRAMEWORK:       {name: "teardown_frameworks", object: frameworkPrincipal},
	authorizationpb.Action_RESERVE_RESOURCES:        {name: "reserve_resources", object: resourceRole},
	authorizationpb.Action_UNRESERVE_RESOURCES:      {name: "unreserve_resources", object: reserver},
	authorizationpb.Action_CREATE_VOLUME:            {name: "create_volumes", object: resourceRole},
	authorizationpb.Action_DESTROY_VOLUME:           {name: "destroy_volumes", object: creator},
	authorizationpb.Action_RESIZE_VOLUME:            {name: "resize_volumes", object: resourceRole},
	authorizationpb.Action_CREATE_BLOCK_DISK:        {name: "create_block_disks", object: resourceRole},
	authorizationpb.Action_DESTROY_BLOCK_DISK:       {name: "destroy_block_disks", object: resourceRole},
	authorizationpb.Action_CREATE_MOUNT_DISK:        {name: "create_mount_disks", object: resourceRole},
	authorizationpb.Action_DESTROY_MOUNT_DISK:       {name: "destroy_mount_disks", object: resourceRole},
	authorizationpb.Action_DESTROY_RAW_DISK:         {name: "destroy_raw_disks", object: resourceRole},
	authorizationpb.Action_GET_ENDPOINT_WITH_PATH:   {name: "get_endpoints", object: value, required: true},
	authorizationpb.Action_VIEW_ROLE:                {name: "view_roles", object: value, required: true},
	authorizationpb.Action_UPDATE_WEIGHT:            {name: "update_weights", object: weightRole},
	authorizationpb.Action_GET_QUOTA:                {name: "get_quotas", object: value},
	authorizationpb.Action_UPDATE_QUOTA:             {name: "update_quotas", object: quotaRole, required: true},
	authorizationpb.Action_UPDATE_QUOTA_WITH_CONFIG: {name: "update_quotas", object: value, required: true},

	authorizationpb.Action_VIEW_FRAMEWORK:   {name: "view_frameworks", object: frameworkUser, required: true},
	authorizationpb.Action_VIEW_TASK:        {name: "view_tasks", object: taskUser, required: true},
	authorizationpb.Action_VIEW_EXECUTOR:    {name: "view_executors", object: executorUser, required: true},
	authorizationpb.Action_VIEW_CONTAINER:   {name: "view_containers", object: containerUser},
	authorizationpb.Action_ACCESS_SANDBOX:   {name: "access_sandboxes", object: executorUser},
	authorizationpb.Action_ACCESS_MESOS_LOG: {name: "access_mesos_logs"},
	authorizationpb.Action_VIEW_FLAGS:       {name: "view_flags"},
	authorizationpb.Action_SET_LOG_LEVEL:    {name: "set_log_level"},
	authorizationpb.Action_PRUNE_IMAGES:     {name: "prune_images"},

	authorizationpb.Action_LAUNCH_NESTED_CONTAINER:         {name: "launch_nested_containers_under_parent_with_user", object: containerUser},
	authorizationpb.Action_LAUNCH_NESTED_CONTAINER_SESSION: {name: "launch_nested_container_sessions_under_parent_with_user", object: containerUser},
	authorizationpb.Action_KILL_NESTED_CONTAINER:           {name: "kill_nested_containers", object: usedContainer},
	authorizationpb.Action_WAIT_NESTED_CONTAINER:           {name: "wait_nested_containers", object: usedContainer},
	authorizationpb.Action_REMOVE_NESTED_CONTAINER:         {name: "remove_nested_containers", object: usedContainer},
	authorizationpb.Action_ATTACH_CONTAINER_INPUT:          {name: "attach_containers_input", object: usedContainer},
	authorizationpb.Action_ATTACH_CONTAINER_OUTPUT:         {name: "attach_containers_output", object: usedContainer},
	authorizationpb.Action_LAUNCH_STANDALONE_CONTAINER:     {name: "launch_standalone_containers"},
	authorizationpb.Action_KILL_STANDALONE_CONTAINER:       {name: "kill_standalone_containers"},
	authorizationpb.Action_WAIT_STANDALONE_CONTAINER:       {name: "wait_standalone_containers"},
	authorizationpb.Action_REMOVE_STANDALONE_CONTAINER:     {name: "remove_standalone_containers"},
	authorizationpb.Action_VIEW_STANDALONE_CONTAINER:       {name: "view_standalone_containers"},

	authorizationpb.Action_REGISTER_AGENT:              {name: "register_agents"},
	authorizationpb.Action_DRAIN_AGENT:                 {name: "drain_agents"},
	authorizationpb.Action_DEACTIVATE_AGENT:            {name: "deactivate_agents"},
	authorizationpb.Action_REACTIVATE_AGENT:            {name: "reactivate_agents"},
	authorizationpb.Action_MARK_AGENT_GONE:             {name: "mark_agents_gone", lenient: true},
	authorizationpb.Action_UPDATE_MAINTENANCE_SCHEDULE: {name: "update_maintenance_schedules"},
	authorizationpb.Action_GET_MAINTENANCE_SCHEDULE:    {name: "get_maintenance_schedules"},
	authorizationpb.Action_START_MAINTENANCE:           {name: "start_maintenances"},
	authorizationpb.Action_STOP_MAINTENANCE:            {name: "stop_maintenances"},
	authorizationpb.Action_GET_MAINTENANCE_STATUS:      {name: "get_maintenance_statuses"},

	authorizationpb.Action_MODIFY_RESOURCE_PROVIDER_CONFIG: {name: "modify_resource_provider_configs"},
	authorizationpb.Action_MARK_RESOURCE_PROVIDER_GONE:     {name: "mark_resource_providers_gone"},
	authorizationpb.Action_VIEW_RESOURCE_PROVIDER:          {name: "view_resource_providers"},
}

// childLists has the second list of the actions that launch a command with a user of its own.
//
// Mesos: LocalAuthorizerProcess::getNestedContainerObjectApprover.
var childLists = map[authorizationpb.Action]string{
	authorizationpb.Action_LAUNCH_NESTED_CONTAINER:         "launch_nested_containers_as_user",
	authorizationpb.Action_LAUNCH_NESTED_CONTAINER_SESSION: "launch_nested_container_sessions_as_user",
}

// The following functions return what an object says that rules are about. The order of the alternatives is Mesos's, in
// LocalAuthorizerObjectApprover::approved and LocalHierarchicalRoleApprover::approved.

func value(o *authorizationpb.Object) (string, bool) { return o.GetValue(), o.Value != nil }

func frameworkPrincipal(o *authorizationpb.Object) (string, bool) {
	if o.FrameworkInfo != nil {
		return o.FrameworkInfo.GetPrincipal(), true
	}
	return value(o)
}

func frameworkUser(o *authorizationpb.Object) (string, bool) {
	return o.GetFrameworkInfo().GetUser(), o.FrameworkInfo != nil
}

func creator(o *authorizationpb.Object) (string, bool) {
	if o.Resource != nil {
		return o.Resource.GetDisk().GetPersistence().GetPrincipal(), true
	}
	return value(o)
}

func reserver(o *authorizationpb.Object) (string, bool) {
	if o.Resource == nil {
		return value(o)
	}
	if refined := o.Resource.GetReservations(); len(refined) > 0 {
		return refined[len(refined)-1].GetPrincipal(), true
	}
	return o.Resource.GetReservation().GetPrincipal(), true
}

func resourceRole(o *authorizationpb.Object) (string, bool) {
	if o.Resource == nil {
		return value(o)
	}
	if refined := o.Resource.GetReservations(); len(refined) > 0 {
		return refined[len(refined)-1].GetRole(), true
	}
	return o.Resource.GetRole(), true
}

func weightRole(o *authorizationpb.Object) (string, bool) {
	if o.WeightInfo != nil {
		return o.WeightInfo.GetRole(), true
	}
	return value(o)
}

func quotaRole(o *authorizationpb.Object) (string, bool) {
	return o.GetQuotaInfo().GetRole(), o.QuotaInfo != nil
}

// launchUser returns the user of a task that is launched.
func launchUser(o *authorizationpb.Object) (string, bool) {
	if user, ok := ownUser(o.TaskInfo); ok {
		return user, true
	}
	return frameworkUser(o)
}

// taskUser returns the user of a task.
func taskUser(o *authorizationpb.Object) (string, bool) {
	if o.Task != nil && o.Task.User != nil {
		return o.Task.GetUser(), true
	}
	if user, ok := ownUser(o.TaskInfo); ok {
		return user, true
	}
	return frameworkUser(o)
}

// ownUser returns the user that a task names itself.
func ownUser(t *mesospb.TaskInfo) (string, bool) {
	if user, ok := commandUser(t.GetCommand()); ok {
		return user, true
	}
	return commandUser(t.GetExecutor().GetCommand())
}

func commandUser(c *mesospb.CommandInfo) (string, bool) {
	return c.GetUser(), c != nil && c.User != nil
}

// executorUser returns the user of an executor.
func executorUser(o *authorizationpb.Object) (string, bool) {
	if user, ok := commandUser(o.GetExecutorInfo().GetCommand()); ok {
		return user, true
	}
	return frameworkUser(o)
}

// containerUser returns the user of the executor in whose container an action takes place.
func containerUser(o *authorizationpb.Object) (string, bool) {
	if user, ok := commandUser(o.GetExecutorInfo().GetCommand()); ok {
		return user, true
	}
	return o.GetFrameworkInfo().GetUser(), o.FrameworkInfo != nil && o.FrameworkInfo.User != nil
}

// usedContainer is like containerUser. Rules about standalone containers name the container instead.
func usedContainer(o *authorizationpb.Object) (string, bool) {
	if user, ok := containerUser(o); ok {
		return user, true
	}
	return o.GetContainerId().GetValue(), o.ContainerId != nil
}

// registeredRoles returns the roles that a framework wants to register with.
func registeredRoles(o *authorizationpb.Object) []request {
	switch {
	case o.GetFrameworkInfo() != nil:
		var all []request
		for _, role := range roles.Of(o.FrameworkInfo) {
			all = append(all, one(role))
		}
		return all
	case o != nil && o.Value != nil:
		return []request{one(o.GetValue())}
	}
	return []request{anyone}
}
