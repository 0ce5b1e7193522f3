package master_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer/authorizertest"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/mediatype"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
)

// wasAsked reports whether the last object that j decided about contains about, or was none if about is empty.
func wasAsked(j *authorizertest.Judge, about string) bool {
	object := j.About()
	return about == "" && object == nil || about != "" && strings.Contains(object.String(), about)
}

// judged returns a cluster with an agent, part of which is reserved to the role dev, and a framework in that role with
// one running and one completed task.
func judged(t *testing.T) (*mastertest.Cluster, *authorizertest.Judge) {
	j := &authorizertest.Judge{}
	c := mastertest.New(t, mastertest.Config{
		Authorizer: j, Configure: func(c *master.Config) {
			c.Flags = map[string]string{"log_dir": "/secret"}
			c.Cluster = "secret"
		},
	})
	registration := mastertest.Registration("10.0.0.2:5051")
	reserved := mastertest.Resource("cpus", 2)
	reserved.Role = proto.String("dev")
	registration.Slave.Resources = append(registration.Slave.Resources, reserved)
	registration.CheckpointedResources = []*mesospb.Resource{judgedVolume()}
	agent := c.Peer("agent", "slave(1)", "10.0.0.2:5051")
	agent.Say(registration)
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	info.Roles, info.Name, info.Principal = []string{"dev"}, proto.String("hidden-framework"), proto.String("owner")
	f := c.Scheduler("f", "10.0.0.3:6000", info)
	runs, over := mastertest.Task("hidden-task", f.Offer()), mastertest.Task("hidden-past", f.Offer())
	for _, task := range []*mesospb.TaskInfo{runs, over} {
		task.Command, task.Resources = nil, []*mesospb.Resource{mastertest.Resource("cpus", 1)}
		task.Executor = &mesospb.ExecutorInfo{
			ExecutorId: &mesospb.ExecutorID{Value: proto.String("hidden-executor")},
			Command:    &mesospb.CommandInfo{Value: proto.String("run")},
		}
	}
	f.Launch(f.Offer(), runs, over)
	agent.Report(mastertest.FrameworkID(f), "hidden-task", mesospb.TaskState_TASK_RUNNING, 1)
	agent.Report(mastertest.FrameworkID(f), "hidden-past", mesospb.TaskState_TASK_FINISHED, 2)
	f.Acknowledge(mastertest.AgentID(agent), "hidden-past", 2)
	return c, j
}

var (
	judgedAgent   = &mesospb.SlaveID{Value: proto.String(mastertest.ID + "-S0")}
	judgedMachine = &mesospb.MachineID{Hostname: proto.String("10.0.0.2"), Ip: proto.String("10.0.0.2")}
)

// judgedResource returns resources that are dynamically reserved to the role dev.
func judgedResource(name string) *mesospb.Resource {
	r := mastertest.Resource(name, 8)
	r.Reservations = []*mesospb.Resource_ReservationInfo{{
		Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String("dev"),
	}}
	return r
}

// judgedVolume returns the volume on the judged agent.
func judgedVolume() *mesospb.Resource {
	v := judgedResource("disk")
	v.Disk = &mesospb.Resource_DiskInfo{
		Persistence: &mesospb.Resource_DiskInfo_Persistence{Id: proto.String("v")},
		Volume:      &mesospb.Volume{ContainerPath: proto.String("v"), Mode: mesospb.Volume_RW.Enum()},
	}
	return v
}

func newVolume() *mesospb.Resource {
	v := judgedVolume()
	v.Disk.Persistence.Id = proto.String("new")
	return v
}

// decision is a call that needs authorization.
type decision struct {
	call   *masterpb.Call
	action authorizationpb.Action
	about  string // part of the object of the decision; "" if there is none
}

