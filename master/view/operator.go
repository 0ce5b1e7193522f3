package view

import (
	"iter"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/endpoint"
	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/redact"
	"meseta/messages/resources"
	"meseta/messages/shallow"
)

// Event returns the encoding of one event of the operator API's stream. The checkpoint of SlaveInfo, which v1 lacks, is an
// unknown field: JSON does not show it.
func Event(media mediatype.Type, e *masterpb.Event) []byte {
	if e.AgentAdded != nil && media == mediatype.JSON {
		return media.Marshal(evolve.Evolve[masterv1pb.Event](e))
	}
	return media.MarshalV1(e)
}

// Call is a call whose answer grows with the cluster.
type Call struct {
	kind  masterpb.Response_Type
	field field // of the response
}

// The calls whose answers grow with the cluster.
var (
	GetState      = &Call{masterpb.Response_GET_STATE, state}
	GetTasks      = &Call{masterpb.Response_GET_TASKS, tasks}
	GetExecutors  = &Call{masterpb.Response_GET_EXECUTORS, executors}
	GetFrameworks = &Call{masterpb.Response_GET_FRAMEWORKS, frameworks}
	GetAgents     = &Call{masterpb.Response_GET_AGENTS, agents}
	GetOperations = &Call{masterpb.Response_GET_OPERATIONS, operationsOnAgents}
)

// The fields of their answers, in the order of Mesos's JSON.
var (
	state = field{Name: "get_state", Fields: []field{tasks, executors, frameworks, agents}}
	tasks = field{Name: "get_tasks", Fields: []field{
		{Name: "tasks", Each: (*Cluster).eachTask},
		{Name: "unreachable_tasks", Each: (*Cluster).eachUnreachableTask},
		{Name: "completed_tasks", Each: (*Cluster).eachCompletedTask},
	}}
	executors = field{Name: "get_executors", Fields: []field{
		{Name: "executors", Each: (*Cluster).eachExecutor},
	}}
	frameworks = field{Name: "get_frameworks", Fields: []field{
		{Name: "frameworks", Each: (*Cluster).eachFramework},
		{Name: "completed_frameworks", Each: (*Cluster).eachCompletedFramework},
	}}
	agents = field{Name: "get_agents", Fields: []field{
		{Name: "agents", Each: (*Cluster).eachAgent},
		{Name: "recovered_agents", Each: (*Cluster).eachRecoveredAgent},
	}}
	operationsOnAgents = field{Name: "get_operations", Fields: []field{
		{Name: "operations", Each: (*Cluster).eachOperation, OmitEmpty: true},
	}}
)

// everyFramework yields all frameworks, including completed ones.
func (c *Cluster) everyFramework(yield func(*Framework) bool) {
	for _, frameworks := range [][]*Framework{c.Frameworks, c.Completed} {
		for _, f := range frameworks {
			if !yield(f) {
				return
			}
		}
	}
}

// ---- tasks ----

func (c *Cluster) eachTask(yield func(element) bool) {
	c.describe(yield, (*Framework).Tasks)
}

func (c *Cluster) eachUnreachableTask(yield func(element) bool) {
	c.describe(yield, func(f *Framework) iter.Seq[*book.Facts] { return slices.Values(f.unreachable) })
}

func (c *Cluster) eachCompletedTask(yield func(element) bool) {
	c.describe(yield, func(f *Framework) iter.Seq[*book.Facts] { return slices.Values(f.completed) })
}

// describe yields tasks of all frameworks, all in the same message.
func (c *Cluster) describe(yield func(element) bool, of func(*Framework) iter.Seq[*book.Facts]) {
	m := &mesospb.Task{}
	for f := range c.everyFramework {
		for t := range of(f) {
			describe(t, m)
			if !yield(m) {
				return
			}
		}
	}
}

// TaskMessage returns a task as the operator API describes it.
func TaskMessage(t *book.Facts) *mesospb.Task {
	m := &mesospb.Task{}
	describe(t, m)
	return m
}

func describe(t *book.Facts, m *mesospb.Task) {
	d := t.Described
	*m = mesospb.Task{
		Name: d.Name, TaskId: d.TaskId, FrameworkId: d.FrameworkId, ExecutorId: d.ExecutorId, SlaveId: d.SlaveId,
		State: &t.State, Resources: d.Resources, Statuses: t.Statuses, Labels: d.Labels, Discovery: d.Discovery,
		Container: d.Container, HealthCheck: d.HealthCheck, KillPolicy: d.KillPolicy, User: d.User, Limits: d.Limits,
	}
	if t.WasForwarded() {
		m.StatusUpdateState, m.StatusUpdateUuid = &t.Forwarded.State, t.Forwarded.UUID
	}
}

// ---- executors ----

func (c *Cluster) eachExecutor(yield func(element) bool) {
	for f := range c.everyFramework {
		for e := range f.executors.Scan {
			if !yield(&masterpb.Response_GetExecutors_Executor{ExecutorInfo: redact.Executor(e.Info), SlaveId: e.Agent.Proto()}) {
				return
			}
		}
	}
}

// ---- frameworks ----

