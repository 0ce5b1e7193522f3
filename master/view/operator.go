package view

import (
	"iter"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/masterpb"
	"meseta/messages/mediatype"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
	"meseta/messages/schedulerpb"
)

// Answer is the body of an answer of the operator API that does not grow with the cluster. The messages of v0 are those of
// v1 on the wire, and in JSON but for the names of agents.
func Answer(media mediatype.Type, r *masterpb.Response) []byte { return encode(media, r) }

// Event is one event of the operator API's stream.
func Event(media mediatype.Type, e *masterpb.Event) []byte { return encode(media, e) }

func encode(media mediatype.Type, m proto.Message) []byte {
	if media == mediatype.JSON {
		w := &writer{}
		w.messageV1(m)
		return w.buf
	}
	return mediatype.Protobuf.Marshal(m)
}

// Call is what of a cluster is asked for.
type Call struct {
	kind     masterpb.Response_Type
	name     string // of the field in the response
	write    func(*Cluster, object)
	response func(*Cluster) *masterpb.Response
}

// The calls whose answers grow with the cluster.
var (
	GetState = &Call{masterpb.Response_GET_STATE, "get_state", (*Cluster).writeState, func(c *Cluster) *masterpb.Response {
		return &masterpb.Response{GetState: c.state()}
	}}
	GetTasks = &Call{masterpb.Response_GET_TASKS, "get_tasks", (*Cluster).writeTasks, func(c *Cluster) *masterpb.Response {
		return &masterpb.Response{GetTasks: c.tasks()}
	}}
	GetExecutors = &Call{masterpb.Response_GET_EXECUTORS, "get_executors", (*Cluster).writeExecutors, func(c *Cluster) *masterpb.Response {
		return &masterpb.Response{GetExecutors: c.executors()}
	}}
	GetFrameworks = &Call{masterpb.Response_GET_FRAMEWORKS, "get_frameworks", (*Cluster).writeFrameworks, func(c *Cluster) *masterpb.Response {
		return &masterpb.Response{GetFrameworks: c.frameworks()}
	}}
	GetAgents = &Call{masterpb.Response_GET_AGENTS, "get_agents", (*Cluster).writeAgents, func(c *Cluster) *masterpb.Response {
		return &masterpb.Response{GetAgents: c.agents()}
	}}
)

// Answer is the body of an answer to call.
func (c *Cluster) Answer(media mediatype.Type, call *Call) iter.Seq[[]byte] {
	if media == mediatype.JSON {
		return text(func(o object) {
			o.str("type", call.kind.String())
			o.obj(call.name, func(o object) { call.write(c, o) })
		})
	}
	return func(yield func([]byte) bool) {
		r := call.response(c)
		r.Type = call.kind.Enum()
		yield(mediatype.Protobuf.Marshal(r))
	}
}

// Subscribed is the first event of the operator API's stream.
func (c *Cluster) Subscribed(media mediatype.Type, heartbeat time.Duration) []byte {
	if media == mediatype.JSON {
		return write(func(o object) {
			o.str("type", masterpb.Event_SUBSCRIBED.String())
			o.obj("subscribed", func(o object) {
				o.obj("get_state", c.writeState)
				o.num("heartbeat_interval_seconds", heartbeat.Seconds())
			})
		})
	}
	return mediatype.Protobuf.Marshal(&masterpb.Event{
		Type: masterpb.Event_SUBSCRIBED.Enum(),
		Subscribed: &masterpb.Event_Subscribed{
			GetState: c.state(), HeartbeatIntervalSeconds: proto.Float64(heartbeat.Seconds()),
		},
	})
}

// ---- all together ----

func (c *Cluster) state() *masterpb.Response_GetState {
	return &masterpb.Response_GetState{
		GetTasks: c.tasks(), GetExecutors: c.executors(), GetFrameworks: c.frameworks(), GetAgents: c.agents(),
	}
}

func (c *Cluster) writeState(o object) {
	o.obj("get_tasks", c.writeTasks)
	o.obj("get_executors", c.writeExecutors)
	o.obj("get_frameworks", c.writeFrameworks)
	o.obj("get_agents", c.writeAgents)
}

// everyFramework yields also those that are completed.
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

func (c *Cluster) tasks() *masterpb.Response_GetTasks {
	r := &masterpb.Response_GetTasks{}
	for f := range c.everyFramework {
		for t := range f.Tasks() {
			r.Tasks = append(r.Tasks, TaskMessage(t))
		}
		for _, t := range f.unreachable {
			r.UnreachableTasks = append(r.UnreachableTasks, TaskMessage(t))
		}
		for _, t := range f.completed {
			r.CompletedTasks = append(r.CompletedTasks, TaskMessage(t))
		}
	}
	return r
}

// TaskMessage is a task as the operator API describes it.
func TaskMessage(t *book.Facts) *mesospb.Task {
	d := t.Described
	m := &mesospb.Task{
		Name: d.Name, TaskId: d.TaskId, FrameworkId: d.FrameworkId, ExecutorId: d.ExecutorId, SlaveId: d.SlaveId,
		State: t.State.Enum(), Resources: d.Resources, Statuses: t.Statuses, Labels: d.Labels, Discovery: d.Discovery,
		Container: d.Container, HealthCheck: d.HealthCheck, KillPolicy: d.KillPolicy, User: d.User, Limits: d.Limits,
	}
	if t.WasForwarded() {
		m.StatusUpdateState, m.StatusUpdateUuid = t.Forwarded.State.Enum(), t.Forwarded.UUID
	}
	return m
}

