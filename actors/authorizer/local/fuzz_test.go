package local

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/authorizationpb"
	"meseta/runtime/web"
)

// No lists make the authorizer fail otherwise than with an error, and lists that permit nothing by default and name nobody
// permit nobody anything.
func FuzzACLs(f *testing.F) {
	for _, text := range []string{
		"", "{}", `{"permissive": false}`, `{"run_tasks": [{"principals": {"values": ["a"]}, "users": {"type": "NONE"}}]}`,
		`{"permissive": false, "register_frameworks": [{"principals": {"type": "ANY"}, "roles": {"values": ["a/%"]}}]}`, `{"view_flags": [{}]}`,
	} {
		f.Add(text, "a", "a/b")
	}
	f.Fuzz(func(t *testing.T, text, principal, value string) {
		acls, err := Parse(text)
		if err != nil {
			return
		}
		a, err := New(acls)
		if err != nil {
			return
		}
		by, done, err := a.Approver(&web.Principal{Name: principal}).Peek()
		if !done || err != nil {
			t.Fatal(done, err)
		}
		empty := proto.Size(acls) == 2 && !acls.GetPermissive() // nothing but the field permissive
		for number := range authorizationpb.Action_name {
			ok, err := by.Approved(authorizationpb.Action(number), &authorizationpb.Object{Value: &value})
			if ok && (err != nil || empty) {
				t.Errorf("%s allows %s to %q: %v", text, authorizationpb.Action(number), principal, err)
			}
		}
	})
}
