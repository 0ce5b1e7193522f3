package api

import (
	"encoding/json"
	"slices"

	"meseta/actors/authorizer"
	"meseta/messages/attributes"
	"meseta/messages/capabilities"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/slave/book"
)

// What /state shows, with the names and the order of Mesos.

type stateView struct {
	Version    string         `json:"version"`
	GitSHA     string         `json:"git_sha,omitempty"`
	BuildDate  string         `json:"build_date"`
	BuildTime  double         `json:"build_time"`
	BuildUser  string         `json:"build_user"`
	StartTime  double         `json:"start_time"`
	ID         string         `json:"id"`
	PID        string         `json:"pid"`
	Hostname   string         `json:"hostname"`
	Caps       []string       `json:"capabilities"`
	Resources  map[string]any `json:"resources"`
	Reserved   map[string]any `json:"reserved_resources"`
	Unreserved map[string]any `json:"unreserved_resources"`

	ReservedFull        map[string][]json.RawMessage `json:"reserved_resources_full"`
	UnreservedFull      []json.RawMessage            `json:"unreserved_resources_full"`
	ReservedAllocated   map[string]any               `json:"reserved_resources_allocated"`
	UnreservedAllocated map[string]any               `json:"unreserved_resources_allocated"`

	Providers           []any              `json:"resource_providers"`
	Attributes          map[string]any     `json:"attributes"`
	MasterHostname      string             `json:"master_hostname,omitempty"`
	LogDir              string             `json:"log_dir,omitempty"`
	ExternalLogFile     string             `json:"external_log_file,omitempty"`
	Flags               *map[string]string `json:"flags,omitempty"`
	Frameworks          []frameworkView    `json:"frameworks"`
	CompletedFrameworks []frameworkView    `json:"completed_frameworks"`
}

type frameworkView struct {
	ID                 string         `json:"id"`
	Name               string         `json:"name"`
	User               string         `json:"user"`
	FailoverTimeout    double         `json:"failover_timeout"`
	Checkpoint         bool           `json:"checkpoint"`
	Hostname           string         `json:"hostname"`
	Principal          *string        `json:"principal,omitempty"`
	Roles              []string       `json:"roles,omitempty"`
	Role               *string        `json:"role,omitempty"`
	Executors          []executorView `json:"executors"`
	CompletedExecutors []executorView `json:"completed_executors"`
}

type executorView struct {
	ID             string            `json:"id"`
	Name           string            `json:"name"`
	Source         string            `json:"source"`
	Container      string            `json:"container"`
	Directory      string            `json:"directory"`
	Resources      map[string]any    `json:"resources"`
	Role           string            `json:"role,omitempty"`
	Labels         []json.RawMessage `json:"labels,omitempty"`
	Type           string            `json:"type,omitempty"`
	Tasks          []taskView        `json:"tasks"`
	QueuedTasks    []taskView        `json:"queued_tasks"`
	CompletedTasks []taskView        `json:"completed_tasks"`
}

type taskView struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	FrameworkID string            `json:"framework_id"`
	ExecutorID  string            `json:"executor_id"`
	SlaveID     string            `json:"slave_id"`
	State       string            `json:"state"`
	Resources   map[string]any    `json:"resources"`
	Role        string            `json:"role,omitempty"`
	Statuses    []taskStatusView  `json:"statuses"`
	User        *string           `json:"user,omitempty"`
	Labels      []json.RawMessage `json:"labels,omitempty"`
	Discovery   json.RawMessage   `json:"discovery,omitempty"`
	Container   json.RawMessage   `json:"container,omitempty"`
	HealthCheck json.RawMessage   `json:"health_check,omitempty"`
}

type taskStatusView struct {
	State     string               `json:"state"`
	Timestamp double               `json:"timestamp"`
	Labels    []json.RawMessage    `json:"labels,omitempty"`
	Container *containerStatusView `json:"container_status,omitempty"`
	Healthy   *bool                `json:"healthy,omitempty"`
}

type containerStatusView struct {
	ContainerID  *valueView    `json:"container_id,omitempty"`
	NetworkInfos []networkView `json:"network_infos,omitempty"`
}

type networkView struct {
	IPAddresses []addressView `json:"ip_addresses"`
}

type addressView struct {
	Protocol  string `json:"protocol"`
	IPAddress string `json:"ip_address"`
}

