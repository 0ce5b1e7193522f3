package blackbox

// The realms of the endpoints.
const (
	masterReads, masterWrites, schedulers = "mesos-master-readonly", "mesos-master-readwrite", "mesos-master-scheduler"
	agentReads, agentWrites, byExecutors  = "mesos-agent-readonly", "mesos-agent-readwrite", "mesos-agent-executor"
)

const nothing = "403 " + bare // as package files refuses

// ofBoth are the rows that master and agent share, in the realms of one of them.
func ofBoth(reads, writes, log string) []access {
	return []access{
		{"GET /help", "", "", "", "200"},
		{"GET /help/logging", "", "", "", "200"},
		{"GET /__processes__", "", "", "", "200"},
		{"GET /health", "", "", "", "200"},
		{"GET /version", "", "", "", "200"},
		{"GET /system/stats.json", "", "", "", "200"},
		{"GET /nosuch", "", "", "", "404 404 Not Found."},

		{"GET /flags", "", reads, "403", "200"},
		{"POST /flags", "", reads, "405 'GET'", "405 'GET'"},
		{"GET /state", "", reads, "200", "200"},
		{"GET /files/browse?path=" + log, "", reads, nothing, "200"},
		{"GET /files/read?offset=0&path=" + log, "", reads, nothing, "200"},
		{"GET /files/download?path=" + log, "", reads, nothing, "200"},
		{"GET /files/debug", "", reads, nothing, "200"},
		{"GET /metrics", "", reads, "403", "200"},
		{"GET /metrics/snapshot", "", reads, "403", "200"},
		{"GET /trace", "", reads, "403", "200"},
		{"GET /trace/actors", "", reads, "403", "200"},
		{"POST /trace", "", reads, "403", "405 'GET'"},

		{"GET /logging/toggle", "", writes, "403", "200"},
		{"POST /logging/toggle?level=0&duration=1ms", "", writes, "403", "200"},
		{"GET /profiler/start", "", writes, "400", "400"},
		{"GET /profiler/stop", "", writes, "400", "400"},
		{"GET /memory-profiler/state", "", writes, "200", "200"},
		{"GET /memory-profiler/statistics", "", writes, "200", "200"},
		{"GET /memory-profiler/download/raw", "", writes, "400", "400"},
		{"GET /memory-profiler/download/text", "", writes, "400", "400"},
		{"GET /memory-profiler/download/graph", "", writes, "400", "400"},
		{"GET /memory-profiler/start", "", writes, "200 Successfully started", "200 already active"}, // no authorizer is asked, as in Mesos
		{"GET /memory-profiler/stop", "", writes, "200", "200"},
		{"POST /trace/record?events=1000", "", writes, "403", "200"},
		{"POST /trace/save", "", writes, "403", "200"},
		{"GET /trace/save", "", writes, "403", "405 'POST'"},
		{"GET /api/v1", "", writes, "405 'POST'", "405 'POST'"},

		{"call UNKNOWN", "", writes, "501", "501"},
		{"call GET_HEALTH", "", writes, "200", "200"},
		{"call GET_FLAGS", "", writes, "403", "200"},
		{"call GET_VERSION", "", writes, "200", "200"},
		{"call GET_METRICS", `"get_metrics":{}`, writes, "200", "200"},
		{"call GET_LOGGING_LEVEL", "", writes, "200", "200"},
		{"call SET_LOGGING_LEVEL", `"set_logging_level":{"level":0,"duration":{"nanoseconds":1000000}}`, writes, "403", "200"},
		{"call LIST_FILES", `"list_files":{"path":"` + log + `"}`, writes, nothing, "200"},
		{"call READ_FILE", `"read_file":{"offset":0,"path":"` + log + `"}`, writes, nothing, "200"},
		{"call GET_STATE", "", writes, "200", "200"},
		{"call GET_FRAMEWORKS", "", writes, "200", "200"},
		{"call GET_EXECUTORS", "", writes, "200", "200"},
		{"call GET_OPERATIONS", "", writes, "200", "200"},
		{"call GET_TASKS", "", writes, "200", "200"},
	}
}