func decisions() []decision {
	framework := &mesospb.FrameworkID{Value: proto.String(mastertest.ID + "-0000")}
	cpus, disk, volume := []*mesospb.Resource{judgedResource("cpus")}, judgedResource("disk"), judgedVolume()
	return []decision{
		{&masterpb.Call{Type: masterpb.Call_GET_FLAGS.Enum()}, authorizationpb.Action_VIEW_FLAGS, ""},
		{&masterpb.Call{SetLoggingLevel: &masterpb.Call_SetLoggingLevel{
			Level: proto.Uint32(1), Duration: &mesospb.DurationInfo{Nanoseconds: proto.Int64(1)},
		}}, authorizationpb.Action_SET_LOG_LEVEL, ""},
		{&masterpb.Call{Teardown: &masterpb.Call_Teardown{FrameworkId: framework}}, authorizationpb.Action_TEARDOWN_FRAMEWORK, "owner"},
		{&masterpb.Call{DrainAgent: &masterpb.Call_DrainAgent{SlaveId: judgedAgent}}, authorizationpb.Action_DRAIN_AGENT, ""},
		{&masterpb.Call{DrainAgent: &masterpb.Call_DrainAgent{SlaveId: judgedAgent, MarkGone: proto.Bool(true)}}, authorizationpb.Action_MARK_AGENT_GONE, ""},
		{&masterpb.Call{DeactivateAgent: &masterpb.Call_DeactivateAgent{SlaveId: judgedAgent}}, authorizationpb.Action_DEACTIVATE_AGENT, ""},
		{&masterpb.Call{ReactivateAgent: &masterpb.Call_ReactivateAgent{SlaveId: judgedAgent}}, authorizationpb.Action_REACTIVATE_AGENT, ""},
		{&masterpb.Call{MarkAgentGone: &masterpb.Call_MarkAgentGone{SlaveId: judgedAgent}}, authorizationpb.Action_MARK_AGENT_GONE, ""},
		{&masterpb.Call{UpdateWeights: &masterpb.Call_UpdateWeights{
			WeightInfos: []*mesospb.WeightInfo{{Role: proto.String("dev"), Weight: proto.Float64(2)}},
		}}, authorizationpb.Action_UPDATE_WEIGHT, `value:"dev"`},
		{&masterpb.Call{UpdateQuota: &masterpb.Call_UpdateQuota{QuotaConfigs: []*quotapb.QuotaConfig{{Role: proto.String("dev")}}}},
			authorizationpb.Action_UPDATE_QUOTA_WITH_CONFIG, `value:"dev"`},
		{&masterpb.Call{SetQuota: &masterpb.Call_SetQuota{QuotaRequest: &quotapb.QuotaRequest{Role: proto.String("dev"), Guarantee: []*mesospb.Resource{mastertest.Resource("cpus", 1)}}}},
			authorizationpb.Action_UPDATE_QUOTA, `quota_info:{role:"dev"`},
		{&masterpb.Call{ReserveResources: &masterpb.Call_ReserveResources{SlaveId: judgedAgent, Resources: cpus}}, authorizationpb.Action_RESERVE_RESOURCES, "cpus"},
		{&masterpb.Call{UnreserveResources: &masterpb.Call_UnreserveResources{SlaveId: judgedAgent, Resources: cpus}}, authorizationpb.Action_UNRESERVE_RESOURCES, ""},
		{&masterpb.Call{CreateVolumes: &masterpb.Call_CreateVolumes{SlaveId: judgedAgent, Volumes: []*mesospb.Resource{newVolume()}}}, authorizationpb.Action_CREATE_VOLUME, "new"},
		{&masterpb.Call{DestroyVolumes: &masterpb.Call_DestroyVolumes{SlaveId: judgedAgent, Volumes: []*mesospb.Resource{volume}}}, authorizationpb.Action_DESTROY_VOLUME, `"v"`},
		{&masterpb.Call{GrowVolume: &masterpb.Call_GrowVolume{SlaveId: judgedAgent, Volume: volume, Addition: disk}}, authorizationpb.Action_RESIZE_VOLUME, `"v"`},
		{&masterpb.Call{ShrinkVolume: &masterpb.Call_ShrinkVolume{
			SlaveId: judgedAgent, Volume: volume, Subtract: &mesospb.Value_Scalar{Value: proto.Float64(1)},
		}}, authorizationpb.Action_RESIZE_VOLUME, `"v"`},
		{&masterpb.Call{UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: window(judgedMachine)}},
			authorizationpb.Action_UPDATE_MAINTENANCE_SCHEDULE, "machine_id"},
		{&masterpb.Call{StartMaintenance: &masterpb.Call_StartMaintenance{Machines: []*mesospb.MachineID{judgedMachine}}},
			authorizationpb.Action_START_MAINTENANCE, "machine_id"},
		{&masterpb.Call{StopMaintenance: &masterpb.Call_StopMaintenance{Machines: []*mesospb.MachineID{judgedMachine}}},
			authorizationpb.Action_STOP_MAINTENANCE, "machine_id"},
	}
}