func (c *Cluster) writeTasks(o object) {
	o.list("tasks", func(a array) {
		for f := range c.everyFramework {
			for t := range f.Tasks() {
				if !a.taskV1(t) {
					return
				}
			}
		}
	})
	o.list("unreachable_tasks", func(a array) {
		for f := range c.everyFramework {
			a.tasksV1(f.unreachable)
		}
	})
	o.list("completed_tasks", func(a array) {
		for f := range c.everyFramework {
			a.tasksV1(f.completed)
		}
	})
}

// ---- executors ----

func (c *Cluster) executors() *masterpb.Response_GetExecutors {
	r := &masterpb.Response_GetExecutors{}
	for f := range c.everyFramework {
		for e := range f.executors.Scan {
			r.Executors = append(r.Executors, executorMessage(e))
		}
	}
	return r
}

func executorMessage(e *book.Executor) *masterpb.Response_GetExecutors_Executor {
	return &masterpb.Response_GetExecutors_Executor{ExecutorInfo: e.Info, SlaveId: e.Agent.Proto()}
}

func (c *Cluster) writeExecutors(o object) {
	o.list("executors", func(a array) {
		for f := range c.everyFramework {
			for e := range f.executors.Scan {
				a.elementV1(executorMessage(e))
			}
		}
	})
}

// ---- frameworks ----

func (c *Cluster) frameworks() *masterpb.Response_GetFrameworks {
	r := &masterpb.Response_GetFrameworks{}
	for _, f := range c.Frameworks {
		r.Frameworks = append(r.Frameworks, f.Message())
	}
	for _, f := range c.Completed {
		r.CompletedFrameworks = append(r.CompletedFrameworks, f.Message())
	}
	return r
}

// Message is the framework as the operator API describes it.
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

func (c *Cluster) writeFrameworks(o object) {
	o.list("frameworks", func(a array) {
		for _, f := range c.Frameworks {
			a.elementV1(f.Message())
		}
	})
	o.list("completed_frameworks", func(a array) {
		for _, f := range c.Completed {
			a.elementV1(f.Message())
		}
	})
}

// ---- agents ----

func (c *Cluster) agents() *masterpb.Response_GetAgents {
	r := &masterpb.Response_GetAgents{}
	for _, info := range c.Recovered {
		r.RecoveredAgents = append(r.RecoveredAgents, withoutRoles(info))
	}
	for _, a := range c.Agents {
		r.Agents = append(r.Agents, a.Message())
	}
	return r
}

// Message is the agent as the operator API describes it.
func (a *Agent) Message() *masterpb.Response_GetAgents_Agent {
	return &masterpb.Response_GetAgents_Agent{
		AgentInfo: withoutRoles(a.Info), Active: proto.Bool(a.Active), Deactivated: proto.Bool(a.Standing.Deactivated), Version: &a.Version,
		Pid: proto.String(a.PID.String()), RegisteredTime: timeInfo(a.Registered), ReregisteredTime: timeInfo(a.Reregistered),
		TotalResources: seen(a.may, a.Total).ForEndpoint(), AllocatedResources: seen(a.may, a.Used).ForEndpoint(),
		OfferedResources: seen(a.may, a.Offered).ForEndpoint(),
		Capabilities:     a.Announced, DrainInfo: a.Standing.Drain, EstimatedDrainStartTime: timeInfo(a.Standing.DrainStarted),
	}
}

// withoutRoles is info with its resources in today's format, whatever the agent speaks.
func withoutRoles(info *mesospb.SlaveInfo) *mesospb.SlaveInfo {
	return &mesospb.SlaveInfo{
		Hostname: info.Hostname, Port: info.Port, Resources: resources.FromValid(info.GetResources()).Proto(),
		Attributes: info.Attributes, Id: info.Id, Domain: info.Domain, Checkpoint: info.Checkpoint,
	}
}

func (c *Cluster) writeAgents(o object) {
	o.list("agents", func(a array) {
		for _, agent := range c.Agents {
			a.elementV1(agent.Message())
		}
	})
	o.list("recovered_agents", func(a array) {
		for _, info := range c.Recovered {
			a.elementV1(withoutRoles(info))
		}
	})
}

// ---- the rest ----

// MasterMessage is the answer to GET_MASTER.
func (c *Cluster) MasterMessage() *masterpb.Response_GetMaster {
	m := &masterpb.Response_GetMaster{MasterInfo: c.Info, StartTime: proto.Float64(seconds(c.Started))}
	if !c.Elected.IsZero() {
		m.ElectedTime = proto.Float64(seconds(c.Elected))
	}
	return m
}

// RolesMessage is the answer to GET_ROLES.
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

// summed is how much there is of the resources that every role knows, whatever their reservations, disks and allocations.
//
// Mesos: Master::ReadOnlyHandler::getRoles.
func summed(rs resources.Resources) []*mesospb.Resource {
	var all []*mesospb.Resource
	for name, amount := range rs.ScalarQuantities().All() {
		if !slices.Contains(firstNames[:], name) {
			continue
		}
		all = append(all, &mesospb.Resource{
			Name: proto.String(name), Type: mesospb.Value_SCALAR.Enum(),
			Scalar: &mesospb.Value_Scalar{Value: proto.Float64(amount.Float())},
		})
	}
	return all
}

// timeInfo is t, nil if it is zero. Mesos keeps time as seconds in a double, which has microseconds at best.
func timeInfo(t time.Time) *mesospb.TimeInfo {
	if t.IsZero() {
		return nil
	}
	return &mesospb.TimeInfo{Nanoseconds: proto.Int64(t.UnixNano())}
}