// masterAccess are the endpoints and calls of a master.
var masterAccess = append(ofBoth(masterReads, masterWrites, "/master/log"), []access{
	{"GET /redirect", "", "", "", "307"},

	{"GET /state-summary", "", masterReads, "200", "200"},
	{"GET /slaves", "", masterReads, "200", "200"},
	{"GET /frameworks", "", masterReads, "200", "200"},
	{"GET /tasks", "", masterReads, "200", "200"},
	{"GET /roles", "", masterReads, "200", "200"},
	{"GET /registrar(1)/registry", "", masterReads, "200", "200"},
	{"GET /allocator/offer_constraints_debug", "", masterReads, "200", "200"},
	{"GET /maintenance/status", "", masterReads, "200", "200"},

	{"GET /weights", "", masterWrites, "200", "200"},
	{"PUT /weights", `[{"role":"red","weight":2}]`, masterWrites, "403", "200"},
	{"GET /quota", "", masterWrites, "200", "200"},
	{"POST /quota", `{"role":"blue","force":true,"guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}}]}`, masterWrites, "403", "200"},
	{"DELETE /quota/blue", "", masterWrites, "403", "200"},
	{"PUT /quota", "", masterWrites, "405 'GET', 'POST', 'DELETE'", "405 'GET', 'POST', 'DELETE'"},
	{"GET /maintenance/schedule", "", masterWrites, "200", "200"},
	{"POST /maintenance/schedule", `{"windows":[{"machine_ids":[{"hostname":"m1"}],"unavailability":{"start":{"nanoseconds":1}}}]}`, masterWrites, "403", "200"},
	{"POST /machine/down", `[{"hostname":"m1"}]`, masterWrites, "403", "200"},
	{"POST /machine/up", `[{"hostname":"m1"}]`, masterWrites, "403", "200"},
	{"GET /machine/up", "", masterWrites, "405 'POST'", "405 'POST'"},
	{"POST /reserve", "slaveId={agent}&resources=[{reserved}]", masterWrites, "403", "202"},
	{"POST /unreserve", "slaveId={agent}&resources=[{reserved}]", masterWrites, "403", "202"},
	{"GET /unreserve", "", masterWrites, "405 'POST'", "405 'POST'"},
	{"POST /reserve", "slaveId={agent}&resources=[{disk}]", masterWrites, "403", "202"},
	{"POST /create-volumes", "slaveId={agent}&volumes=[{volume}]", masterWrites, "403", "202"},
	{"POST /destroy-volumes", "slaveId={agent}&volumes=[{volume}]", masterWrites, "403", "202"},
	{"POST /teardown", "frameworkId={second}", masterWrites, "403", "200"},
	{"GET /teardown", "", masterWrites, "405 'POST'", "405 'POST'"},

	{"call SUBSCRIBE", "", masterWrites, "200", "200"},
	{"call GET_AGENTS", "", masterWrites, "200", "200"},
	{"call GET_ROLES", "", masterWrites, "200", "200"},
	{"call GET_WEIGHTS", "", masterWrites, "200", "200"},
	{"call GET_MASTER", "", masterWrites, "200", "200"},
	{"call GET_QUOTA", "", masterWrites, "200", "200"},
	{"call GET_MAINTENANCE_STATUS", "", masterWrites, "200", "200"},
	{"call GET_MAINTENANCE_SCHEDULE", "", masterWrites, "200", "200"},
	{"call UPDATE_WEIGHTS", `"update_weights":{"weight_infos":[{"role":"red","weight":3}]}`, masterWrites, "403", "200"},
	{"call SET_QUOTA", `"set_quota":{"quota_request":{"role":"blue","force":true,"guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}}]}}`, masterWrites, "403", "200"},
	{"call REMOVE_QUOTA", `"remove_quota":{"role":"blue"}`, masterWrites, "403", "200"},
	{"call UPDATE_QUOTA", `"update_quota":{"quota_configs":[{"role":"blue","limits":{"cpus":{"value":4}}}]}`, masterWrites, "403", "200"},
	{"call UPDATE_MAINTENANCE_SCHEDULE", `"update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"m1"}],"unavailability":{"start":{"nanoseconds":1}}}]}}`, masterWrites, "403", "200"},
	{"call START_MAINTENANCE", `"start_maintenance":{"machines":[{"hostname":"m1"}]}`, masterWrites, "403", "200"},
	{"call STOP_MAINTENANCE", `"stop_maintenance":{"machines":[{"hostname":"m1"}]}`, masterWrites, "403", "200"},
	{"call RESERVE_RESOURCES", `"reserve_resources":{"agent_id":{"value":"{agent}"},"resources":[{reserved}]}`, masterWrites, "403", "202"},
	{"call UNRESERVE_RESOURCES", `"unreserve_resources":{"agent_id":{"value":"{agent}"},"resources":[{reserved}]}`, masterWrites, "403", "202"},
	{"call CREATE_VOLUMES", `"create_volumes":{"agent_id":{"value":"{agent}"},"volumes":[{other}]}`, masterWrites, "403", "202"},
	{"call GROW_VOLUME", `"grow_volume":{"agent_id":{"value":"{agent}"},"volume":{other},"addition":{more}}`, masterWrites, "403", "202"},
	{"call SHRINK_VOLUME", `"shrink_volume":{"agent_id":{"value":"{agent}"},"volume":{grown},"subtract":{"value":8}}`, masterWrites, "403", "202"},
	{"call DESTROY_VOLUMES", `"destroy_volumes":{"agent_id":{"value":"{agent}"},"volumes":[{other}]}`, masterWrites, "403", "202"},
	{"call DRAIN_AGENT", `"drain_agent":{"agent_id":{"value":"nosuch"}}`, masterWrites, "403", "400"},
	{"call DEACTIVATE_AGENT", `"deactivate_agent":{"agent_id":{"value":"nosuch"}}`, masterWrites, "403", "400"},
	{"call REACTIVATE_AGENT", `"reactivate_agent":{"agent_id":{"value":"nosuch"}}`, masterWrites, "403", "400"},
	{"call MARK_AGENT_GONE", `"mark_agent_gone":{"agent_id":{"value":"nosuch"}}`, masterWrites, "403", "404"},
	{"call TEARDOWN", `"teardown":{"framework_id":{"value":"{third}"}}`, masterWrites, "403", "200"},

	{"GET /api/v1/scheduler", "", schedulers, "405 'POST'", "405 'POST'"},
	{"call SUBSCRIBE", `"subscribe":{"framework_info":{"user":"root","name":"s","roles":["red"],"capabilities":[{"type":"MULTI_ROLE"}]}}`, schedulers, "200 Not authorized to register framework", "200 SUBSCRIBED"},
	{"call UNKNOWN", ofFramework, schedulers, "400 does not match principal 'op'", "501"},
	{"call ACCEPT", ofFramework + `,"accept":{"offer_ids":[]}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call DECLINE", ofFramework + `,"decline":{"offer_ids":[]}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call ACCEPT_INVERSE_OFFERS", ofFramework + `,"accept_inverse_offers":{"inverse_offer_ids":[]}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call DECLINE_INVERSE_OFFERS", ofFramework + `,"decline_inverse_offers":{"inverse_offer_ids":[]}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call REVIVE", ofFramework, schedulers, "400 does not match principal 'op'", "202"},
	{"call SUPPRESS", ofFramework, schedulers, "400 does not match principal 'op'", "202"},
	{"call KILL", ofFramework + `,"kill":{"task_id":{"value":"nosuch"}}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call SHUTDOWN", ofFramework + `,"shutdown":{"executor_id":{"value":"nosuch"},"agent_id":{"value":"{agent}"}}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call ACKNOWLEDGE", ofFramework + `,"acknowledge":{"agent_id":{"value":"{agent}"},"task_id":{"value":"nosuch"},"uuid":"MTIzNDU2Nzg5MDEyMzQ1Ng=="}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call ACKNOWLEDGE_OPERATION_STATUS", ofFramework + `,"acknowledge_operation_status":{"agent_id":{"value":"{agent}"},"operation_id":{"value":"o"},"uuid":"MTIzNDU2Nzg5MDEyMzQ1Ng=="}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call RECONCILE", ofFramework + `,"reconcile":{}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call RECONCILE_OPERATIONS", ofFramework + `,"reconcile_operations":{}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call MESSAGE", ofFramework + `,"message":{"agent_id":{"value":"{agent}"},"executor_id":{"value":"nosuch"},"data":"eA=="}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call REQUEST", ofFramework + `,"request":{"requests":[]}`, schedulers, "400 does not match principal 'op'", "202"},
	{"call UPDATE_FRAMEWORK", ofFramework + `,"update_framework":{"framework_info":{"id":{"value":"{framework}"},"user":"root","principal":"op","name":"f","roles":["red"],"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"}]}}`, schedulers, "400 does not match principal 'op'", "200"},
	{"call TEARDOWN", ofFramework, schedulers, "400 does not match principal 'op'", "202"},
}...)

const ofFramework = `"framework_id":{"value":"{framework}"}`

// agentAccess are the endpoints and calls of an agent.
var agentAccess = append(ofBoth(agentReads, agentWrites, "/slave/log"), []access{
	{"GET /containers", "", agentReads, "403", "200"},
	{"GET /monitor/statistics", "", agentReads, "403", "200"},
	{"GET /containerizer/debug", "", agentReads, "403", "200"},
	{"POST /containerizer/debug", "", agentReads, "405 'GET'", "405 'GET'"},
	{"GET /files/browse?path={sandbox}", "", agentReads, nothing, "200"},
	{"GET /files/read?offset=0&path={sandbox}/stderr", "", agentReads, nothing, "200"},
	{"GET /files/download?path={sandbox}/stderr", "", agentReads, nothing, "200"},

	{"call LIST_FILES", `"list_files":{"path":"{sandbox}"}`, agentWrites, nothing, "200"},
	{"call READ_FILE", `"read_file":{"offset":0,"path":"{sandbox}/stderr"}`, agentWrites, nothing, "200"},
	{"call GET_AGENT", "", agentWrites, "200", "200"},
	{"call GET_CONTAINERS", "", agentWrites, "200", "200"},
	{"call GET_RESOURCE_PROVIDERS", "", agentWrites, "200", "200"},
	{"call LAUNCH_NESTED_CONTAINER", `"launch_nested_container":{` + nestedContainer + `,"command":{"value":"sleep 1000"}}`, agentWrites, "403", "200"},
	{"call KILL_NESTED_CONTAINER", `"kill_nested_container":{` + nestedContainer + `}`, agentWrites, "403", "200"},
	{"call WAIT_NESTED_CONTAINER", `"wait_nested_container":{` + nestedContainer + `}`, agentWrites, "403", "200"},
	{"call REMOVE_NESTED_CONTAINER", `"remove_nested_container":{` + nestedContainer + `}`, agentWrites, "403", "200"},
	{"call LAUNCH_NESTED_CONTAINER_SESSION", `"launch_nested_container_session":{"container_id":{"value":"s","parent":{"value":"{container}"}},"command":{"value":"echo hello; sleep 1000"}}`, agentWrites, "403", "200"},
	{"call ATTACH_CONTAINER_INPUT", `"attach_container_input":{"type":"CONTAINER_ID","container_id":{"value":"s","parent":{"value":"{container}"}}}`, agentWrites, "403", "200"},
	{"call ATTACH_CONTAINER_OUTPUT", `"attach_container_output":{"container_id":{"value":"{container}"}}`, agentWrites, "403", "500 I/O switchboard"},
	{"call LAUNCH_CONTAINER", `"launch_container":{` + standalone + `,"command":{"value":"sleep 1000"}}`, agentWrites, "403", "200"},
	{"call KILL_CONTAINER", `"kill_container":{` + standalone + `}`, agentWrites, "403", "200"},
	{"call WAIT_CONTAINER", `"wait_container":{` + standalone + `}`, agentWrites, "403", "200|404"}, // it may have ended
	{"call REMOVE_CONTAINER", `"remove_container":{` + standalone + `}`, agentWrites, "403", "200"},
	{"call PRUNE_IMAGES", `"prune_images":{}`, agentWrites, "403", "200"},
	{"call ADD_RESOURCE_PROVIDER_CONFIG", `"add_resource_provider_config":{"info":{"type":"t","name":"n"}}`, agentWrites, "403", "400"},
	{"call UPDATE_RESOURCE_PROVIDER_CONFIG", `"update_resource_provider_config":{"info":{"type":"t","name":"n"}}`, agentWrites, "403", "400"},
	{"call REMOVE_RESOURCE_PROVIDER_CONFIG", `"remove_resource_provider_config":{"type":"t","name":"n"}`, agentWrites, "403", "500"},
	{"call MARK_RESOURCE_PROVIDER_GONE", `"mark_resource_provider_gone":{"resource_provider_id":{"value":"p"}}`, agentWrites, "403", "200"},

	{"GET /api/v1/executor", "", byExecutors, "405 'POST'", "405 'POST'"},
	{"call SUBSCRIBE", ofExecutor + `,"subscribe":{}`, byExecutors, "403 does not contain an 'eid' claim", "200 SUBSCRIBED"},
	{"call UPDATE", ofExecutor + `,"update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING","source":"SOURCE_EXECUTOR","uuid":"MTIzNDU2Nzg5MDEyMzQ1Ng=="}}`, byExecutors, "403 does not contain an 'eid' claim", "202"},
	{"call MESSAGE", ofExecutor + `,"message":{"data":"eA=="}`, byExecutors, "403 does not contain an 'eid' claim", "202"},
	{"call HEARTBEAT", ofExecutor, byExecutors, "202", "202"}, // which is not compared with the claims, as in Mesos
	{"call UNKNOWN", ofExecutor, byExecutors, "403 does not contain an 'eid' claim", "501"},
}...)

const (
	nestedContainer = `"container_id":{"value":"n","parent":{"value":"{container}"}}`
	standalone      = `"container_id":{"value":"alone"}`
	ofExecutor      = ofFramework + `,"executor_id":{"value":"x"}`
)