// Every call that changes something is refused to callers without permission, and asks about the right object.
func TestCallsAreRefused(t *testing.T) {
	t.Parallel()
	c, j := judged(t)
	for _, d := range decisions() {
		switch d.action { // prepare what the call needs
		case authorizationpb.Action_START_MAINTENANCE:
			obeyed(t, c, &masterpb.Call{UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: window(judgedMachine)}})
		case authorizationpb.Action_STOP_MAINTENANCE:
			obeyed(t, c, &masterpb.Call{StartMaintenance: &masterpb.Call_StartMaintenance{Machines: []*mesospb.MachineID{judgedMachine}}})
		}
		j.Deny(d.action)
		d.call = typed(d.call)
		for _, media := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
			if media == mediatype.JSON && d.call.GetType() != masterpb.Call_GET_FLAGS {
				continue // they are written with the names of v0, which the API does not use
			}
			if answer, _ := ask(t, c, media, d.call); answer.Status != http.StatusForbidden || string(answer.Body) != "403 Forbidden." {
				t.Errorf("%s without %s: %d %s", d.call.GetType(), d.action, answer.Status, answer.Body)
			}
		}
		if !wasAsked(j, d.about) {
			t.Errorf("%s asks about %v", d.call.GetType(), j.About())
		}
		j.Deny(authorizationpb.Action_UNKNOWN)
	}
}