// view is what /state shows now.
//
// Mesos: Slave::Http::state.
func (a *API) view(may authorizer.Approver) stateView {
	b := a.options.Build
	total := resources.FromValid(a.Facts().Info.GetResources())
	v := stateView{
		Version: a.options.Version, GitSHA: b.GitSHA, BuildDate: b.Date, BuildTime: double(b.Time), BuildUser: b.User,
		StartTime: double(float64(a.Facts().Started.UnixNano()) / 1e9),
		ID:        string(a.id()), PID: a.Self().String(),
		Hostname: a.Facts().Info.GetHostname(), Resources: amounts(total), Unreserved: amounts(total.Unreserved()),
		Reserved: map[string]any{}, ReservedFull: map[string][]json.RawMessage{}, UnreservedFull: full(total.Unreserved()),
		Providers: []any{}, Attributes: attributeValues(a.Facts().Info.GetAttributes()), MasterHostname: a.Facts().Leader.GetHostname(),
		Frameworks: []frameworkView{}, CompletedFrameworks: []frameworkView{},
	}
	if authorizer.SeesFlags(may) {
		v.LogDir, v.ExternalLogFile = a.options.Flags["log_dir"], a.options.Flags["external_log_file"]
		v.Flags = new(a.flags())
	}
	for _, c := range a.options.Capabilities {
		v.Caps = append(v.Caps, c.GetType().String())
	}
	for _, role := range seenRoles(may, total) {
		v.Reserved[role] = amounts(total.Reserved(role))
		v.ReservedFull[role] = full(total.Reserved(role))
	}
	var used resources.Resources
	for f := range a.Book().Frameworks() {
		for e := range f.Executors() {
			used = used.Plus(resources.FromValid(e.Resources()))
		}
		if authorizer.SeesFramework(may, f.Info) {
			v.Frameworks = append(v.Frameworks, viewFramework(may, f))
		}
	}
	for f := range a.Book().Completed() {
		if authorizer.SeesFramework(may, f.Info) {
			v.CompletedFrameworks = append(v.CompletedFrameworks, viewFramework(may, f))
		}
	}
	used = used.Unallocate()
	v.UnreservedAllocated, v.ReservedAllocated = amounts(used.Unreserved()), map[string]any{}
	for _, role := range seenRoles(may, used) {
		v.ReservedAllocated[role] = amounts(used.Reserved(role))
	}
	return v
}

// seenRoles are the roles that something is reserved for and that may be seen.
func seenRoles(may authorizer.Approver, rs resources.Resources) []string {
	return slices.DeleteFunc(rs.ReservationRoles(), func(role string) bool { return !authorizer.SeesRole(may, role) })
}

// amounts shows resources by name: cpus, gpus, mem and disk always, as numbers; ranges and sets as text.
//
// Mesos: model(Resources).
func amounts(bag resources.Resources) map[string]any {
	all := map[string]any{"cpus": double(0), "gpus": double(0), "mem": double(0), "disk": double(0)}
	for r := range bag.NonRevocable().All() {
		name := r.Name()
		switch r.Type() {
		case resources.ScalarType:
			sum, _ := bag.NonRevocable().Scalar(name)
			all[name] = double(sum.Float())
		case resources.RangesType:
			all[name] = bag.NonRevocable().Ranges(name).String()
		default:
			all[name] = bag.NonRevocable().Set(name).String()
		}
	}
	return all
}

func full(bag resources.Resources) []json.RawMessage {
	all := []json.RawMessage{}
	for _, r := range bag.ForEndpoint() {
		all = append(all, mesosjson.Marshal(r))
	}
	return all
}

func attributeValues(all []*mesospb.Attribute) map[string]any {
	values := map[string]any{}
	for _, a := range all {
		switch a.GetType() {
		case mesospb.Value_SCALAR:
			values[a.GetName()] = double(a.GetScalar().GetValue())
		default:
			values[a.GetName()] = attributes.Value(a)
		}
	}
	return values
}

