package validate_test

import (
	"testing"

	"meseta/messages/evolve"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/slave/validate"
)

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Errors about calls of the agent API use Mesos's words.
func TestAgentCall(t *testing.T) {
	t.Parallel()
	nested := func(more string) string {
		return `{"type":"LAUNCH_NESTED_CONTAINER","launch_nested_container":{"container_id":{"value":"c","parent":{"value":"p"}}` + more + `}}`
	}
	launch := func(id, more string) string {
		return `{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":` + id + more + `}}`
	}
	variable := func(v string) string {
		return nested(`,"command":{"environment":{"variables":[{"name":"V",` + v + `}]}}`)
	}
	volume := func(v string) string {
		return nested(`,"container":{"type":"MESOS","volumes":[{"mode":"RW","container_path":"v"` + v + `}]}`)
	}
	const (
		command   = "'launch_nested_container.command' is invalid: Environment variable "
		container = "'launch_nested_container.container' is invalid: "
		alone     = `{"value":"c"}`
		twice     = `{"value":"c","parent":{"value":"p","parent":{"value":"r"}}}`
	)
	for name, c := range map[string]struct{ call, want string }{
		"fine":                   {nested(`,"command":{"value":"true"}`), ""},
		"no type":                {`{}`, "Expecting 'type' to be present"},
		"no container":           {`{"type":"KILL_CONTAINER"}`, "Expecting 'kill_container' to be present"},
		"no parent":              {`{"type":"KILL_NESTED_CONTAINER","kill_nested_container":{"container_id":{"value":"c"}}}`, "Expecting 'kill_nested_container.container_id.parent' to be present"},
		"empty id":               {launch(`{"value":""}`, ""), "'launch_container.container_id' is invalid: ID must not be empty"},
		"parent's id":            {launch(`{"value":"c","parent":{"value":".."}}`, ""), "'launch_container.container_id' is invalid: 'ContainerID.parent' is invalid: '..' is disallowed"},
		"variable without value": {variable(`"type":"VALUE"`), command + "'V' of type 'VALUE' must have a value set"},
		"secret for value":       {variable(`"type":"VALUE","value":"x","secret":{"type":"VALUE"}`), command + "'V' of type 'VALUE' must not have a secret set"},
		"no secret":              {variable(`"type":"SECRET"`), command + "'V' of type 'SECRET' must have a secret set"},
		"bad secret":             {variable(`"type":"SECRET","secret":{"type":"REFERENCE"}`), command + "'V' specifies an invalid secret: Secret of type REFERENCE must have the 'reference' field set"},
		"NUL in secret":          {variable(`"type":"SECRET","secret":{"type":"VALUE","value":{"data":"AA=="}}`), command + "'V' specifies a secret containing null bytes, which is not allowed in the environment"},
		"volume of nothing":      {volume(``), container + "Invalid volume: Only one of them should be set: 'host_path', 'image' and 'source'"},
		"unknown volume":         {volume(`,"source":{}`), container + "Invalid volume: 'source.type' is unknown"},
		"volume without source":  {volume(`,"source":{"type":"SANDBOX_PATH"}`), container + "Invalid volume: 'source.sandbox_path' is not set for SANDBOX_PATH volume"},
		"CSI":                    {volume(`,"source":{"type":"CSI_VOLUME","csi_volume":{"plugin_name":"p"}}`), container + "Invalid volume: 'source.csi_volume.static_provisioning' is not set for CSI volume"},
		"no docker":              {nested(`,"container":{"type":"DOCKER"}`), container + "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"},
		"docker's name":          {nested(`,"container":{"type":"DOCKER","docker":{"image":"i","parameters":[{"key":"name","value":"x"}]}}`), container + "Parameter in DockerInfo must not be 'name'"},
		"half a gpu":             {launch(alone, `,"resources":[{"name":"gpus","type":"SCALAR","scalar":{"value":0.5}}]`), "Invalid GPU resources: The 'gpus' resource must be an unsigned integer"},
		"reserved, alone":        {launch(alone, `,"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"role":"ads"}]`), "'launch_container.resources' must be unreserved"},
		"resources, twice":       {launch(twice, `,"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]`), "'launch_container' is invalid: containers nested at the second level or greater cannot specify resources"},
		"limits, twice":          {launch(twice, `,"limits":{"cpus":{"value":1}}`), "'launch_container' is invalid: containers nested at the second level or greater cannot specify resource limits"},
		"cgroup, twice":          {launch(twice, `,"container":{"type":"MESOS","linux_info":{"share_cgroups":false}}`), "'launch_container' is invalid: containers nested at the second level or greater cannot set 'share_cgroups' to 'false'"},
		"cgroup, alone":          {launch(alone, `,"container":{"type":"MESOS","linux_info":{"share_cgroups":true}}`), "'launch_container' is invalid: containers without a parent cannot set 'share_cgroups' to 'true'"},
		"cgroup of a session":    {`{"type":"LAUNCH_NESTED_CONTAINER_SESSION","launch_nested_container_session":{"container_id":{"value":"c","parent":{"value":"p"}},"container":{"type":"MESOS","linux_info":{"share_cgroups":false}}}}`, "'launch_nested_container_session.container.linux_info' is invalid: 'share_cgroups' cannot be set to 'false' for nested container sessions"},
		"unknown input":          {`{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"UNKNOWN"}}`, "'attach_container_input.type' is unknown"},
		"provider with an id":    {`{"type":"ADD_RESOURCE_PROVIDER_CONFIG","add_resource_provider_config":{"info":{"id":{"value":"x"},"type":"t","name":"n"}}}`, "Expecting 'add_resource_provider_config.info.id' to be unset"},
	} {
		v1 := &agentv1pb.Call{}
		if err := mesosjson.Unmarshal([]byte(c.call), v1); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := text(validate.AgentCall(evolve.Devolve[agentpb.Call](v1))); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// Errors about calls of executors use Mesos's words.
func TestExecutorCall(t *testing.T) {
	t.Parallel()
	const from = `"executor_id":{"value":"x"},"framework_id":{"value":"f"}`
	update := func(more string) string {
		return `{"type":"UPDATE",` + from + `,"update":{"status":{"task_id":{"value":"t"},"uuid":"AAAAAAAAQACAAAAAAAAAAA==",` + more + `}}}`
	}
	const running = `"source":"SOURCE_EXECUTOR","state":"TASK_RUNNING"`
	for name, c := range map[string]struct{ call, want string }{
		"fine":             {update(running), ""},
		"no type":          {`{` + from + `}`, "Expecting 'type' to be present"},
		"no subscribe":     {`{"type":"SUBSCRIBE",` + from + `}`, "Expecting 'subscribe' to be present"},
		"no message":       {`{"type":"MESSAGE",` + from + `}`, "Expecting 'message' to be present"},
		"no update":        {`{"type":"UPDATE",` + from + `}`, "Expecting 'update' to be present"},
		"no uuid":          {`{"type":"UPDATE",` + from + `,"update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING"}}}`, "Expecting 'uuid' to be present"},
		"executor of":      {update(running + `,"executor_id":{"value":"y"}`), "ExecutorID in Call: x does not match ExecutorID in TaskStatus: y"},
		"source":           {update(`"state":"TASK_RUNNING","source":"SOURCE_MASTER"`), "Received Call from executor x of framework f with invalid source, expecting 'SOURCE_EXECUTOR'"},
		"staging":          {update(`"source":"SOURCE_EXECUTOR","state":"TASK_STAGING"`), "Received TASK_STAGING from executor x of framework f which is not allowed"},
		"no type of check": {update(running + `,"check_status":{}`), "CheckStatusInfo must specify 'type'"},
		"unknown check":    {update(running + `,"check_status":{"type":"UNKNOWN"}`), "'UNKNOWN' is not a valid check's status type"},
		"empty check":      {update(running + `,"check_status":{"type":"TCP"}`), "Expecting 'tcp' to be set for TCP check's status"},
	} {
		v1 := &executorv1pb.Call{}
		if err := mesosjson.Unmarshal([]byte(c.call), v1); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := text(validate.ExecutorCall(evolve.Devolve[executorpb.Call](v1))); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