// The endpoints that are older than the operator API ask the authorizer the same.
func TestEndpointsRefuse(t *testing.T) {
	t.Parallel()
	c, j := judged(t)
	machines := fmt.Sprintf(`[{"hostname":"%s","ip":"%s"}]`, judgedMachine.GetHostname(), judgedMachine.GetIp())
	schedule := `{"windows":[{"machine_ids":` + machines + `,"unavailability":{"start":{"nanoseconds":1}}}]}`
	const resources = `[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"role":"dev","reservation":{}}]`
	volume := func(id string) string {
		return `[{"name":"disk","type":"SCALAR","scalar":{"value":8},"role":"dev","reservation":{},"disk":{"persistence":{"id":"` + id + `"},"volume":{"mode":"RW","container_path":"v"}}}]`
	}
	for _, r := range []struct {
		method, path, body string
		action             authorizationpb.Action
	}{
		{"GET", "/flags", "", authorizationpb.Action_VIEW_FLAGS},
		{"POST", "/teardown", "frameworkId=" + mastertest.ID + "-0000", authorizationpb.Action_TEARDOWN_FRAMEWORK},
		{"PUT", "/weights", `[{"role":"dev","weight":2}]`, authorizationpb.Action_UPDATE_WEIGHT},
		{"POST", "/quota", `{"role":"dev","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}`, authorizationpb.Action_UPDATE_QUOTA},
		{"POST", "/reserve", "slaveId=" + judgedAgent.GetValue() + "&resources=" + resources, authorizationpb.Action_RESERVE_RESOURCES},
		{"POST", "/unreserve", "slaveId=" + judgedAgent.GetValue() + "&resources=" + resources, authorizationpb.Action_UNRESERVE_RESOURCES},
		{"POST", "/create-volumes", "slaveId=" + judgedAgent.GetValue() + "&volumes=" + volume("new"), authorizationpb.Action_CREATE_VOLUME},
		{"POST", "/destroy-volumes", "slaveId=" + judgedAgent.GetValue() + "&volumes=" + volume("v"), authorizationpb.Action_DESTROY_VOLUME},
		{"POST", "/maintenance/schedule", schedule, authorizationpb.Action_UPDATE_MAINTENANCE_SCHEDULE},
	} {
		j.Deny(r.action)
		if answer := c.Request(r.method, r.path, http.Header{}, []byte(r.body)); answer.Status != http.StatusForbidden {
			t.Errorf("%s %s without %s: %d %s", r.method, r.path, r.action, answer.Status, answer.Body)
		}
	}
	j.Deny(authorizationpb.Action_UNKNOWN)
	if answer := c.Post("/flags", nil, nil); answer.Status != http.StatusMethodNotAllowed {
		t.Errorf("POST /flags: %d", answer.Status)
	}
	for i, path := range []string{"/machine/down", "/machine/up"} {
		before := [][2]string{{"/maintenance/schedule", schedule}, {"/machine/down", machines}}[i]
		if answer := c.Post(before[0], http.Header{}, []byte(before[1])); answer.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", before[0], answer.Status, answer.Body)
		}
		j.Deny([]authorizationpb.Action{authorizationpb.Action_START_MAINTENANCE, authorizationpb.Action_STOP_MAINTENANCE}[i])
		if answer := c.Post(path, http.Header{}, []byte(machines)); answer.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
		j.Deny(authorizationpb.Action_UNKNOWN)
	}
}

