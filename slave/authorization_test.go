package slave_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer/authorizertest"
	"meseta/actors/files"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/recordio"
)

// judged is an agent that runs one task, of which all names begin with hidden, and has something reserved for dev, and an
// operation that has made a volume for dev.
func judged(t *testing.T) (*world, *authorizertest.Judge) {
	j := &authorizertest.Judge{}
	w := newWorld(t, func(w *world) {
		w.config.Authorizer, w.m.Forgetful = j, true
		w.config.Resources = "cpus:4;mem:4096;disk:8192;cpus(dev):2"
		w.config.Flags = map[string]string{"log_dir": "/secret"}
		w.early = func() {
			if _, err := files.Spawn(w.agentNode, "", nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	f := framework(func(f *mesospb.FrameworkInfo) { f.Name = proto.String("hidden-framework") })
	run := custom("hidden-task", true, f)
	w.say(run)
	const disk = `name: "disk" type: SCALAR scalar { value: 8 } reservations { type: DYNAMIC role: "dev" }`
	w.apply(1, operation(t, `type: RESERVE reserve { resources { `+disk+` } }`), operation(t,
		`type: CREATE create { volumes { `+disk+` disk { persistence { id: "hidden-volume" } volume { mode: RW container_path: "data" } } } }`))
	return w, j
}

func (w *world) see(what, accept string) string {
	w.t.Helper()
	w.Advance(time.Second) // some may not be asked too often
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {accept}}
	r := w.ask("POST", "/slave(1)/api/v1", header, []byte(`{"type":"`+what+`"}`))
	if strings.HasPrefix(what, "/") {
		r = w.ask("GET", "/slave(1)"+what, nil, nil)
	}
	if r.Status != http.StatusOK {
		w.t.Errorf("%s: %d %s", what, r.Status, r.Body)
	}
	return string(r.Body)
}

// What a principal may not see is in no answer; the rest is.
func TestViewsAreFiltered(t *testing.T) {
	t.Parallel()
	w, j := judged(t)
	tasks := map[authorizationpb.Action]string{
		authorizationpb.Action_VIEW_FRAMEWORK: "hidden-task",
		authorizationpb.Action_VIEW_EXECUTOR:  "hidden-task",
		authorizationpb.Action_VIEW_TASK:      "hidden-task",
	}
	for what, hidden := range map[string]map[authorizationpb.Action]string{
		"/state": {
			authorizationpb.Action_VIEW_FLAGS:     "secret",
			authorizationpb.Action_VIEW_FRAMEWORK: "hidden-framework",
			authorizationpb.Action_VIEW_EXECUTOR:  "directory",
			authorizationpb.Action_VIEW_TASK:      "hidden-task",
			authorizationpb.Action_VIEW_ROLE:      `"dev"`,
		},
		"/containers": {authorizationpb.Action_VIEW_CONTAINER: "container_id"},
		"GET_STATE":   tasks,
		"GET_TASKS":   tasks,
		"GET_EXECUTORS": {
			authorizationpb.Action_VIEW_FRAMEWORK: "executor_id",
			authorizationpb.Action_VIEW_EXECUTOR:  "executor_id",
		},
		"GET_FRAMEWORKS": {authorizationpb.Action_VIEW_FRAMEWORK: "hidden-framework"},
		"GET_CONTAINERS": {authorizationpb.Action_VIEW_CONTAINER: "container_id"},
		"GET_OPERATIONS": {authorizationpb.Action_VIEW_ROLE: "hidden-volume"},
	} {
		for action, text := range hidden {
			all := w.see(what, "application/json")
			j.Deny(action)
			rest, binary := w.see(what, "application/json"), w.see(what, "application/x-protobuf")
			if !strings.Contains(all, text) {
				t.Errorf("%s has no %s: %s", what, text, all)
			}
			if strings.Contains(rest, text) || strings.Contains(binary, text) {
				t.Errorf("%s without %s shows %s: %s", what, action, text, rest)
			}
			j.Deny(authorizationpb.Action_UNKNOWN)
		}
	}
}

// judgedCalls are the calls that are refused without permission.
func judgedCalls(container string) map[string]authorizationpb.Action {
	nested := `"container_id":{"value":"c","parent":{"value":"` + container + `"}}`
	alone := `"container_id":{"value":"alone"}`
	provider := `"info":{"type":"t","name":"n"}`
	return map[string]authorizationpb.Action{
		`{"type":"GET_FLAGS"}`: authorizationpb.Action_VIEW_FLAGS,
		`{"type":"SET_LOGGING_LEVEL","set_logging_level":{"level":1,"duration":{"nanoseconds":1}}}`: authorizationpb.Action_SET_LOG_LEVEL,
		`{"type":"PRUNE_IMAGES"}`: authorizationpb.Action_PRUNE_IMAGES,

		`{"type":"ADD_RESOURCE_PROVIDER_CONFIG","add_resource_provider_config":{` + provider + `}}`:                   authorizationpb.Action_MODIFY_RESOURCE_PROVIDER_CONFIG,
		`{"type":"UPDATE_RESOURCE_PROVIDER_CONFIG","update_resource_provider_config":{` + provider + `}}`:             authorizationpb.Action_MODIFY_RESOURCE_PROVIDER_CONFIG,
		`{"type":"REMOVE_RESOURCE_PROVIDER_CONFIG","remove_resource_provider_config":{"type":"t","name":"n"}}`:        authorizationpb.Action_MODIFY_RESOURCE_PROVIDER_CONFIG,
		`{"type":"MARK_RESOURCE_PROVIDER_GONE","mark_resource_provider_gone":{"resource_provider_id":{"value":"p"}}}`: authorizationpb.Action_MARK_RESOURCE_PROVIDER_GONE,

		`{"type":"LAUNCH_NESTED_CONTAINER","launch_nested_container":{` + nested + `,"command":{"value":"asked-for"}}}`:                 authorizationpb.Action_LAUNCH_NESTED_CONTAINER,
		`{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{` + nested + `}}`:                                                     authorizationpb.Action_WAIT_NESTED_CONTAINER,
		`{"type":"KILL_NESTED_CONTAINER","kill_nested_container":{` + nested + `}}`:                                                     authorizationpb.Action_KILL_NESTED_CONTAINER,
		`{"type":"REMOVE_NESTED_CONTAINER","remove_nested_container":{` + nested + `}}`:                                                 authorizationpb.Action_REMOVE_NESTED_CONTAINER,
		`{"type":"LAUNCH_NESTED_CONTAINER_SESSION","launch_nested_container_session":{` + nested + `,"command":{"value":"asked-for"}}}`: authorizationpb.Action_LAUNCH_NESTED_CONTAINER_SESSION,
		`{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":{` + nested + `}}`:                                                 authorizationpb.Action_ATTACH_CONTAINER_OUTPUT,
		`{"type":"LAUNCH_CONTAINER","launch_container":{` + nested + `,"command":{"value":"asked-for"}}}`:                               authorizationpb.Action_LAUNCH_NESTED_CONTAINER,
		`{"type":"WAIT_CONTAINER","wait_container":{` + nested + `}}`:                                                                   authorizationpb.Action_WAIT_NESTED_CONTAINER,
		`{"type":"KILL_CONTAINER","kill_container":{` + nested + `}}`:                                                                   authorizationpb.Action_KILL_NESTED_CONTAINER,
		`{"type":"REMOVE_CONTAINER","remove_container":{` + nested + `}}`:                                                               authorizationpb.Action_REMOVE_NESTED_CONTAINER,

		`{"type":"LAUNCH_CONTAINER","launch_container":{` + alone + `,"command":{"value":"true"}}}`: authorizationpb.Action_LAUNCH_STANDALONE_CONTAINER,
		`{"type":"WAIT_CONTAINER","wait_container":{` + alone + `}}`:                                authorizationpb.Action_WAIT_STANDALONE_CONTAINER,
		`{"type":"KILL_CONTAINER","kill_container":{` + alone + `}}`:                                authorizationpb.Action_KILL_STANDALONE_CONTAINER,
		`{"type":"REMOVE_CONTAINER","remove_container":{` + alone + `}}`:                            authorizationpb.Action_REMOVE_STANDALONE_CONTAINER,
	}
}

// Every call that changes something is refused without permission, and asks about the right object.
func TestCallsAreRefused(t *testing.T) {
	t.Parallel()
	w, j := judged(t)
	container := w.containers.Launched()[0].ID
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	for call, action := range judgedCalls(string(container)) {
		j.Deny(action)
		if r := w.ask("POST", "/slave(1)/api/v1", header, []byte(call)); r.Status != http.StatusForbidden {
			t.Errorf("%s without %s: %d %s", call, action, r.Status, r.Body)
		}
		about := j.About().String()
		for text, wanted := range map[string]bool{
			"hidden-framework": strings.Contains(call, "parent"), `value:"alone"`: strings.Contains(call, "alone"),
			"asked-for": strings.Contains(call, "asked-for"),
		} {
			if strings.Contains(about, text) != wanted {
				t.Errorf("%s asks about %s", call, about)
			}
		}
	}
	j.Deny(authorizationpb.Action_ATTACH_CONTAINER_INPUT)
	stream := http.Header{"Content-Type": {"application/recordio"}, "Message-Content-Type": {"application/json"}}
	record := `{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"CONTAINER_ID","container_id":{"value":"` + string(container) + `"}}}`
	if r := w.ask("POST", "/slave(1)/api/v1", stream, recordio.Append(nil, []byte(record))); r.Status != http.StatusForbidden {
		t.Errorf("ATTACH_CONTAINER_INPUT: %d %s", r.Status, r.Body)
	}
	j.Deny(authorizationpb.Action_ATTACH_CONTAINER_OUTPUT) // which is what a session is answered with
	launched := len(w.containers.Launched())
	session := `{"type":"LAUNCH_NESTED_CONTAINER_SESSION","launch_nested_container_session":{"container_id":{"value":"s","parent":{"value":"` +
		string(container) + `"}},"command":{"value":"true"}}}`
	if r := w.ask("POST", "/slave(1)/api/v1", header, []byte(session)); r.Status != http.StatusForbidden || len(w.containers.Launched()) != launched {
		t.Errorf("a session without output: %d %s", r.Status, r.Body)
	}
	for path, action := range map[string]authorizationpb.Action{
		"/flags":               authorizationpb.Action_VIEW_FLAGS,
		"/containers":          authorizationpb.Action_GET_ENDPOINT_WITH_PATH,
		"/monitor/statistics":  authorizationpb.Action_GET_ENDPOINT_WITH_PATH,
		"/containerizer/debug": authorizationpb.Action_GET_ENDPOINT_WITH_PATH,
	} {
		w.Advance(time.Second)
		if r := w.ask("POST", "/slave(1)"+path, nil, nil); r.Status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d %s", path, r.Status, r.Body)
		}
		j.Deny(action)
		w.Advance(time.Second)
		r := w.ask("GET", "/slave(1)"+path, nil, nil)
		if about := j.About().String(); r.Status != http.StatusForbidden || path != "/flags" && about != `value:"`+path+`"` {
			t.Errorf("%s: %d %s, asked about %s", path, r.Status, r.Body, about)
		}
	}
}

// No call is forgotten above.
func TestEveryCallIsJudged(t *testing.T) {
	t.Parallel()
	known := map[string]bool{
		"UNKNOWN": true, "GET_HEALTH": true, "GET_VERSION": true, "GET_METRICS": true, "GET_LOGGING_LEVEL": true, "GET_AGENT": true, // for everybody
		"LIST_FILES": true, "READ_FILE": true, // decided where the file is attached
		"GET_STATE": true, "GET_TASKS": true, "GET_EXECUTORS": true, "GET_FRAMEWORKS": true, "GET_CONTAINERS": true, // filtered
		"GET_OPERATIONS": true, "GET_RESOURCE_PROVIDERS": true, // there are none
		"ATTACH_CONTAINER_INPUT": true, // in a stream
	}
	for call := range judgedCalls("c") {
		_, rest, _ := strings.Cut(call, `"type":"`)
		name, _, _ := strings.Cut(rest, `"`)
		known[name] = true
	}
	for _, name := range agentpb.Call_Type_name {
		if !known[name] {
			t.Error(name)
		}
	}
}

// A sandbox is visible only with permission, under all its names, and through both APIs.
func TestSandboxesAreRefused(t *testing.T) {
	t.Parallel()
	w, j := judged(t)
	sandbox := w.containers.Launched()[0].Config.GetDirectory()
	if err := os.WriteFile(filepath.Join(sandbox, "stdout"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	expect := func(status int) {
		t.Helper()
		for _, path := range []string{sandbox, filepath.Join(filepath.Dir(sandbox), "latest")} {
			if r := w.ask("GET", "/files/read?path="+path+"/stdout&offset=0", nil, nil); r.Status != status {
				t.Errorf("/files/read: %d %s", r.Status, r.Body)
			}
			if r := w.ask("GET", "/files/browse?path="+path, nil, nil); r.Status != status {
				t.Errorf("/files/browse: %d %s", r.Status, r.Body)
			}
			if r := w.ask("GET", "/files/download?path="+path+"/stdout", nil, nil); r.Status != status {
				t.Errorf("/files/download: %d %s", r.Status, r.Body)
			}
			list := `{"type":"LIST_FILES","list_files":{"path":"` + path + `"}}`
			if r := w.ask("POST", "/slave(1)/api/v1", header, []byte(list)); r.Status != status {
				t.Errorf("LIST_FILES: %d %s", r.Status, r.Body)
			}
			read := `{"type":"READ_FILE","read_file":{"offset":0,"path":"` + path + `/stdout"}}`
			if r := w.ask("POST", "/slave(1)/api/v1", header, []byte(read)); r.Status != status {
				t.Errorf("READ_FILE: %d %s", r.Status, r.Body)
			}
		}
	}
	expect(http.StatusOK)
	j.Deny(authorizationpb.Action_ACCESS_SANDBOX)
	expect(http.StatusForbidden)
	if about := j.About().String(); !strings.Contains(about, "hidden-framework") || !strings.Contains(about, "executor_info") {
		t.Errorf("asked about %s", about)
	}
}

// The agent asks whether a framework may run a task as its user, whatever the master has decided.
//
// Mesos: Slave::authorizeTask.
func TestTasksAreAuthorized(t *testing.T) {
	t.Parallel()
	j := &authorizertest.Judge{}
	w := newWorld(t, func(w *world) { w.config.Authorizer = j })
	w.say(command("t1", framework()))
	w.states("t1", mesospb.TaskState_TASK_RUNNING)
	j.Deny(authorizationpb.Action_RUN_TASK)
	w.say(command("t2", framework()))
	w.states("t2", mesospb.TaskState_TASK_ERROR)
	w.reason("t2", mesospb.TaskStatus_REASON_TASK_UNAUTHORIZED)
	if got := w.m.Last("t2").GetStatus().GetMessage(); got != "Task 't2' is not authorized to launch as user 'root'" {
		t.Error(got)
	}
	if about := j.About().String(); !strings.Contains(about, "t2") || !strings.Contains(about, `"test"`) {
		t.Errorf("asked about %s", about)
	}
	if n := len(w.containers.Launched()); n != 1 {
		t.Errorf("%d containers were launched", n)
	}
}