func (c *Cluster) eachFramework(yield func(element) bool) {
	each(c.Frameworks, (*Framework).Message, yield)
}

func (c *Cluster) eachCompletedFramework(yield func(element) bool) {
	each(c.Completed, (*Framework).Message, yield)
}

// Message returns the framework as the operator API describes it.
func (f *Framework) Message() *masterpb.Response_GetFrameworks_Framework {
	m := &masterpb.Response_GetFrameworks_Framework{
		FrameworkInfo: f.Info, Active: proto.Bool(f.State == book.Active), Connected: proto.Bool(f.Connected()),
		Recovered: proto.Bool(f.State == book.Recovered), RegisteredTime: timeInfo(f.Registered),
		ReregisteredTime: timeInfo(f.Reregistered), UnregisteredTime: timeInfo(f.Unregistered),
		AllocatedResources: f.Used().ForEndpoint(), OfferedResources: f.Offered().ForEndpoint(),
		OfferConstraints: f.Constraints,
	}
	for o := range f.offers.Scan {
		m.Offers = append(m.Offers, o.Sent)
	}
	if m.OfferConstraints == nil {
		m.OfferConstraints = &schedulerpb.OfferConstraints{}
	}
	return m
}

// ---- agents ----

func (c *Cluster) eachAgent(yield func(element) bool) { each(c.Agents, (*Agent).Message, yield) }

func (c *Cluster) eachRecoveredAgent(yield func(element) bool) {
	each(c.Recovered, withoutRoles, yield)
}

func (c *Cluster) eachOperation(yield func(element) bool) {
	for _, a := range c.Agents {
		for _, o := range a.Operations {
			if !yield(o) {
				return
			}
		}
	}
}

// Message returns the agent as the operator API describes it.
func (a *Agent) Message() *masterpb.Response_GetAgents_Agent {
	return &masterpb.Response_GetAgents_Agent{
		AgentInfo: withoutRoles(a.Info), Active: proto.Bool(a.Active), Deactivated: proto.Bool(a.Deactivation.Deactivated), Version: &a.Version,
		Pid: proto.String(a.PID.String()), RegisteredTime: timeInfo(a.Registered), ReregisteredTime: timeInfo(a.Reregistered),
		TotalResources: seen(a.may, a.Total).ForEndpoint(), AllocatedResources: seen(a.may, a.Used).ForEndpoint(),
		OfferedResources: seen(a.may, a.Offered).ForEndpoint(),
		Capabilities:     a.Announced, DrainInfo: a.Deactivation.Drain, EstimatedDrainStartTime: timeInfo(a.Deactivation.DrainStarted),
	}
}

// withoutRoles returns info with its resources in the newer format, whatever format the agent uses.
func withoutRoles(info *mesospb.SlaveInfo) *mesospb.SlaveInfo {
	if !slices.ContainsFunc(info.GetResources(), func(r *mesospb.Resource) bool { return r.Role != nil || r.Reservation != nil }) {
		return info
	}
	info = shallow.Copy(info)
	info.Resources = resources.FromValid(info.GetResources()).Proto()
	return info
}

// each yields the message of each element of all.
func each[T any, M element](all []T, message func(T) M, yield func(element) bool) {
	for _, one := range all {
		if !yield(message(one)) {
			return
		}
	}
}

// ---- the rest ----

// MasterMessage returns the answer to GET_MASTER.
func (c *Cluster) MasterMessage() *masterpb.Response_GetMaster {
	m := &masterpb.Response_GetMaster{MasterInfo: c.Info, StartTime: proto.Float64(endpoint.Seconds(c.Started))}
	if !c.Elected.IsZero() {
		m.ElectedTime = proto.Float64(endpoint.Seconds(c.Elected))
	}
	return m
}

// RolesMessage returns the answer to GET_ROLES.
func (c *Cluster) RolesMessage() *masterpb.Response_GetRoles {
	r := &masterpb.Response_GetRoles{}
	for _, role := range c.Roles() {
		m := &mesospb.Role{Name: &role.Name, Weight: &role.Weight}
		for _, id := range role.Frameworks {
			m.Frameworks = append(m.Frameworks, id.Proto())
		}
		m.Resources = summed(role.Allocated.Plus(role.Offered))
		r.Roles = append(r.Roles, m)
	}
	return r
}

// summed returns the amounts of the resources that every role shows.
//
// Mesos: Master::ReadOnlyHandler::getRoles.
func summed(q resources.Quantities) []*mesospb.Resource {
	var all []*mesospb.Resource
	for name, amount := range q.All() {
		if !slices.Contains(endpoint.FirstNames[:], name) {
			continue
		}
		all = append(all, &mesospb.Resource{
			Name: proto.String(name), Type: mesospb.Value_SCALAR.Enum(),
			Scalar: &mesospb.Value_Scalar{Value: proto.Float64(amount.Float())},
		})
	}
	return all
}

// timeInfo returns t, or nil if it is zero. Mesos keeps times as seconds in a double, which has microseconds at best.
func timeInfo(t time.Time) *mesospb.TimeInfo {
	if t.IsZero() {
		return nil
	}
	return &mesospb.TimeInfo{Nanoseconds: proto.Int64(t.UnixNano())}
}