// views lists what disappears, by endpoint or call, without the permission to see something.
var views = []struct {
	what   string
	hidden map[authorizationpb.Action]string
}{
	{"/state", map[authorizationpb.Action]string{
		authorizationpb.Action_VIEW_FLAGS:     "secret",
		authorizationpb.Action_VIEW_FRAMEWORK: "hidden-framework",
		authorizationpb.Action_VIEW_TASK:      "hidden-task hidden-past",
		authorizationpb.Action_VIEW_EXECUTOR:  `"executor_id":"hidden-executor","name":"","framework_id"`,
		authorizationpb.Action_VIEW_ROLE:      `"reserved_resources":{"dev"`,
	}},
	{"/state-summary", map[authorizationpb.Action]string{
		authorizationpb.Action_VIEW_FRAMEWORK: "hidden-framework",
		authorizationpb.Action_VIEW_ROLE:      `"reserved_resources":{"dev"`,
	}},
	{"/frameworks", map[authorizationpb.Action]string{
		authorizationpb.Action_VIEW_FRAMEWORK: "hidden-framework",
		authorizationpb.Action_VIEW_TASK:      "hidden-task hidden-past",
		authorizationpb.Action_VIEW_EXECUTOR:  `"executor_id":"hidden-executor","name":"","framework_id"`,
	}},
	{"/tasks", map[authorizationpb.Action]string{
		authorizationpb.Action_VIEW_FRAMEWORK: "hidden-task hidden-past",
		authorizationpb.Action_VIEW_TASK:      "hidden-task hidden-past",
	}},
	{"/slaves", map[authorizationpb.Action]string{
		authorizationpb.Action_VIEW_ROLE: `"reserved_resources":{"dev" "reserved_resources_full":{"dev" "role":"dev"`,
	}},
	{"/roles", map[authorizationpb.Action]string{authorizationpb.Action_VIEW_ROLE: `"dev"`}},
	{"/weights", map[authorizationpb.Action]string{authorizationpb.Action_VIEW_ROLE: `"dev"`}},
	{"/maintenance/schedule", map[authorizationpb.Action]string{authorizationpb.Action_GET_MAINTENANCE_SCHEDULE: "10.0.0.2"}},
	{"/maintenance/status", map[authorizationpb.Action]string{authorizationpb.Action_GET_MAINTENANCE_STATUS: "10.0.0.2"}},

	{"GET_STATE", map[authorizationpb.Action]string{
		authorizationpb.Action_VIEW_FRAMEWORK: "hidden-framework hidden-task",
		authorizationpb.Action_VIEW_TASK:      "hidden-task hidden-past",
		authorizationpb.Action_VIEW_EXECUTOR:  `"executor_info"`,
		authorizationpb.Action_VIEW_ROLE:      `"reservations"`, // the roles of tasks' resources are shown, as in Mesos
	}},
	{"GET_FRAMEWORKS", map[authorizationpb.Action]string{authorizationpb.Action_VIEW_FRAMEWORK: "hidden-framework"}},
	{"GET_EXECUTORS", map[authorizationpb.Action]string{
		authorizationpb.Action_VIEW_FRAMEWORK: "hidden-executor",
		authorizationpb.Action_VIEW_EXECUTOR:  "hidden-executor",
	}},
	{"GET_TASKS", map[authorizationpb.Action]string{
		authorizationpb.Action_VIEW_FRAMEWORK: "hidden-task hidden-past",
		authorizationpb.Action_VIEW_TASK:      "hidden-task hidden-past",
	}},
	{"GET_OPERATIONS", map[authorizationpb.Action]string{authorizationpb.Action_VIEW_ROLE: `"DESTROY" "role":"dev"`}},
	{"GET_AGENTS", map[authorizationpb.Action]string{authorizationpb.Action_VIEW_ROLE: `"role":"dev"`}},
	{"GET_ROLES", map[authorizationpb.Action]string{authorizationpb.Action_VIEW_ROLE: `"dev"`}},
	{"GET_WEIGHTS", map[authorizationpb.Action]string{authorizationpb.Action_VIEW_ROLE: `"dev"`}},
	{"GET_MAINTENANCE_SCHEDULE", map[authorizationpb.Action]string{authorizationpb.Action_GET_MAINTENANCE_SCHEDULE: "10.0.0.2"}},
	{"GET_MAINTENANCE_STATUS", map[authorizationpb.Action]string{authorizationpb.Action_GET_MAINTENANCE_STATUS: "10.0.0.2"}},
}

