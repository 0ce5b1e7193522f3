package sharing

import (
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

var (
	containerStatuses = containerStatusPlan()
	statuses          = within(wholeOf(statusPlan(), func(s *slabs) *slab[statusWhole] { return &s.statuses }),
		func(w *statusWhole) *mesospb.TaskStatus { return &w.TaskStatus })
	tasks = counted(within(wholeOf(taskPlan(), func(s *slabs) *slab[taskWhole] { return &s.tasks }),
		func(w *taskWhole) *mesospb.Task { return &w.Task }))
	executors       = executorPlan()
	taskInfos       = taskInfoPlan()
	agents          = within(whole(agentPlan()), func(w *agentWhole) *mesospb.SlaveInfo { return &w.SlaveInfo })
	reregistrations = reregistrationPlan()
	registrations   = registrationPlan()
	updates         = updatePlan()
	calls           = callPlan()
)

// Reregistration decodes the re-registration of an agent, as proto.Unmarshal does.
func (d *Decoder) Reregistration(b []byte, m *internalpb.ReregisterSlaveMessage) error {
	tasks := count(b, 3)
	if tasks > 0 {
		m.Tasks = make([]*mesospb.Task, 0, tasks)
	}
	return into(d, reregistrations, b, m, tasks)
}

// Registration decodes the registration of an agent, as proto.Unmarshal does.
func (d *Decoder) Registration(b []byte, m *internalpb.RegisterSlaveMessage) error {
	return into(d, registrations, b, m, 1)
}

// Update decodes a status update, as proto.Unmarshal does.
func (d *Decoder) Update(b []byte, m *internalpb.StatusUpdateMessage) error {
	return into(d, updates, b, m, 1)
}

// Call decodes a scheduler's call, as proto.Unmarshal does.
func (d *Decoder) Call(b []byte, m *schedulerpb.Call) error { return into(d, calls, b, m, 1) }

func containerStatusPlan() *plan[mesospb.ContainerStatus] {
	type M = mesospb.ContainerStatus
	p := planOf(func(*M) bool { return true })
	eachShared(p, 1, func(m *M) *[]*mesospb.NetworkInfo { return &m.NetworkInfos }, network)
	one(p, 2, func(m *M) **mesospb.CgroupInfo { return &m.CgroupInfo }, shared[mesospb.CgroupInfo](cgroup))
	one(p, 4, func(m *M) **mesospb.ContainerID { return &m.ContainerId }, repeated(containerID, library[mesospb.ContainerID]))
	return p
}

func statusPlan() *plan[statusWhole] {
	type M = statusWhole
	p := planOf(func(m *M) bool { return m.TaskId != nil && m.State != nil })
	one(p, 1, func(m *M) **mesospb.TaskID { return &m.TaskId }, repeated(taskID, taskIDs))
	one(p, 5, func(m *M) **mesospb.SlaveID { return &m.SlaveId }, shared[mesospb.SlaveID](agentID))
	one(p, 7, func(m *M) **mesospb.ExecutorID { return &m.ExecutorId }, repeated(executorID, executorIDs))
	one(p, 12, func(m *M) **mesospb.Labels { return &m.Labels }, shared[mesospb.Labels](labels))
	one(p, 13, func(m *M) **mesospb.ContainerStatus { return &m.ContainerStatus }, whole(containerStatuses))
	enum(p, 2, func(m *M) (**mesospb.TaskState, *mesospb.TaskState) { return &m.State, &m.state })
	double(p, 6, func(m *M) (**float64, *float64) { return &m.Timestamp, &m.timestamp })
	enum(p, 9, func(m *M) (**mesospb.TaskStatus_Source, *mesospb.TaskStatus_Source) { return &m.Source, &m.source })
	enum(p, 10, func(m *M) (**mesospb.TaskStatus_Reason, *mesospb.TaskStatus_Reason) { return &m.Reason, &m.reason })
	uuid(p, 11, func(m *M) (*[]byte, *place) { return &m.Uuid, &m.uuid })
	return p
}

func taskPlan() *plan[taskWhole] {
	type M = taskWhole
	p := planOf(func(m *M) bool {
		return m.Name != nil && m.TaskId != nil && m.FrameworkId != nil && m.SlaveId != nil && m.State != nil
	})
	one(p, 2, func(m *M) **mesospb.TaskID { return &m.TaskId }, repeated(taskID, taskIDs))
	one(p, 3, func(m *M) **mesospb.FrameworkID { return &m.FrameworkId }, shared[mesospb.FrameworkID](frameworkID))
	one(p, 4, func(m *M) **mesospb.ExecutorID { return &m.ExecutorId }, repeated(executorID, executorIDs))
	one(p, 5, func(m *M) **mesospb.SlaveID { return &m.SlaveId }, shared[mesospb.SlaveID](agentID))
	eachShared(p, 7, func(m *M) *[]*mesospb.Resource { return &m.Resources }, resource)
	each(p, 8, func(m *M) *[]*mesospb.TaskStatus {
		if m.Statuses == nil {
			m.Statuses = m.first[:0]
		}
		return &m.Statuses
	}, statuses)
	one(p, 11, func(m *M) **mesospb.Labels { return &m.Labels }, shared[mesospb.Labels](labels))
	one(p, 12, func(m *M) **mesospb.DiscoveryInfo { return &m.Discovery }, shared[mesospb.DiscoveryInfo](discovery))
	one(p, 13, func(m *M) **mesospb.ContainerInfo { return &m.Container }, shared[mesospb.ContainerInfo](container))
	one(p, 15, func(m *M) **mesospb.HealthCheck { return &m.HealthCheck }, shared[mesospb.HealthCheck](healthCheck))
	one(p, 16, func(m *M) **mesospb.KillPolicy { return &m.KillPolicy }, shared[mesospb.KillPolicy](killPolicy))
	text(p, 1, func(m *M) (**string, *string) { return &m.Name, &m.name })
	enum(p, 6, func(m *M) (**mesospb.TaskState, *mesospb.TaskState) { return &m.State, &m.state })
	enum(p, 9, func(m *M) (**mesospb.TaskState, *mesospb.TaskState) { return &m.StatusUpdateState, &m.latest })
	uuid(p, 10, func(m *M) (*[]byte, *place) { return &m.StatusUpdateUuid, &m.uuid })
	return p
}

func executorPlan() *plan[mesospb.ExecutorInfo] {
	type M = mesospb.ExecutorInfo
	p := planOf(func(m *M) bool { return m.ExecutorId != nil })
	one(p, 1, func(m *M) **mesospb.ExecutorID { return &m.ExecutorId }, repeated(executorID, executorIDs))
	eachShared(p, 5, func(m *M) *[]*mesospb.Resource { return &m.Resources }, resource)
	one(p, 7, func(m *M) **mesospb.CommandInfo { return &m.Command }, shared[mesospb.CommandInfo](command))
	one(p, 8, func(m *M) **mesospb.FrameworkID { return &m.FrameworkId }, shared[mesospb.FrameworkID](frameworkID))
	one(p, 11, func(m *M) **mesospb.ContainerInfo { return &m.Container }, shared[mesospb.ContainerInfo](container))
	one(p, 12, func(m *M) **mesospb.DiscoveryInfo { return &m.Discovery }, shared[mesospb.DiscoveryInfo](discovery))
	one(p, 14, func(m *M) **mesospb.Labels { return &m.Labels }, shared[mesospb.Labels](labels))
	return p
}

func taskInfoPlan() *plan[mesospb.TaskInfo] {
	type M = mesospb.TaskInfo
	p := planOf(func(m *M) bool { return m.Name != nil && m.TaskId != nil && m.SlaveId != nil })
	one(p, 2, func(m *M) **mesospb.TaskID { return &m.TaskId }, repeated(taskID, taskIDs))
	one(p, 3, func(m *M) **mesospb.SlaveID { return &m.SlaveId }, shared[mesospb.SlaveID](agentID))
	eachShared(p, 4, func(m *M) *[]*mesospb.Resource { return &m.Resources }, resource)
	one(p, 5, func(m *M) **mesospb.ExecutorInfo { return &m.Executor }, whole(executors))
	one(p, 7, func(m *M) **mesospb.CommandInfo { return &m.Command }, shared[mesospb.CommandInfo](command))
	one(p, 8, func(m *M) **mesospb.HealthCheck { return &m.HealthCheck }, shared[mesospb.HealthCheck](healthCheck))
	one(p, 9, func(m *M) **mesospb.ContainerInfo { return &m.Container }, shared[mesospb.ContainerInfo](container))
	one(p, 10, func(m *M) **mesospb.Labels { return &m.Labels }, shared[mesospb.Labels](labels))
	one(p, 11, func(m *M) **mesospb.DiscoveryInfo { return &m.Discovery }, shared[mesospb.DiscoveryInfo](discovery))
	one(p, 12, func(m *M) **mesospb.KillPolicy { return &m.KillPolicy }, shared[mesospb.KillPolicy](killPolicy))
	one(p, 13, func(m *M) **mesospb.CheckInfo { return &m.Check }, shared[mesospb.CheckInfo](check))
	return p
}

func agentPlan() *plan[agentWhole] {
	type M = agentWhole
	p := planOf(func(m *M) bool { return m.Hostname != nil })
	eachShared(p, 3, func(m *M) *[]*mesospb.Resource { return &m.Resources }, resource)
	eachShared(p, 5, func(m *M) *[]*mesospb.Attribute { return &m.Attributes }, attribute)
	one(p, 6, func(m *M) **mesospb.SlaveID { return &m.Id }, shared[mesospb.SlaveID](agentID))
	one(p, 10, func(m *M) **mesospb.DomainInfo { return &m.Domain }, shared[mesospb.DomainInfo](domain))
	text(p, 1, func(m *M) (**string, *string) { return &m.Hostname, &m.hostname })
	integer(p, 8, func(m *M) (**int32, *int32) { return &m.Port, &m.port })
	boolean(p, 7, func(m *M) (**bool, *bool) { return &m.Checkpoint, &m.checkpoint })
	return p
}

func registrationPlan() *plan[internalpb.RegisterSlaveMessage] {
	type M = internalpb.RegisterSlaveMessage
	p := planOf(func(m *M) bool { return m.Slave != nil })
	one(p, 1, func(m *M) **mesospb.SlaveInfo { return &m.Slave }, agents)
	eachShared(p, 3, func(m *M) *[]*mesospb.Resource { return &m.CheckpointedResources }, resource)
	eachShared(p, 4, func(m *M) *[]*mesospb.SlaveInfo_Capability { return &m.AgentCapabilities }, capability)
	return p
}

func reregistrationPlan() *plan[internalpb.ReregisterSlaveMessage] {
	type M = internalpb.ReregisterSlaveMessage
	p := planOf(func(m *M) bool { return m.Slave != nil })
	one(p, 2, func(m *M) **mesospb.SlaveInfo { return &m.Slave }, agents)
	each(p, 3, func(m *M) *[]*mesospb.Task { return &m.Tasks }, tasks)
	each(p, 4, func(m *M) *[]*mesospb.ExecutorInfo { return &m.ExecutorInfos }, whole(executors))
	eachShared(p, 7, func(m *M) *[]*mesospb.Resource { return &m.CheckpointedResources }, resource)
	eachShared(p, 8, func(m *M) *[]*mesospb.FrameworkInfo { return &m.Frameworks }, framework)
	eachShared(p, 9, func(m *M) *[]*mesospb.SlaveInfo_Capability { return &m.AgentCapabilities }, capability)
	sharedText(p, 6, func(m *M) **string { return &m.Version }, version)
	return p
}

func updatePlan() *plan[internalpb.StatusUpdateMessage] {
	type U = internalpb.StatusUpdate
	update := planOf(func(m *U) bool { return m.FrameworkId != nil && m.Status != nil && m.Timestamp != nil })
	one(update, 1, func(m *U) **mesospb.FrameworkID { return &m.FrameworkId }, shared[mesospb.FrameworkID](frameworkID))
	one(update, 2, func(m *U) **mesospb.ExecutorID { return &m.ExecutorId }, repeated(executorID, executorIDs))
	one(update, 3, func(m *U) **mesospb.SlaveID { return &m.SlaveId }, shared[mesospb.SlaveID](agentID))
	one(update, 4, func(m *U) **mesospb.TaskStatus { return &m.Status }, statuses)

	type M = internalpb.StatusUpdateMessage
	p := planOf(func(m *M) bool { return m.Update != nil })
	one(p, 1, func(m *M) **internalpb.StatusUpdate { return &m.Update }, whole(update))
	return p
}

func callPlan() *plan[schedulerpb.Call] {
	launch := planOf(func(*mesospb.Offer_Operation_Launch) bool { return true })
	each(launch, 1, func(m *mesospb.Offer_Operation_Launch) *[]*mesospb.TaskInfo { return &m.TaskInfos }, whole(taskInfos))

	group := planOf(func(*mesospb.TaskGroupInfo) bool { return true })
	each(group, 1, func(m *mesospb.TaskGroupInfo) *[]*mesospb.TaskInfo { return &m.Tasks }, whole(taskInfos))

	type G = mesospb.Offer_Operation_LaunchGroup
	launchGroup := planOf(func(m *G) bool { return m.Executor != nil && m.TaskGroup != nil })
	one(launchGroup, 1, func(m *G) **mesospb.ExecutorInfo { return &m.Executor }, whole(executors))
	one(launchGroup, 2, func(m *G) **mesospb.TaskGroupInfo { return &m.TaskGroup }, whole(group))

	type O = mesospb.Offer_Operation
	operation := planOf(func(*O) bool { return true })
	one(operation, 2, func(m *O) **mesospb.Offer_Operation_Launch { return &m.Launch }, whole(launch))
	one(operation, 7, func(m *O) **G { return &m.LaunchGroup }, whole(launchGroup))

	type A = schedulerpb.Call_Accept
	accept := planOf(func(*A) bool { return true })
	each(accept, 2, func(m *A) *[]*O { return &m.Operations }, whole(operation))

	p := planOf(func(*schedulerpb.Call) bool { return true })
	one(p, 1, func(m *schedulerpb.Call) **mesospb.FrameworkID { return &m.FrameworkId }, shared[mesospb.FrameworkID](frameworkID))
	one(p, 4, func(m *schedulerpb.Call) **A { return &m.Accept }, whole(accept))
	return p
}
