package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/authorizerpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime/web"
)

func parse(t *testing.T, text string) *Authorizer {
	t.Helper()
	acls, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(acls)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// may asks for a principal by name; "" is a client that is not authenticated.
func may(t *testing.T, a *Authorizer, principal string, action authorizationpb.Action, object *authorizationpb.Object) bool {
	t.Helper()
	var who *web.Principal
	if principal != "" {
		who = &web.Principal{Name: principal}
	}
	by, done, err := a.Approver(who).Peek()
	if err != nil || !done {
		t.Fatal("no approver", err, done)
	}
	ok, err := by.Approved(action, object)
	if err != nil {
		t.Fatalf("%s: %v", action, err)
	}
	return ok
}

func user(name string) *mesospb.CommandInfo { return &mesospb.CommandInfo{User: &name} }

func framework(user, principal string, roles ...string) *mesospb.FrameworkInfo {
	return &mesospb.FrameworkInfo{
		Name: proto.String("f"), User: &user, Principal: &principal, Roles: roles,
		Capabilities: []*mesospb.FrameworkInfo_Capability{{Type: mesospb.FrameworkInfo_Capability_MULTI_ROLE.Enum()}},
	}
}

// All actions have a list, and all lists an action.
func TestEveryActionHasItsList(t *testing.T) {
	t.Parallel()
	used := map[protoreflect.Name]bool{"permissive": true}
	for number, name := range authorizationpb.Action_name {
		l, ok := lists[authorizationpb.Action(number)]
		if !ok && number != 0 {
			t.Errorf("%s has no list", name)
		}
		used[protoreflect.Name(l.name)] = true
	}
	for _, name := range childLists {
		used[protoreflect.Name(name)] = true
	}
	fields := (&authorizerpb.ACLs{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if name := fields.Get(i).Name(); !used[name] {
			t.Errorf("no action is decided by %s", name)
		}
	}
}

// The first rule about principal and object decides. These are the matrices in Mesos's source.
func TestTheFirstMatchingRuleDecides(t *testing.T) {
	t.Parallel()
	const (
		run     = authorizationpb.Action_RUN_TASK
		any     = `{"type": "ANY"}`
		none    = `{"type": "NONE"}`
		ab      = `{"values": ["a", "b"]}`
		strict  = `"permissive": false, `
		onUsers = `"run_tasks": [{"principals": %p, "users": %u}]`
	)
	for _, c := range []struct {
		permissive        bool
		principals, users string
		principal, user   string // "": no principal, no object
		want              bool
	}{
		{false, ab, ab, "a", "b", true},
		{false, ab, ab, "a", "c", false},
		{false, ab, ab, "c", "a", false},
		{true, ab, ab, "a", "c", true}, // no rule is about c
		{true, ab, ab, "", "a", true},
		{false, ab, ab, "", "a", false},
		{false, ab, ab, "a", "", false},
		{false, any, any, "", "", true},
		{false, any, any, "a", "b", true},
		{false, ab, any, "a", "", true},
		{true, any, none, "a", "b", false},
		{true, any, none, "", "", false},
		{true, none, any, "a", "b", false},
		{true, none, any, "", "b", false},
		{true, none, none, "a", "b", false},
	} {
		text := "{" + strings.NewReplacer("%p", c.principals, "%u", c.users).Replace(onUsers) + "}"
		if !c.permissive {
			text = strings.Replace(text, "{", "{"+strict, 1)
		}
		var object *authorizationpb.Object
		if c.user != "" {
			object = &authorizationpb.Object{FrameworkInfo: framework(c.user, "")}
		}
		if got := may(t, parse(t, text), c.principal, run, object); got != c.want {
			t.Errorf("%s: %q may run as %q: %v", text, c.principal, c.user, got)
		}
	}
}

// Without rules, permissive decides, and it is true unless it is given.
func TestPermissive(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{`{}`: true, `{"permissive": true}`: true, `{"permissive": false}`: false} {
		a := parse(t, text)
		for action, l := range lists {
			if l.required {
				continue
			}
			if got := may(t, a, "a", action, nil); got != want {
				t.Errorf("%s: %s is %v", text, action, got)
			}
		}
		if may(t, a, "a", authorizationpb.Action_UNKNOWN, nil) || may(t, a, "a", 4711, nil) {
			t.Errorf("%s: unknown actions are allowed", text)
		}
	}
}

// eng/% is about the roles below eng.
func TestRolesAreHierarchical(t *testing.T) {
	t.Parallel()
	a := parse(t, `{"permissive": false, "view_roles": [
		{"principals": {"values": ["a"]}, "roles": {"values": ["eng/%", "ops"]}},
		{"principals": {"values": ["b"]}, "roles": {"type": "ANY"}},
		{"principals": {"values": ["c"]}, "roles": {"values": ["eng/dev/%"]}}],
		"register_frameworks": [{"principals": {"type": "ANY"}, "roles": {"values": ["eng/%", "ops"]}}]}`)
	for who, roles := range map[string]map[string]bool{
		"a": {"eng": false, "eng/": true, "eng/dev": true, "eng/dev/x": true, "engine/x": false, "ops": true, "ops/x": false, "eng/%": true},
		"b": {"eng": true, "eng/dev": true, "x": true},
		"c": {"eng/dev": false, "eng/dev/x": true, "eng/x": false},
	} {
		for role, want := range roles {
			if got := may(t, a, who, authorizationpb.Action_VIEW_ROLE, &authorizationpb.Object{Value: &role}); got != want {
				t.Errorf("%s may see %s: %v", who, role, got)
			}
		}
	}
	for _, c := range []struct {
		roles []string
		want  bool
	}{{[]string{"ops"}, true}, {[]string{"ops", "eng/x"}, true}, {[]string{"ops", "eng"}, false}, {[]string{"x"}, false}, {nil, false}} {
		object := &authorizationpb.Object{FrameworkInfo: framework("u", "p", c.roles...)}
		if got := may(t, a, "a", authorizationpb.Action_REGISTER_FRAMEWORK, object); got != c.want {
			t.Errorf("a framework with the roles %q may register: %v", c.roles, got)
		}
	}
}

// What each action is about, in the order of preference.
func TestObjects(t *testing.T) {
	t.Parallel()
	executor := &mesospb.ExecutorInfo{Command: user("executor")}
	resource := func(refined ...string) *mesospb.Resource {
		r := &mesospb.Resource{Role: proto.String("old"), Reservation: &mesospb.Resource_ReservationInfo{Principal: proto.String("older")}}
		for _, name := range refined {
			r.Reservations = append(r.Reservations, &mesospb.Resource_ReservationInfo{Role: &name, Principal: proto.String("by-" + name)})
		}
		return r
	}
	volume := &mesospb.Resource{Disk: &mesospb.Resource_DiskInfo{Persistence: &mesospb.Resource_DiskInfo_Persistence{Principal: proto.String("maker")}}}
	info := framework("framework", "principal")
	for _, c := range []struct {
		action authorizationpb.Action
		object *authorizationpb.Object
		want   string // "": any
	}{
		{authorizationpb.Action_RUN_TASK, &authorizationpb.Object{TaskInfo: &mesospb.TaskInfo{Command: user("task"), Executor: executor}, FrameworkInfo: info}, "task"},
		{authorizationpb.Action_RUN_TASK, &authorizationpb.Object{TaskInfo: &mesospb.TaskInfo{Executor: executor}, FrameworkInfo: info}, "executor"},
		{authorizationpb.Action_RUN_TASK, &authorizationpb.Object{TaskInfo: &mesospb.TaskInfo{}, FrameworkInfo: info}, "framework"},
		{authorizationpb.Action_RUN_TASK, &authorizationpb.Object{}, ""},
		{authorizationpb.Action_VIEW_TASK, &authorizationpb.Object{Task: &mesospb.Task{User: proto.String("task")}, FrameworkInfo: info}, "task"},
		{authorizationpb.Action_VIEW_TASK, &authorizationpb.Object{Task: &mesospb.Task{}, FrameworkInfo: info}, "framework"},
		{authorizationpb.Action_VIEW_EXECUTOR, &authorizationpb.Object{ExecutorInfo: executor, FrameworkInfo: info}, "executor"},
		{authorizationpb.Action_VIEW_EXECUTOR, &authorizationpb.Object{ExecutorInfo: &mesospb.ExecutorInfo{}, FrameworkInfo: info}, "framework"},
		{authorizationpb.Action_VIEW_FRAMEWORK, &authorizationpb.Object{FrameworkInfo: info}, "framework"},
		{authorizationpb.Action_ACCESS_SANDBOX, &authorizationpb.Object{ExecutorInfo: executor, FrameworkInfo: info}, "executor"},
		{authorizationpb.Action_ACCESS_SANDBOX, &authorizationpb.Object{}, ""},
		{authorizationpb.Action_VIEW_CONTAINER, &authorizationpb.Object{FrameworkInfo: info}, "framework"},
		{authorizationpb.Action_KILL_NESTED_CONTAINER, &authorizationpb.Object{ContainerId: &mesospb.ContainerID{Value: proto.String("c")}}, "c"},
		{authorizationpb.Action_KILL_NESTED_CONTAINER, &authorizationpb.Object{ExecutorInfo: executor, ContainerId: &mesospb.ContainerID{Value: proto.String("c")}}, "executor"},
		{authorizationpb.Action_TEARDOWN_FRAMEWORK, &authorizationpb.Object{FrameworkInfo: info, Value: proto.String("v")}, "principal"},
		{authorizationpb.Action_TEARDOWN_FRAMEWORK, &authorizationpb.Object{Value: proto.String("v")}, "v"},
		{authorizationpb.Action_RESERVE_RESOURCES, &authorizationpb.Object{Resource: resource("r1", "r2")}, "r2"},
		{authorizationpb.Action_RESERVE_RESOURCES, &authorizationpb.Object{Resource: resource()}, "old"},
		{authorizationpb.Action_UNRESERVE_RESOURCES, &authorizationpb.Object{Resource: resource("r1", "r2")}, "by-r2"},
		{authorizationpb.Action_UNRESERVE_RESOURCES, &authorizationpb.Object{Resource: resource()}, "older"},
		{authorizationpb.Action_UNRESERVE_RESOURCES, &authorizationpb.Object{}, ""},
		{authorizationpb.Action_DESTROY_VOLUME, &authorizationpb.Object{Resource: volume}, "maker"},
		{authorizationpb.Action_UPDATE_WEIGHT, &authorizationpb.Object{WeightInfo: &mesospb.WeightInfo{Role: proto.String("w")}}, "w"},
		{authorizationpb.Action_GET_ENDPOINT_WITH_PATH, &authorizationpb.Object{Value: proto.String("/containers")}, "/containers"},
	} {
		got, ok := lists[c.action].object(c.object)
		if !ok {
			got = ""
		}
		if got != c.want {
			t.Errorf("%s is about %q, want %q", c.action, got, c.want)
		}
	}
}

// An action whose object is missing is refused with an error, because the caller is wrong.
func TestMissingObjects(t *testing.T) {
	t.Parallel()
	by := named{parse(t, `{}`), one("a")}
	for action, l := range lists {
		ok, err := by.Approved(action, &authorizationpb.Object{})
		if l.required && (ok || err == nil) || !l.required && err != nil {
			t.Errorf("%s without an object: %v, %v", action, ok, err)
		}
	}
}

// A nested container needs permission for the user of its parent and for its own.
func TestNestedContainersNeedBothUsers(t *testing.T) {
	t.Parallel()
	a := parse(t, `{"permissive": false,
		"launch_nested_containers_under_parent_with_user": [{"principals": {"values": ["a", "b"]}, "users": {"values": ["parent"]}}],
		"launch_nested_containers_as_user": [{"principals": {"values": ["a"]}, "users": {"values": ["child"]}}]}`)
	for _, c := range []struct {
		principal, parent string
		command           *mesospb.CommandInfo
		want              bool
	}{
		{"a", "parent", user("child"), true},
		{"a", "parent", user("root"), false},
		{"a", "parent", &mesospb.CommandInfo{}, false}, // as any user
		{"a", "root", user("child"), false},
		{"b", "parent", user("child"), false},
		{"b", "parent", nil, true}, // nothing is run
	} {
		object := &authorizationpb.Object{FrameworkInfo: framework(c.parent, ""), CommandInfo: c.command}
		if got := may(t, a, c.principal, authorizationpb.Action_LAUNCH_NESTED_CONTAINER, object); got != c.want {
			t.Errorf("%s may launch %v below %s: %v", c.principal, c.command, c.parent, got)
		}
	}
}

// Executors use their own containers, whatever the lists say, and nothing else.
func TestExecutorsHaveTheirOwnContainers(t *testing.T) {
	t.Parallel()
	a := parse(t, `{"permissive": true}`)
	inside := &mesospb.ContainerID{Value: proto.String("n"), Parent: &mesospb.ContainerID{Value: proto.String("c1")}}
	for _, c := range []struct {
		claims map[string]string
		action authorizationpb.Action
		id     *mesospb.ContainerID
		want   bool
	}{
		{map[string]string{"cid": "c1"}, authorizationpb.Action_LAUNCH_NESTED_CONTAINER, inside, true},
		{map[string]string{"cid": "c1"}, authorizationpb.Action_ATTACH_CONTAINER_OUTPUT, inside, true},
		{map[string]string{"cid": "c1"}, authorizationpb.Action_ATTACH_CONTAINER_INPUT, inside, false},
		{map[string]string{"cid": "c2"}, authorizationpb.Action_KILL_NESTED_CONTAINER, inside, false},
		{map[string]string{"cid": "n"}, authorizationpb.Action_KILL_NESTED_CONTAINER, inside, false},
		{map[string]string{"cid": "c1"}, authorizationpb.Action_KILL_NESTED_CONTAINER, nil, false},
		{map[string]string{"x": "c1"}, authorizationpb.Action_KILL_NESTED_CONTAINER, inside, false},
		{map[string]string{"cid": "c1"}, authorizationpb.Action_KILL_STANDALONE_CONTAINER, inside, false},
		{map[string]string{"cid_prefix": "rp-"}, authorizationpb.Action_KILL_STANDALONE_CONTAINER, &mesospb.ContainerID{Value: proto.String("rp-1")}, true},
		{map[string]string{"cid_prefix": "rp-"}, authorizationpb.Action_KILL_STANDALONE_CONTAINER, &mesospb.ContainerID{Value: proto.String("x")}, false},
		{map[string]string{"cid": "c1"}, authorizationpb.Action_VIEW_FLAGS, nil, false},
	} {
		by, _, _ := a.Approver(&web.Principal{Claims: c.claims}).Peek()
		if got, err := by.Approved(c.action, &authorizationpb.Object{ContainerId: c.id}); got != c.want || err != nil {
			t.Errorf("%v may %s %v: %v, %v", c.claims, c.action, c.id, got, err)
		}
	}
}

// Rules that cannot decide anything are refused in Mesos's words.
func TestInvalidLists(t *testing.T) {
	t.Parallel()
	some := `{"values": ["x"]}`
	for text, want := range map[string]string{
		`{"view_flags": [{"principals": {"type": "ANY"}, "flags": ` + some + `}]}`:                   "ACL.ViewFlags type must be either NONE or ANY",
		`{"set_log_level": [{"principals": {"type": "ANY"}, "level": ` + some + `}]}`:                "ACL.SetLogLevel type must be either NONE or ANY",
		`{"mark_resource_providers_gone": [{"principals": {}, "resource_providers": ` + some + `}]}`: "ACL.MarkResourceProvidersGone type must be either NONE or ANY",
		`{"get_endpoints": [{"principals": {"type": "ANY"}, "paths": {"values": ["/state"]}}]}`:      "Path: '/state' is not an authorizable path",
		`{"get_endpoints": [{"principals": {"type": "ANY"}, "paths": {"values": ["/containers"]}}]}`: "",
		`{"mark_agents_gone": [{"principals": {"type": "ANY"}, "agents": ` + some + `}]}`:            "",
	} {
		acls, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if _, err := New(acls); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"{", `[]`, `{"view_flags": 1}`, `{"view_flags": [{"principals": {}}]}`} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
	if _, err := Parse(`{"view_flag": []}`); err != nil {
		t.Errorf("Mesos ignores unknown fields: %v", err)
	}
}

// The lists of the recorded cluster say of every principal what its name says.
//
// Recorded in golden/auth/3-acls-acls.json.
func TestRecordedLists(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(os.Getenv("MESETA_SHARED"), "golden/auth/3-acls-acls.json"))
	if err != nil || os.Getenv("MESETA_SHARED") == "" {
		t.Skipf("no recordings here: %v", err)
	}
	a := parse(t, string(content))
	object := &authorizationpb.Object{
		Value: proto.String("red"), FrameworkInfo: framework("alice", "p", "red"), Task: &mesospb.Task{}, ExecutorInfo: &mesospb.ExecutorInfo{},
		CommandInfo: user("alice"), QuotaInfo: nil,
	}
	denied := 0
	for action, l := range lists {
		if action == authorizationpb.Action_UPDATE_QUOTA {
			continue // by QuotaInfo, of older clients
		}
		if !may(t, a, "op", action, object) {
			t.Errorf("op may not %s", action)
		}
		for other, m := range lists {
			if other != authorizationpb.Action_UPDATE_QUOTA && m.name != l.name && !may(t, a, "no-"+l.name, other, object) {
				t.Errorf("no-%s may not %s", l.name, other)
			}
		}
		if !may(t, a, "no-"+l.name, action, object) {
			denied++
		}
	}
	if denied < 30 {
		t.Errorf("only %d actions are denied to their own principals", denied)
	}
	for user, want := range map[string]bool{"alice": false, "bob": true} {
		if got := may(t, a, "some", authorizationpb.Action_VIEW_FRAMEWORK, &authorizationpb.Object{FrameworkInfo: framework(user, "p")}); got != want {
			t.Errorf("some sees frameworks of %s: %v", user, got)
		}
	}
}

// No text leads to a panic, and no lists allow an unknown action.
func FuzzLists(f *testing.F) {
	f.Add(`{"permissive": false, "run_tasks": [{"principals": {"type": "ANY"}, "users": {"values": ["a"]}}]}`)
	f.Add(`{"view_roles": [{"principals": {"values": [""]}, "roles": {"type": "NONE", "values": ["/%", "%"]}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		acls, err := Parse(text)
		if err != nil {
			return
		}
		a, err := New(acls)
		if err != nil {
			return
		}
		for action := range lists {
			first, err := (named{a, one("a")}).Approved(action, &authorizationpb.Object{Value: proto.String("a/b")})
			again, _ := (named{a, one("a")}).Approved(action, &authorizationpb.Object{Value: proto.String("a/b")})
			if first != again || err != nil && first {
				t.Errorf("%s: %v, then %v, %v", action, first, again, err)
			}
		}
		if ok, _ := (named{a, anyone}).Approved(authorizationpb.Action_UNKNOWN, nil); ok {
			t.Error("an unknown action is allowed")
		}
	})
}