// No answer contains what the caller may not see. The rest does not change.
func TestViewsAreFiltered(t *testing.T) {
	t.Parallel()
	c, j := judged(t)
	obeyed(t, c, &masterpb.Call{UpdateMaintenanceSchedule: &masterpb.Call_UpdateMaintenanceSchedule{Schedule: window(judgedMachine)}})
	obeyed(t, c, &masterpb.Call{UpdateWeights: &masterpb.Call_UpdateWeights{
		WeightInfos: []*mesospb.WeightInfo{{Role: proto.String("dev"), Weight: proto.Float64(2)}},
	}})
	destroy := &masterpb.Call{Type: masterpb.Call_DESTROY_VOLUMES.Enum(), DestroyVolumes: &masterpb.Call_DestroyVolumes{
		SlaveId: judgedAgent, Volumes: []*mesospb.Resource{judgedVolume()},
	}}
	if answer, _ := ask(t, c, mediatype.Protobuf, destroy); answer.Status != http.StatusAccepted {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	look := func(what string, media mediatype.Type) string {
		if strings.HasPrefix(what, "/") {
			return string(c.Get(what).Body)
		}
		header := http.Header{"Content-Type": {mediatype.JSON.String()}, "Accept": {media.String()}}
		answer := c.Post("/api/v1", header, []byte(`{"type":"`+what+`"}`))
		if answer.Status != http.StatusOK {
			t.Errorf("%s: %d %s", what, answer.Status, answer.Body)
		}
		return string(answer.Body)
	}
	for _, view := range views {
		for action, hidden := range view.hidden {
			all := look(view.what, mediatype.JSON)
			j.Deny(action)
			rest, binary := look(view.what, mediatype.JSON), look(view.what, mediatype.Protobuf)
			j.Deny(authorizationpb.Action_UNKNOWN)
			for text := range strings.FieldsSeq(hidden) {
				if !strings.Contains(all, text) {
					t.Errorf("%s has no %s: %s", view.what, text, all)
				}
				if strings.Contains(rest, text) || !strings.ContainsAny(text, `":`) && strings.Contains(binary, text) {
					t.Errorf("%s without %s shows %s: %s", view.what, action, text, rest)
				}
			}
			if look(view.what, mediatype.JSON) != all {
				t.Errorf("%s is not what it was before", view.what)
			}
		}
	}
}

// Sums cover the whole cluster, whatever the caller may see.
func TestSumsAreNotFiltered(t *testing.T) {
	t.Parallel()
	c, j := judged(t)
	j.Deny(authorizationpb.Action_VIEW_TASK)
	for _, path := range []string{"/state", "/frameworks", "/state-summary"} {
		if body := string(c.Get(path).Body); !strings.Contains(body, `"used_resources":{"disk":0.0,"mem":0.0,"gpus":0.0,"cpus":1.0}`) {
			t.Errorf("%s: %s", path, body)
		}
	}
	if body := string(c.Get("/state-summary").Body); !strings.Contains(body, `"TASK_RUNNING":1`) {
		t.Error(body)
	}
}

// A subscriber gets only events about what it may see.
func TestEventsAreFiltered(t *testing.T) {
	t.Parallel()
	for action, want := range map[authorizationpb.Action][]string{
		authorizationpb.Action_UNKNOWN: {
			"SUBSCRIBED 1 agents 1 frameworks 1 tasks", "FRAMEWORK_ADDED 0001", "TASK_UPDATED hidden-task TASK_KILLED TASK_KILLED",
			"FRAMEWORK_REMOVED 0000", "AGENT_ADDED S1",
		},
		authorizationpb.Action_VIEW_FRAMEWORK: {"SUBSCRIBED 1 agents 0 frameworks 0 tasks", "AGENT_ADDED S1"},
		authorizationpb.Action_VIEW_TASK: {
			"SUBSCRIBED 1 agents 1 frameworks 0 tasks", "FRAMEWORK_ADDED 0001", "FRAMEWORK_REMOVED 0000", "AGENT_ADDED S1",
		},
	} {
		c, j := judged(t)
		j.Deny(action)
		follower := follow(t, c, mediatype.Protobuf)
		c.Scheduler("g", "10.0.0.4:6000", mastertest.Framework())
		f := &mesospb.FrameworkID{Value: proto.String(mastertest.ID + "-0000")}
		obeyed(t, c, &masterpb.Call{Teardown: &masterpb.Call_Teardown{FrameworkId: f}})
		c.Agent("another", "10.0.0.5:5051")
		follower.expect(want...)
	}
}

// The table above covers every call.
func TestEveryCallIsJudged(t *testing.T) {
	t.Parallel()
	known := map[string]string{
		"UNKNOWN":           "is none",
		"GET_HEALTH":        "is for everybody",
		"GET_VERSION":       "is for everybody",
		"GET_METRICS":       "is for everybody",
		"GET_LOGGING_LEVEL": "is for everybody",
		"GET_MASTER":        "is for everybody",
		"LIST_FILES":        "is decided where the file was attached",
		"READ_FILE":         "is decided where the file was attached",
		"GET_QUOTA":         "is tested with quotas",
		"REMOVE_QUOTA":      "is tested with quotas",
		"SUBSCRIBE":         "is tested with its events",
	}
	for _, v := range views {
		known[v.what] = "is filtered"
	}
	for _, d := range decisions() {
		name := d.call.GetType().String()
		if d.call.Type == nil {
			name = typeOf(d.call)
		}
		known[name] = "is refused"
	}
	for _, name := range masterpb.Call_Type_name {
		if known[name] == "" {
			t.Errorf("%s", name)
		}
	}
}