func viewFramework(may authorizer.Approver, f *book.Framework) frameworkView {
	v := frameworkView{
		ID: string(f.ID), Name: f.Info.GetName(), User: f.Info.GetUser(), FailoverTimeout: double(f.Info.GetFailoverTimeout()),
		Checkpoint: f.Info.GetCheckpoint(), Hostname: f.Info.GetHostname(), Principal: f.Info.Principal,
		Executors: []executorView{}, CompletedExecutors: []executorView{},
	}
	if capabilities.OfFramework(f.Info).MultiRole {
		v.Roles = f.Info.GetRoles()
	} else {
		role := f.Info.GetRole()
		v.Role = &role
	}
	for e := range f.Executors() {
		if authorizer.SeesExecutor(may, e.Info, f.Info) {
			v.Executors = append(v.Executors, viewExecutor(may, e, f.Info))
		}
	}
	for _, e := range f.CompletedExecutors() {
		if authorizer.SeesExecutor(may, e.Info, f.Info) {
			v.CompletedExecutors = append(v.CompletedExecutors, viewExecutor(may, e, f.Info))
		}
	}
	return v
}

func viewExecutor(may authorizer.Approver, e *book.Executor, f *mesospb.FrameworkInfo) executorView {
	v := executorView{
		ID: string(e.ID), Name: e.Info.GetName(), Source: e.Info.GetSource(), Container: string(e.Container),
		Directory: e.Directory, Resources: amounts(resources.FromValid(e.Resources())), Role: roleOf(e.Info.GetResources()),
		Labels: labels(e.Info.GetLabels()), Tasks: []taskView{}, QueuedTasks: []taskView{}, CompletedTasks: []taskView{},
	}
	if e.Info.Type != nil {
		v.Type = e.Info.GetType().String()
	}
	for _, t := range tasksFor(may, f, slices.Collect(e.Launched())) {
		v.Tasks = append(v.Tasks, viewTask(t))
	}
	for _, t := range tasksFor(may, f, staging(e.Queued(), e.Framework)) {
		v.QueuedTasks = append(v.QueuedTasks, viewTask(t))
	}
	for _, t := range tasksFor(may, f, slices.Concat(slices.Collect(e.Completed()), slices.Collect(e.Terminated()))) {
		v.CompletedTasks = append(v.CompletedTasks, viewTask(t))
	}
	return v
}

func roleOf(rs []*mesospb.Resource) string {
	if len(rs) == 0 {
		return ""
	}
	return rs[0].GetAllocationInfo().GetRole()
}

func viewTask(t *mesospb.Task) taskView {
	v := taskView{
		ID: t.GetTaskId().GetValue(), Name: t.GetName(), FrameworkID: t.GetFrameworkId().GetValue(),
		ExecutorID: t.GetExecutorId().GetValue(), SlaveID: t.GetSlaveId().GetValue(), State: t.GetState().String(),
		Resources: amounts(resources.FromValid(t.GetResources())), Role: roleOf(t.GetResources()),
		Statuses: []taskStatusView{}, User: t.User, Labels: labels(t.GetLabels()),
	}
	if t.Discovery != nil {
		v.Discovery = mesosjson.Marshal(t.GetDiscovery())
	}
	if t.Container != nil {
		v.Container = mesosjson.Marshal(t.GetContainer())
	}
	if t.HealthCheck != nil {
		v.HealthCheck = mesosjson.Marshal(t.GetHealthCheck())
	}
	for _, s := range t.GetStatuses() {
		v.Statuses = append(v.Statuses, taskStatusView{
			State: s.GetState().String(), Timestamp: double(s.GetTimestamp()), Healthy: s.Healthy,
			Container: viewContainerStatus(s.GetContainerStatus()), Labels: labels(s.GetLabels()),
		})
	}
	return v
}

func labels(l *mesospb.Labels) []json.RawMessage {
	var all []json.RawMessage
	for _, x := range l.GetLabels() {
		all = append(all, mesosjson.Marshal(x))
	}
	return all
}

func viewContainerStatus(c *mesospb.ContainerStatus) *containerStatusView {
	if c == nil {
		return nil
	}
	v := &containerStatusView{}
	if c.ContainerId != nil {
		v.ContainerID = &valueView{c.GetContainerId().GetValue()}
	}
	for _, n := range c.GetNetworkInfos() {
		network := networkView{IPAddresses: []addressView{}}
		for _, a := range n.GetIpAddresses() {
			network.IPAddresses = append(network.IPAddresses, addressView{a.GetProtocol().String(), a.GetIpAddress()})
		}
		v.NetworkInfos = append(v.NetworkInfos, network)
	}
	return v
}

// double is written as Mesos writes its numbers, with a decimal point.
type double float64

// MarshalJSON implements [json.Marshaler].
func (d double) MarshalJSON() ([]byte, error) { return mesosjson.AppendFloat(nil, float64(d)), nil }
